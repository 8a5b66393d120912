"""Clips of the embedded tiny models by a recipe: generator, adapter, guide and steps, each loaded once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from flashmotion_core.adapters import MapStyle, TrajectoryAdapter, build_adapter, read_adapter
from flashmotion_core.codec.vae import Vae, load_vae
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import Generator, load_generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import no_text
from flashmotion_core.guide.guide_clip import GuideClip
from flashmotion_core.guide.guide_levels import FROM_FOLLOW, levels
from flashmotion_core.sampling.schedule import Schedule, turbo_sigmas
from flashmotion_core.trajectory import Sampled
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.conditioning import latent_shape

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
CODEC = TINY / "vae" / "flashmotion_tiny_vae.safetensors"
FAST, SLOW = "flashmotion_tiny_generator", "flashmotion_tiny_slow_generator"
FEW, SHIFT = 4, 3.0
"""Steps of the FastGenerator's own schedule, and the shift of both generators."""


@dataclass(frozen=True)
class Recipe:
    """How a clip is made; networks by their files' names in `TINY`.

    Attributes:
        generator: `FAST`, with fresh noise in each step, or `SLOW`, by Euler steps.
        adapter: of any kind; None for none.
        start: fraction of the schedule from which the adapter controls.
        follow: of the motion guide; 0 for none.
        background: its `hold_background`.
        steps: how many.
    """

    generator: str
    adapter: str | None = None
    start: float = 0.0
    follow: float = 0.0
    background: float = FROM_FOLLOW
    steps: int = FEW


@dataclass(frozen=True, eq=False)
class TinyClip:
    """What a recipe made: frames ``[T, H, W, 3]``, and processor seconds by stage (drawing counts as encoding)."""

    frames_THWC: Frames
    seconds: dict[str, float]


def make_clip(
    recipe: Recipe,
    first_HWC: Frames,
    asked: Sampled,
    control_map: Callable[[MapStyle], Frames],
    *,
    masks_NHW: object = None,
    seed: int = 0,
) -> TinyClip:
    """Generate a clip on the CPU.

    Args:
        recipe: how.
        first_HWC: its frame 0.
        asked: boxes and size.
        control_map: draws the adapter's control map in its style.
        masks_NHW: frame 0's, for the guide; None for the boxes.
        seed: of the noise.
    """
    times = [time.process_time()]
    generator, vae = _generator(recipe.generator), codec()
    guide = None
    if recipe.follow:
        drawn = GuideClip(first_HWC, asked, masks_NHW)
        guide = drawn.guide(vae.encode(drawn.all())), levels(recipe.follow, FROM_FOLLOW, recipe.background)
    controls = []
    if recipe.adapter is not None:
        adapter, style = _adapter(recipe.adapter, recipe.generator)
        controls = [Control(adapter, vae.encode(control_map(style)), start=recipe.start)]
    clean = vae.encode(first_HWC[None])
    times.append(time.process_time())
    latent = sample_latent(
        generator,
        no_text(generator.info.config),
        latent_shape(*asked.size, len(asked.boxes_TN4)),
        controls,
        guide=guide,
        clean_BCFHW=clean,
        schedule=Schedule("custom", turbo_sigmas(recipe.steps, SHIFT), SHIFT),
        seed=seed,
        integrate=recipe.generator == SLOW,
    )
    times.append(time.process_time())
    frames_THWC = np.stack(list(vae.decode(latent)))
    times.append(time.process_time())
    stages = ("encode", "denoise", "decode")
    return TinyClip(frames_THWC, dict(zip(stages, np.diff(times).tolist(), strict=True)))


@cache
def codec() -> Vae:
    """The embedded codec."""
    return load_vae(CODEC, "cpu", torch.float32)


def through_codec(frames_THWC: Frames) -> Frames:
    """A clip, encoded and decoded."""
    return np.stack(list(codec().decode(codec().encode(frames_THWC))))


@cache
def _generator(name: str) -> Generator:
    return load_generator(TINY / "diffusion_models" / f"{name}.safetensors", "cpu", torch.float32, "core")


@cache
def _adapter(name: str, generator: str) -> tuple[TrajectoryAdapter, MapStyle]:
    file = read_adapter(TINY / "model_patches" / f"{name}.safetensors", torch.float32)
    return build_adapter(file, _generator(generator).info.config, device="cpu", dtype=torch.float32), file.map_style
