"""Clips sampled from networks in training as the product samples them: few steps with fresh noise, or many Euler steps."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor

from flashmotion_core.losses.regression import guided
from flashmotion_core.sampling.few_step import euler as integrate
from flashmotion_core.sampling.few_step import few_step

from ..data.encoded import Batch, EncodedClips
from ..engine.roles import Role
from ..engine.streams import Streams
from ..methods.conditions import without_prompt
from ..methods.rollout import estimator

SEED = 0
"""Of the noise in evaluations: the same for every row and run, so that rows can be compared clip by clip."""


@torch.no_grad()
def sample(
    role: Role,
    batch: Batch,
    sigmas: tuple[float, ...],
    *,
    euler: bool,
    seed: int,
    places: Sequence[int] | None = None,
    control_BCFHW: Tensor | None = None,
    guidance_scale: float = 1.0,
    no_prompt_1MT: Tensor | None = None,
) -> Tensor:
    """Latents ``[B, C, F, H, W]`` that start from a batch's first frames and follow its trajectories.

    Args:
        role: the generator with its adapter.
        batch: clips; their frame 0, text and control are used.
        sigmas: noise levels.
        euler: integrate with Euler steps, as a multi-step generator needs; otherwise add fresh noise to each estimate (few steps).
        seed: of the noise.
        places: of the clips: one of the same place gets the same noise in every call. None for 0, 1, ...
        control_BCFHW: control latents to follow; None for those of the batch's boxes.
        guidance_scale: of the prompt, in the standard convention; 1 for no guidance. Both predictions see the trajectory.
        no_prompt_1MT: embedding of "no prompt"; None for zeros.
    """
    streams = Streams(seed, "sample", 0)
    positions = range(len(batch.names)) if places is None else places
    clean = batch.latent_BCFHW[:, :, :1]
    control = batch.control_box_BCFHW if control_BCFHW is None else control_BCFHW
    conditional = estimator(role, clean, batch.context_BMT, control)
    unconditional = estimator(role, clean, without_prompt(batch, no_prompt_1MT), control)

    def noise(step: int) -> Tensor:
        return streams.noise(f"noise_{step}", positions, batch.latent_BCFHW.shape[1:]).to(clean)

    def estimate(x: Tensor, sigma: float) -> Tensor:
        x0 = conditional(x, sigma)
        return x0 if guidance_scale == 1 else guided(x0, unconditional(x, sigma), guidance_scale)

    if euler:
        return integrate(estimate, noise(0) * sigmas[0], sigmas)
    return few_step(estimate, noise(0) * sigmas[0], sigmas, map(noise, count(1)))


def place_of(clips: EncodedClips, index: int) -> int:
    """Where a clip's noise is drawn: by its name for a video, so that clips that come or go change no other's; else by its number."""
    record = clips.records[index]
    return index if "synthetic" in record.origin else zlib.crc32(record.name.encode())
