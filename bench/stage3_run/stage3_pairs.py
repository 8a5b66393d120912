"""Pairs of a real clip and a sample of the SlowAdapter on the FastGenerator, with the same frame 0 and boxes, and how they are noised."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor

from flashmotion_core.adapters import AdapterFile
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.losses.regression import noised
from flashmotion_core.sampling.few_step import few_step
from flashmotion_core.wan.conditioning import with_clean_frame
from train.data.encoded import Batch
from train.engine.roles import Denoiser, Role
from train.engine.streams import Streams
from train.methods.rollout import estimator
from train.run_folder.artifacts import SLOW
from train.run_folder.generator_file import GeneratorFile

from .stage3_place import Stage3Place
from .stage3_sizes import KIND, SEED

FINAL, FIRST, RANDOM = "final samples", "first-step estimates", "random exit"
KINDS = (FINAL, FIRST, RANDOM)
"""What stands beside the real clip; a random exit is what the discriminator learns from."""
LEARN, ASK = "learn", "ask"
"""Clips to learn from, and held-out ones."""
AT_ONCE = 64


def write_pairs(place: Stage3Place) -> None:
    """Make the SlowAdapter's samples, of clips to learn from and of held-out ones."""
    slow = place.artifacts.adapter(SLOW, KIND)
    for split in (LEARN, ASK):
        found = student_samples(place, place.fast, slow, split)
        halves = {name: value.half().contiguous() for name, value in found.items()}
        save_whole(place.folder / "pairs" / f"{split}.safetensors", halves, {})


def student_samples(place: Stage3Place, fast: GeneratorFile, adapter: AdapterFile, split: str) -> dict[str, Tensor]:
    """Samples of an adapter on a FastGenerator beside the real clips of a split, by kind."""
    builder, sigmas = place.artifacts.builder, place.artifacts.schedule.sigmas
    network = Denoiser(builder.generator(fast.sizes, fast.weights), builder.adapter(adapter, fast.sizes))
    role, clips, many = builder.role(network), place.asked, place.counts.held_out
    if split == LEARN:
        clips, many = place.clips, place.counts.pairs
    latents = torch.cat(
        [
            role_estimates(role, clips.batch(range(first, min(first + AT_ONCE, many))), sigmas, split, first)
            for first in range(0, many, AT_ONCE)
        ],
        dim=1,
    )
    exits = (Streams(SEED, split, 0).uniform("exit", range(many)) * len(latents)).long()
    return {FINAL: latents[-1], FIRST: latents[0], RANDOM: latents[exits, torch.arange(many)]}


@torch.no_grad()
def role_estimates(role: Role, batch: Batch, sigmas: Sequence[float], split: str, first: int) -> Tensor:
    """The clean estimates after each step of sampling, ``[steps, B, C, F, H, W]``."""
    streams, like = Streams(SEED, split, 0), batch.latent_BCFHW
    places, found = range(first, first + len(like)), list[Tensor]()
    estimate = estimator(role, like[:, :, :1], batch.context_BMT, batch.control_box_BCFHW)

    def noise(step: int) -> Tensor:
        return streams.noise(f"rollout_{step}", places, like.shape[1:])

    def kept(x: Tensor, sigma: float) -> Tensor:
        found.append(estimate(x, sigma))
        return found[-1]

    few_step(kept, noise(0) * sigmas[0], tuple(sigmas), map(noise, count(1)))
    return torch.stack(found)


def read_pairs(place: Stage3Place, split: str) -> tuple[Batch, dict[str, Tensor]]:
    """The real clips as a batch, and the samples beside them by kind."""
    samples = {
        name: value.float() for name, value in read_tensors(place.folder / "pairs" / f"{split}.safetensors")[0].items()
    }
    clips = place.clips if split == LEARN else place.asked
    return clips.batch(range(len(samples[FINAL]))), samples


def noisy(latent_BCFHW: Tensor, sigma_B: Tensor, split: str, draw: int = 0) -> Tensor:
    """Latents with noise, frame 0 clean; both clips of a pair get the same."""
    noise = Streams(SEED, f"judged {split}", draw).noise("noise", range(len(latent_BCFHW)), latent_BCFHW.shape[1:])
    return with_clean_frame(noised(latent_BCFHW, noise, sigma_B), latent_BCFHW[:, :, :1])


def level(sigma: float, many: int) -> Tensor:
    """One noise level for so many clips."""
    return torch.full((many,), sigma)
