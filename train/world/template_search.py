"""Places in a whole frame where a sprite may be: squared differences with it at low resolution, by Fourier transforms."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from .alignment import Pose
from .paint import SOLID, patch
from .sprites import Sprite

Floats = NDArray[np.float32]

LOW = 24  # pixels: a sprite's side at low resolution
GROWTHS, LEANS = (0.8, 1.0, 1.25), (-0.08, 0.0, 0.08)
GRAIN, LEAN_GRAIN = 0.04, 0.02  # templates are kept for sides (as a logarithm) and turns of these steps


@lru_cache(maxsize=16)
def area_weights(length: int, shorter: int) -> Floats:
    """[shorter, length]: rows that average the pixels that a larger one covers, in part where it covers a part."""
    edges = np.arange(shorter + 1) * (length / shorter)
    left, right = np.arange(length), np.arange(length) + 1.0
    covered = np.minimum(right[None], edges[1:, None]) - np.maximum(left[None], edges[:-1, None])
    weights: Floats = (np.maximum(covered, 0.0) * (shorter / length)).astype(np.float32)
    return weights


def places(frame_HW3: NDArray[np.uint8], sprite: Sprite, side: float, turns: float) -> list[Pose]:
    """The best place in the frame for each of nine scales and turns about the last ones.

    Args:
        side, turns: the last known ones, in pixels and full circles.

    Returns: up to nine poses, in no order. Half of a sprite may lie outside the frame.
    """
    height, width, _ = frame_HW3.shape
    factor = max(side / LOW, 1.0)
    rows, columns = max(round(height / factor), 1), max(round(width / factor), 1)
    low = np.tensordot(area_weights(height, rows), frame_HW3.astype(np.float32), axes=(1, 0))
    low = np.tensordot(area_weights(width, columns), low, axes=(1, 1)).swapaxes(0, 1)
    # Templates of a grid of sides and turns, so that they are drawn once and not on every frame.
    step, lean_step = round(float(np.log(side * columns / width)) / GRAIN), round(turns / LEAN_GRAIN)
    found: list[Pose] = []
    border = int(np.ceil(np.exp(step * GRAIN) * max(GROWTHS))) + 2
    shape = tuple(_smooth(length + 2 * border) for length in (rows, columns))
    padded = np.pad(low, ((border, border), (border, border), (0, 0)), mode="edge")
    seen = fft.rfft2(np.concatenate([padded, (padded**2).sum(axis=2, keepdims=True)], axis=2), s=shape, axes=(0, 1))
    for growth, lean in product(GROWTHS, LEANS):
        grown, turned = float(np.exp(step * GRAIN)) * growth, lean_step * LEAN_GRAIN + lean
        template, (down, across), (x0, y0) = _template(sprite, grown, turned, shape)
        border_y, border_x = down // 2, across // 2
        last_row, last_column = rows + 2 * border_y - down, columns + 2 * border_x - across
        if last_row < 0 or last_column < 0 or max(border_y, border_x) > border:
            continue
        # sum over the sprite of (frame - sprite)^2, minus the sprite's own squares, which are the same everywhere
        squared = fft.irfft2((seen * template).sum(axis=2), s=shape, axes=(0, 1))
        top, left = border - border_y, border - border_x
        squared = squared[top : top + last_row + 1, left : left + last_column + 1]
        row, column = np.unravel_index(int(squared.argmin()), squared.shape)
        x, y = (int(column) - border_x - x0) * width / columns, (int(row) - border_y - y0) * height / rows
        found.append((x, y, grown * width / columns, turned))
    return found


def _smooth(length: int) -> int:
    """The next length whose prime factors are 2, 3 and 5: transforms of others are slow."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


@lru_cache(maxsize=128)
def _template(
    sprite: Sprite, side: float, turns: float, shape: tuple[int, int]
) -> tuple[NDArray[np.complex64], tuple[int, int], tuple[int, int]]:
    """(transform [rows, columns / 2 + 1, 4] that correlates with colours and with their squares, size, left column and top row)."""
    rgba, x0, y0 = patch(sprite, 0.0, 0.0, side, turns)
    solid = (rgba[..., 3:] >= SOLID).astype(np.float32)
    kernel = np.concatenate([-2.0 * rgba[..., :3].astype(np.float32) * solid, solid], axis=2)
    return np.conj(fft.rfft2(kernel, s=shape, axes=(0, 1))).astype(np.complex64), rgba.shape[:2], (x0, y0)
