"""Fill holes of a picture smoothly from their surroundings. `web/editor/model/soft_fill.js` is the same arithmetic, held to the same
golden vectors.

Push and pull over a pyramid (Gortler, Grzeszczuk, Szeliski, Cohen 1996), with sweeps of Laplace's equation on every level on the way
back, so that no blocks of the coarse levels stay. With colours C, how far each is known W (0..1), cells of 2 x 2:

    push: W' = min(1, sum W),  C' = sum W C / sum W  (0 where nothing is known)
    pull: F = W C + (1 - W) up(F'),  up: bilinear; then `SWEEPS` times F = W C + (1 - W) (mean of the 4 neighbours of F)
"""

from __future__ import annotations

import numpy as np

from .soft_shapes import Floats

SWEEPS = 4


def fill_softly(image_HWC: Floats, known_HW: Floats) -> Floats:
    """The picture with its unknown parts filled.

    Args:
        image_HWC: float32, any range.
        known_HW: float32, 0 (filled) to 1 (kept). Where nothing at all is known, the mean of the picture is taken.

    Returns: float32 [H, W, C]; no colour is lighter or darker than all those known.
    """
    if not known_HW.any():
        return np.broadcast_to(image_HWC.mean(axis=(0, 1)), image_HWC.shape).astype(np.float32)
    return _pull(image_HWC, known_HW[..., None])


def _pull(colours_HWC: Floats, known_HW1: Floats) -> Floats:
    kept_HWC = colours_HWC * known_HW1
    if known_HW1.min() >= 1:
        return kept_HWC
    height, width = known_HW1.shape[:2]
    if height == width == 1:
        return colours_HWC
    share_HW1, sums_HWC = _pairs(known_HW1), _pairs(kept_HWC)
    coarse_HWC = np.divide(sums_HWC, share_HW1, out=np.zeros_like(sums_HWC), where=share_HW1 > 0)
    finer_HWC = _twice(_pull(coarse_HWC, np.minimum(share_HW1, 1)))[:height, :width]
    open_HW1 = 1 - known_HW1
    filled_HWC: Floats = kept_HWC + open_HW1 * finer_HWC
    for _ in range(SWEEPS):
        around = np.pad(filled_HWC, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean_HWC = (around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]) * np.float32(0.25)
        filled_HWC = kept_HWC + open_HW1 * mean_HWC
    return filled_HWC


def _pairs(values_HWC: Floats) -> Floats:
    """Sums of 2 x 2 cells; what an odd side lacks counts as 0."""
    height, width = values_HWC.shape[:2]
    even = np.pad(values_HWC, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = even[0::2] + even[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def _twice(values_HWC: Floats) -> Floats:
    """Twice as high and wide, bilinear: three parts of a cell, one part of the nearest neighbour (at the border: of itself)."""
    for axis in (0, 1):
        moved = np.moveaxis(values_HWC, axis, 0)
        around = np.concatenate([moved[:1], moved, moved[-1:]])
        finer = np.empty((2 * len(moved), *moved.shape[1:]), dtype=np.float32)
        finer[0::2] = moved * np.float32(0.75) + around[:-2] * np.float32(0.25)
        finer[1::2] = moved * np.float32(0.75) + around[2:] * np.float32(0.25)
        values_HWC = np.moveaxis(finer, 0, axis)
    return values_HWC
