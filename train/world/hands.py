"""A hand on a sprite, as on a clock: a part that moves by itself. Neither frame 0 nor the sprite's box tells which way or how fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .difficulty import Difficulty
from .draws import Draws, turn
from .paint import ONE
from .sprites import DARK, WHITE, Sprite

LENGTH, HALF_WIDTH = 0.36, 0.06
"""Shares of the unit square's side; the hand is cut where the sprite ends, so neither outline nor box changes."""
RATES = (0.2, 0.8)
"""Slowest and fastest, in full circles a clip."""
PALE = ("white", "yellow", "orange", "pink", "turquoise")


def draw_hands(draws: Draws, difficulty: Difficulty, count: int, frames: int) -> tuple[NDArray[np.float64], bool]:
    """(turns_TN of the hands, NaN for a sprite without one; whether all of them turn clockwise, or else the other way)."""
    clockwise = draws.chance(0.5)
    share_T = np.arange(frames) / max(frames - 1, 1)
    turns_TN = np.full((frames, count), np.nan)
    for n in range(count):
        bears, start, rate = draws.chance(difficulty.hands), draws.uniform(0.0, 1.0), draws.uniform(*RATES)
        if bears:
            turns_TN[:, n] = start + share_T * (rate if clockwise else -rate)
    return turns_TN, clockwise


def with_hand(
    rgba: NDArray[np.int32], x0: int, y0: int, sprite: Sprite, pose: tuple[float, float, float], turns: float
) -> NDArray[np.int32]:
    """A sprite's patch (see `paint.patch`) with a hand in the direction `turns`; `pose` is pivot x and y and side, in pixels."""
    x, y, side = pose
    height, width = rgba.shape[:2]
    cosine, sine = (float(value) for value in turn(turns))
    dx_W, dy_H = np.arange(x0, x0 + width) + 0.5 - x, np.arange(y0, y0 + height) + 0.5 - y
    along_HW = cosine * dx_W[None, :] + sine * dy_H[:, None]
    across_HW = abs(cosine * dy_H[:, None] - sine * dx_W[None, :])
    half = HALF_WIDTH * side
    inside_HW = np.minimum(np.minimum(along_HW + half, LENGTH * side - along_HW), half - across_HW) + 0.5
    cover_HW1 = np.floor(np.clip(inside_HW, 0.0, 1.0) * ONE).astype(np.int32)[..., None]
    color = np.array(DARK if sprite.name.split()[0] in PALE else WHITE, dtype=np.int32)
    hand = (color * rgba[..., 3:] + 127) // 255
    colors = (rgba[..., :3] * (ONE - cover_HW1) + hand * cover_HW1 + ONE // 2) >> 8
    return np.concatenate([colors, rgba[..., 3:]], axis=2)
