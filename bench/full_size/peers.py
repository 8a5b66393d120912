"""Others on the same shapes and steps: diffusers' own pipeline, and an adapter that computes and stores all residuals before the pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from flashmotion_core.adapters import ControlNetAdapter, TrajectoryAdapter
from flashmotion_core.loading import TEXT_TOKENS, Generator
from flashmotion_core.sampling import TRAINED_SHIFT
from flashmotion_core.video import write_mp4

from .clock import Mark, Work
from .job import FPS, STEPS, Clip, a_file, picture


class StoredResiduals(TrajectoryAdapter):
    """An adapter as one writes it first: every residual is computed before the generator runs, and all are kept until it has.

    The same numbers as the adapter inside it; nothing is computed once per clip either.
    """

    def __init__(self, adapter: TrajectoryAdapter) -> None:
        """Wrap an adapter."""
        super().__init__()
        self.adapter = adapter
        self.kind, self.inject_after, self.dim = f"naive {adapter.kind}", adapter.inject_after, adapter.dim

    def prepare(self, control_BCFHW: Tensor) -> Tensor:
        """Nothing is prepared."""
        return control_BCFHW

    def begin(self, prepared: Tensor, *inputs: Tensor) -> list[Tensor]:
        """All residuals of this pass."""
        state = self.adapter.begin(self.adapter.prepare(prepared), *inputs)
        return [self.adapter.residual(index, state) for index in range(len(self.inject_after))]

    def residual(self, index: int, state: list[Tensor]) -> Tensor:
        """One of them."""
        return state[index]


def stored_bytes(adapter: TrajectoryAdapter, clip: Clip, element: int) -> int:
    """What all residuals of one pass take, for elements of so many bytes."""
    return len(adapter.inject_after) * clip.tokens * adapter.dim * element


def diffusers_pipeline(generator: Generator, vae: Any) -> Any:
    """diffusers' ``WanImageToVideoPipeline`` of the 5B kind (a timestep per token), on models that are there already; no text encoder."""
    from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline

    # Four plain Euler steps: which solver is used costs nothing beside the transformer.
    pipeline = WanImageToVideoPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=TRAINED_SHIFT),
        transformer=generator.transformer,
        expand_timesteps=True,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_job(pipeline: Any, clip: Clip) -> Work:
    """Picture to a finished file without any trajectory: encode, four steps without CFG, decode, write. A mark after every step."""
    from PIL import Image

    transformer = pipeline.transformer
    weight = transformer.patch_embedding.weight
    text = torch.randn(1, TEXT_TOKENS, transformer.config.text_dim, device=weight.device, dtype=weight.dtype)
    start = Image.fromarray(picture(clip))

    def work(mark: Mark) -> None:
        def done(_: Any, index: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
            mark()
            return kwargs

        video = pipeline(
            image=start,
            prompt_embeds=text,
            height=clip.height,
            width=clip.width,
            num_frames=clip.frames,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            callback_on_step_end=done,
            output_type="np",
        ).frames[0]
        with a_file() as path:
            write_mp4(path, (np.asarray(video) * 255).round().astype(np.uint8), FPS)

    return work


def interleaved_matches_stored(adapter: ControlNetAdapter, generator: Generator, clip: Clip) -> bool:
    """Whether both ways of computing residuals give the same latent, bit by bit; for the tests."""
    from flashmotion_core.pipeline import Control, sample_latent

    latent = torch.randn(1, *clip.latent)
    context = torch.zeros(1, TEXT_TOKENS, generator.info.config.text_dim)
    kinds: tuple[nn.Module, ...] = (adapter, StoredResiduals(adapter))
    first, second = (sample_latent(generator, context, clip.latent, [Control(kind, latent)]) for kind in kinds)
    return torch.equal(first, second)
