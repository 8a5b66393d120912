"""Move and scale a small picture along the axes, at fractions of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .soft_shapes import Floats


def place(
    part_HWC: Floats, start: tuple[float, float], step: tuple[float, float], size: tuple[int, int]
) -> tuple[Floats, int, int]:
    """The part of a picture that shows `part_HWC`, moved and scaled: (float32 [h, w, C], its left, its top); h or w may be 0.

    Args:
        part_HWC: float32, as if transparent (0) around; with premultiplied colours.
        start: where its left and top edge come to lie, (x, y) in pixels of the picture.
        step: how many pixels of the picture one of its pixels takes, (across, down), above 0.
        size: the picture's (width, height); what lies outside is cut off.

    Catmull-Rom's kernel, as wide as the coarser of the two grids needs (so nothing flickers where it shrinks). At whole pixels and
    step 1 the pixels are exactly those of `part_HWC`.
    """
    rows, row_taps, row_weights = _taps(part_HWC.shape[0], start[1], step[1], size[1])
    columns, column_taps, column_weights = _taps(part_HWC.shape[1], start[0], step[0], size[0])
    if not len(rows) or not len(columns):
        return np.zeros((0, 0, part_HWC.shape[2]), dtype=np.float32), 0, 0
    down_HWC = _sum_along(part_HWC, row_taps, row_weights)
    across_WHC = _sum_along(down_HWC.transpose(1, 0, 2), column_taps, column_weights)
    return across_WHC.transpose(1, 0, 2), int(columns[0]), int(rows[0])


def _taps(count: int, start: float, step: float, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Along one axis: the pixels that see the part, the indices [n, K] that each sees (`count`: nothing), and their weights."""
    wide = max(1.0, 1 / step)
    reach = int(np.ceil(2 * wide))
    first = max(int(np.floor(start - 2 * max(step, 1.0))), 0)
    last = min(int(np.ceil(start + count * step + 2 * max(step, 1.0))), limit)
    pixels = np.arange(first, max(last, first))
    centre = (pixels + 0.5 - start) / step - 0.5
    taps = np.floor(centre).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
    weights = _catmull_rom(np.abs(centre[:, None] - taps) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    outside = (taps < 0) | (taps >= count)
    taps[outside], weights[outside] = count, 0
    # Taps that nobody needs, such as all but one at whole pixels.
    used = (weights != 0).any(axis=0)
    return pixels, taps[:, used], weights[:, used].astype(np.float32)


def _catmull_rom(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    out: NDArray[np.float64] = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return out


def _sum_along(values_HWC: Floats, taps_NK: NDArray[np.int64], weights_NK: Floats) -> Floats:
    padded = np.concatenate([values_HWC, np.zeros_like(values_HWC[:1])])
    out = np.zeros((len(taps_NK), *values_HWC.shape[1:]), dtype=np.float32)
    for tap_N, weight_N in zip(taps_NK.T, weights_NK.T, strict=True):
        out += padded[tap_N] * weight_N[:, None, None]
    return out
