"""The timed work: every part of the path from picture and boxes to a finished file, and the whole of it."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flashmotion_core.adapters import TrajectoryAdapter
from flashmotion_core.codec.vae import Vae
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import Generator
from flashmotion_core.generation.pipeline import sample_latent
from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, render, sample
from flashmotion_core.video.frames import Frames
from flashmotion_core.video.mp4 import ahead, write_mp4
from flashmotion_core.wan.conditioning import latent_shape

from .clock import Mark, Work

FPS = 24
OBJECTS = 3
STEPS = len(Schedule().sigmas)


@dataclass(frozen=True)
class ClipSize:
    """Size of a clip; written as height x width x frames."""

    height: int
    width: int
    frames: int

    @classmethod
    def parse(cls, text: str) -> ClipSize:
        """Read ``704x1280x121``.

        Raises:
            ValueError: the text is not three numbers, a side is not a multiple of 32, or the frames are not 4k + 1.
        """
        try:
            height, width, frames = map(int, text.lower().split("x"))
        except ValueError as error:
            raise ValueError(
                f"the size is {text!r}, but must be height x width x frames, such as 704x1280x121."
            ) from error
        latent_shape(width, height, frames)
        return cls(height, width, frames)

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.frames}"

    @property
    def latent(self) -> tuple[int, int, int, int]:
        """Latent shape ``(C, F, H, W)``."""
        return latent_shape(self.width, self.height, self.frames)

    @property
    def tokens(self) -> int:
        """Tokens of the generator."""
        _, frames, rows, columns = self.latent
        return frames * rows * columns // 4


def picture(clip: ClipSize) -> Frames:
    """A start picture, uint8 ``[H, W, 3]``: noise over a slope, so that no part of it is constant."""
    random = np.random.default_rng(1)
    slope = np.linspace(0, 127, clip.width)[None, :, None]
    noise = random.integers(0, 128, (clip.height, clip.width, 3))
    pixels: Frames = (slope + noise).astype(np.uint8)
    return pixels


def document(clip: ClipSize, still_from: float = 1.0) -> Trajectory:
    """Three boxes of a quarter of the width and a third of the height that move across, and stand still from a fraction of the clip on."""
    last = clip.frames - 1
    stop = max(1, round(last * still_from)) if last else 0
    tracked = []
    for index in range(OBJECTS):
        y = (index + 0.5) / OBJECTS
        keyframes = [Keyframe(0, 0.2, y, 0.25, 0.33, "in-out")]
        if stop:
            keyframes.append(Keyframe(stop, 0.8, 1 - y, 0.25, 0.33, "linear"))
        tracked.append(TrackedObject(f"object {index}", tuple(keyframes)))
    return Trajectory((clip.width, clip.height), clip.frames, tuple(tracked))


def control_map(clip: ClipSize, still_from: float = 1.0) -> Frames:
    """The control map of ``document``, uint8 ``[T, H, W, 3]``."""
    return render(sample(document(clip, still_from)))


def latent_of(clip: ClipSize, device: torch.device, seed: int = 2) -> Tensor:
    """A normalised latent ``[1, 48, F, H, W]``; noise costs what a clip costs."""
    return torch.randn(1, *clip.latent, generator=torch.Generator().manual_seed(seed)).to(device)


def context_of(generator: Generator, device: torch.device) -> Tensor:
    """Text tokens ``[1, 512, text_dim]``."""
    return torch.randn(1, TEXT_TOKENS, generator.info.config.text_dim, device=device)


def encoding(vae: Vae, frames: Frames) -> Work:
    """Encode a clip or a picture."""
    return lambda _: vae.encode(frames)


def decoding(vae: Vae, latent_BCFHW: Tensor) -> Work:
    """Decode a clip to frames in host memory and discard them."""
    return lambda _: deque(vae.decode(latent_BCFHW), maxlen=0)


def denoising(
    generator: Generator, clip: ClipSize, controls: list[tuple[TrajectoryAdapter, Tensor]], compute_every: int = 1
) -> Work:
    """The product's own sampling loop with a start picture; a mark after every step but the last."""
    device = generator.transformer.patch_embedding.weight.device
    context = context_of(generator, device)
    clean = latent_of(clip, device)[:, :, :1]

    def work(mark: Mark) -> None:
        def done(index: int, _: Tensor) -> None:
            if index + 1 < STEPS:
                mark()

        sample_latent(
            generator,
            context,
            clip.latent,
            [Control(adapter, latent, compute_every=compute_every) for adapter, latent in controls],
            clean_BCFHW=clean,
            callback=done,
        )

    return work


@contextmanager
def a_file() -> Iterator[Path]:
    """A path for an mp4 that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "clip.mp4"


def writing(clip: ClipSize, frames: Frames | None = None) -> Work:
    """Write a finished clip to a file; without frames, a moving gradient with grain."""
    if frames is None:
        base = picture(clip)
        frames = np.stack([np.roll(base, 4 * index, axis=1) for index in range(clip.frames)])

    def work(_: Mark) -> None:
        with a_file() as path:
            write_mp4(path, frames, FPS)

    return work


def whole_job(
    generator: Generator,
    vae: Vae,
    clip: ClipSize,
    adapter: TrajectoryAdapter | None,
    depth: int,
    compute_every: int = 1,
    decoder: Vae | None = None,
) -> Work:
    """From picture and boxes to a finished file: map, encoding, steps, decoding and writing. Models are loaded and text is encoded before.

    Args:
        generator: with or without compiled blocks.
        vae: the full or the small one.
        clip: its size.
        adapter: None for a clip without a trajectory.
        depth: frames decoded ahead while others are written; 0 decodes and writes in turn.
        compute_every: compute the adapter at every Nth step.
        decoder: decodes in place of ``vae``.
    """
    decoder = decoder or vae
    device = generator.transformer.patch_embedding.weight.device
    context = context_of(generator, device)
    start = picture(clip)

    def work(mark: Mark) -> None:
        controls = []
        if adapter is not None:
            controls.append(Control(adapter, vae.encode(control_map(clip)), compute_every=compute_every))
        clean = vae.encode(start[None])
        mark()
        latent = sample_latent(generator, context, clip.latent, controls, clean_BCFHW=clean)
        mark()
        with a_file() as path:
            write_mp4(path, ahead(decoder.decode(latent), depth), FPS)

    return work


def text_work(encoder: Any, tokens: int) -> Work:
    """The text encoder on random token ids: the cost of a prompt of this many tokens, without its tokenizer."""
    device = next(encoder.parameters()).device
    ids = torch.randint(2, encoder.config.vocab_size, (1, tokens), device=device)
    return lambda _: encoder(ids, torch.ones_like(ids))
