"""Train the network whose features Frechet distances are measured in: python -m train.feature_network [--steps 600] [--to FILE]

The network sees clips of the synthetic world, many of them degraded. From 32 numbers, linear heads must tell what is in a clip (shapes, colours,
patterns, where things are and how they move), how it was degraded, and how much. So the numbers depend on content, on motion and on what
goes wrong in generated clips. The same seed and number of steps give the same file; one core is enough.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..world import synthetic
from ..world.degrade import DEGRADATIONS
from ..world.shapes import PATTERNS, SHAPES
from ..world.sprites import COLORS
from ..world.synthetic import Clip
from .features import DEFAULT, DIMENSIONS, TIMES, ClipFeatures, pixels, save_features

WORDS = (*sorted(COLORS), *sorted(PATTERNS), *sorted(SHAPES))
NUMBERS = 8  # what `motion_of` returns
MIRROR = np.array(
    [[1, -1, 1, 1, 1, -1, 1, 1], [0, 1, 0, 0, 0, 0, 0, 0]], dtype=np.float32
)  # factors and offsets of those numbers when a clip is mirrored
VERSIONS = 4  # of a clip, as drawing takes longer than degrading
TWICE = 0.3  # share of the degraded clips that are degraded in two ways
LEVELS = ("easy", "easy", "normal")
STATISTICS = 10  # batches used to standardise the features


@dataclass(frozen=True, eq=False)
class Examples:
    """Clips and what the heads must tell about them.

    Attributes:
        pixels_BTCHW: 0 to 1.
        words_BW: 1 where a colour, pattern or shape is present.
        numbers_BN: see `motion_of`, before degradation.
        strengths_BK: of each degradation.
    """

    pixels_BTCHW: Tensor
    words_BW: Tensor
    numbers_BN: Tensor
    strengths_BK: Tensor


def motion_of(clip: Clip) -> NDArray[np.float32]:
    """Half the number of sprites, then means over them: centre x and y, width and height, displacement in x and y, length of the path."""
    height, width = clip.frames_THWC.shape[1:3]
    boxes_TN4 = clip.boxes_TN4 / np.array([width, height, width, height])
    centres_TN2 = boxes_TN4[..., :2] + boxes_TN4[..., 2:] / 2
    moved_N2 = centres_TN2[-1] - centres_TN2[0]
    path_N = np.linalg.norm(np.diff(centres_TN2, axis=0), axis=-1).sum(axis=0)
    found = [
        boxes_TN4.shape[1] / 2,
        *centres_TN2.mean(axis=(0, 1)),
        *boxes_TN4[..., 2:].mean(axis=(0, 1)),
        *moved_N2.mean(axis=0),
        path_N.mean(),
    ]
    return np.array(found, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A clip of the world as it is kept in memory: `TIMES` of its frames, and what the heads must tell about them."""

    frames_THWC: NDArray[np.uint8]
    words_W: NDArray[np.float32]
    numbers_N: NDArray[np.float32]


def draw(seed: int, index: int, size: int = 128, frames: int = 17) -> Drawn:
    """Clip `index` of the training stream."""
    clip = synthetic.clip(seed, index, LEVELS[index % len(LEVELS)], (size, size), frames, "train")
    seen = np.linspace(0, frames - 1, min(TIMES, frames)).round().astype(int)
    named = {word for sprite in clip.sprites for word in sprite.name.split()}
    words_W = np.array([word in named for word in WORDS], dtype=np.float32)
    return Drawn(clip.frames_THWC[seen], words_W, motion_of(clip))


def examples(clips: Sequence[Drawn], seed: int, step: int) -> Examples:
    """Each clip in `VERSIONS`, mirrored or not and degraded in different ways; depends only on clips, seed and step."""
    inputs, words, numbers, strengths = [], [], [], []
    for place, clip in enumerate(clips):
        for version in range(VERSIONS):
            rng = np.random.default_rng((seed, step, place, version))
            shown, numbers_N = clip.frames_THWC, clip.numbers_N
            if rng.random() < 0.5:
                shown = np.ascontiguousarray(shown[:, :, ::-1])
                numbers_N = numbers_N * MIRROR[0] + MIRROR[1]
            strength_K = np.zeros(len(DEGRADATIONS), dtype=np.float32)
            if version:  # the first version is not degraded
                for which in rng.choice(len(DEGRADATIONS), 2 if rng.random() < TWICE else 1, replace=False):
                    # Weak degradations are more frequent than strong ones.
                    strength_K[which] = rng.random() ** 1.5
                    shown = list(DEGRADATIONS.values())[which](shown, float(strength_K[which]), rng)
            inputs.append(pixels(shown))
            words.append(clip.words_W)
            numbers.append(numbers_N.astype(np.float32))
            strengths.append(strength_K)
    stacked = (torch.from_numpy(np.stack(values)) for values in (words, numbers, strengths))
    return Examples(torch.stack(inputs), *stacked)


class Heads(nn.Module):
    """Linear heads on the features; as they are linear, the features must hold everything that they tell."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Linear(DIMENSIONS, len(WORDS))
        self.numbers = nn.Linear(DIMENSIONS, NUMBERS)
        self.strengths = nn.Linear(DIMENSIONS, len(DEGRADATIONS))

    def loss(self, features_BD: Tensor, batch: Examples) -> tuple[Tensor, dict[str, float]]:
        """The weighted sum of three losses, and each loss by itself."""
        words = functional.binary_cross_entropy_with_logits(self.words(features_BD), batch.words_BW)
        numbers = functional.mse_loss(self.numbers(features_BD), batch.numbers_BN)
        strengths = functional.mse_loss(self.strengths(features_BD), batch.strengths_BK)
        found = {"words": words.item(), "numbers": numbers.item(), "strengths": strengths.item()}
        # Weighted so that each starts near 0.5.
        return words + 10 * numbers + 10 * strengths, found


def train(
    steps: int, seed: int, drawn: int, clips: int = 4, *, lr: float = 3e-3, size: int = 128, frames: int = 17
) -> ClipFeatures:
    """Train for `steps` on batches of `clips` out of `drawn` clips, then standardise the features; prints a line now and then."""
    torch.manual_seed(seed)
    network, heads = ClipFeatures(), Heads()
    parameters = [*network.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    started = time.monotonic()
    kept = [draw(seed, index, size, frames) for index in range(drawn)]
    order = np.random.default_rng(seed)

    def some(step: int) -> Examples:
        return examples([kept[index] for index in order.choice(drawn, clips, replace=False)], seed, step)

    for step in range(steps):
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 20)
            group["lr"] = lr * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        shown = some(step)
        features_BD = network.raw(shown.pixels_BTCHW)
        loss, figures = heads.loss(features_BD, shown)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 20 == 0 or step == steps - 1:
            line = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
            sys.stdout.write(f"step {step + 1:4d}  {time.monotonic() - started:6.0f} s  {line}\n")
            sys.stdout.flush()
    network.eval().requires_grad_(False)
    seen = torch.cat([network.raw(some(steps + number).pixels_BTCHW) for number in range(STATISTICS)])
    network.mean_D.copy_(seen.mean(dim=0))
    network.std_D.copy_(seen.std(dim=0))
    return network


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="training steps (default: 600)")
    parser.add_argument(
        "--clips", type=int, default=800, help="clips drawn once and kept in memory, 0.4 MB each (default: 800)"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of weights and clips (default: 7)")
    parser.add_argument("--to", type=Path, default=DEFAULT, help="file to write (default: the embedded one)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    started = time.monotonic()
    network = train(options.steps, options.seed, options.clips)
    seconds = time.monotonic() - started
    machine = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    notes = {
        "steps": options.steps,
        "seed": options.seed,
        "clips": 4 * options.steps,
        "seconds": round(seconds),
        "machine": machine,
    }
    save_features(options.to, network, notes)
    sys.stdout.write(f"{options.to}: {options.to.stat().st_size / 1e6:.2f} MB, {seconds:.0f} s\n")
    return 0
