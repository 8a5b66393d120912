"""A peer on the same shapes and steps: diffusers' own pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from flashmotion_core.generation.loading import Generator
from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from flashmotion_core.sampling.schedule import TRAINED_SHIFT
from flashmotion_core.video.mp4 import write_mp4

from .clip_job import FPS, STEPS, ClipSize, a_file, picture
from .clock import Mark, Work


def diffusers_pipeline(generator: Generator, vae: Any) -> Any:
    """diffusers' ``WanImageToVideoPipeline`` as for the 5B (a timestep per token), on loaded models, without a text encoder."""
    from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline

    # Plain Euler steps; the solver's cost is negligible beside the transformer.
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


def diffusers_job(pipeline: Any, clip: ClipSize) -> Work:
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
