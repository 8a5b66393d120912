"""How time and memory grow: with frames, resolution, objects and stacked adapters; and the plots of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import models
from .flops import generator_flops
from .job import STEPS, Clip, control_map, decoding, denoising, encoding, latent_of
from .rows import Recorder, Row

REAL_FRAMES = tuple(Clip(480, 832, frames) for frames in (17, 33, 49, 81, 121))
REAL_SIDES = tuple(Clip(height, width, 49) for height, width in ((256, 448), (384, 640), (480, 832), (704, 1280)))
TINY_FRAMES = tuple(Clip(64, 64, frames) for frames in (5, 17, 33, 65))
TINY_SIDES = tuple(Clip(side, side, 9) for side in (32, 64, 128, 192))
OBJECTS = (1, 4, 16, 64)
STACKED = (0, 1, 2, 4)


def measure(shapes: models.Shapes, device: torch.device, recorder: Recorder) -> None:
    """Rows of the group ``growth``; their setting ``x`` is what grows. The full VAE, the core's transformer, ResNet adapters, eager."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    real = shapes.name == "real"
    frames, sides = (REAL_FRAMES, REAL_SIDES) if real else (TINY_FRAMES, TINY_SIDES)
    vae = models.codecs(shapes, device, dtype)["full"]
    generator = models.generator(shapes, "core", device, dtype)
    adapter = models.adapter("resnet", shapes, device, dtype)

    def row(name: str, along: str, x: float, clip: Clip, flops: int | None = None) -> Row:
        return Row("growth", name, str(clip), {"along": along, "x": f"{x:g}"}, flops=flops)

    for along, clips in (("frames", frames), ("megapixels", sides)):
        for clip in clips:
            x = clip.frames if along == "frames" else clip.height * clip.width / 1e6
            flops = STEPS * generator_flops(shapes.generator, clip.latent)
            latent = latent_of(clip, device)
            recorder.measure(
                row("four steps", along, x, clip, flops), partial(denoising, generator, clip, [(adapter, latent)])
            )
            recorder.measure(row("control map, encode", along, x, clip), partial(encoding, vae, control_map(clip)))
            recorder.measure(row("decode", along, x, clip), partial(decoding, vae, latent))
    clip = frames[len(frames) // 2]
    latent = latent_of(clip, device)
    for count in OBJECTS:

        def rendering(count: int = count) -> Any:
            return lambda _: control_map(clip, count)

        recorder.measure(row("control map, draw", "objects", count, clip), rendering)
        recorder.measure(
            row("control map, encode", "objects", count, clip), partial(encoding, vae, control_map(clip, count))
        )
    for count in STACKED:
        controls = [(adapter, latent)] * count
        recorder.measure(
            row("four steps", "stacked adapters", count, clip), partial(denoising, generator, clip, controls)
        )


def plot(rows: Sequence[Row], path: Path) -> None:
    """Seconds, and gigabytes where they are known, against what grows; one column for each.

    Raises:
        ModuleNotFoundError: matplotlib is missing.
    """
    from matplotlib.figure import Figure

    measured = [row for row in rows if row.group == "growth" and row.seconds is not None]
    kinds = list(dict.fromkeys(row.settings["along"] for row in measured))
    memory = any(row.peak_bytes for row in measured)
    figure = Figure(figsize=(4 * len(kinds), 6 if memory else 3), layout="constrained")
    axes = figure.subplots(2 if memory else 1, len(kinds), squeeze=False)
    for column, along in enumerate(kinds):
        for name in dict.fromkeys(row.name for row in measured if row.settings["along"] == along):
            line = [row for row in measured if (row.settings["along"], row.name) == (along, name)]
            x = [float(row.settings["x"]) for row in line]
            axes[0][column].plot(x, [row.seconds for row in line], marker="o", label=name)
            if memory:
                axes[1][column].plot(x, [(row.peak_bytes or 0) / 1e9 for row in line], marker="o", label=name)
        for axis, what in zip(axes[:, column], ("seconds", "peak memory, GB"), strict=False):
            axis.set(xlabel=along, ylabel=what, ylim=(0, None))
            axis.legend(fontsize="small")
    figure.savefig(path, dpi=120)
