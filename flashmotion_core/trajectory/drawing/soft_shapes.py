"""Soft shapes on the picture's plane: of a box with rounded corners, and of a hard mask. See `cutouts.py` for the rules.

A shape may reach beyond the picture, whose border pixels continue there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Shape(NamedTuple):
    """Opacity 0..1 [h, w] of a part of the picture's plane, and where that begins; it may begin outside the picture."""

    alpha_HW: Floats
    left: int
    top: int


class Mask(NamedTuple):
    """A hard mask [h, w], not empty, and where it begins."""

    inside_HW: NDArray[np.bool_]
    left: int
    top: int


def smooth(u: Doubles) -> Doubles:
    """u u (3 - 2 u), u clipped to 0..1."""
    u = np.clip(u, 0, 1)
    out: Doubles = u * u * (3 - 2 * u)
    return out


def box_shape(
    box_4: Doubles, size: tuple[int, int], soft: float, rounding: float, level: float, beyond: float
) -> Shape:
    """S(level - s / soft) of the box with rounded corners, and `beyond` pixels of it outside the picture (0: none)."""
    x, y, w, h = box_4.tolist()
    reach = level * soft
    left, right = _range(x - reach, x + w + reach, size[0], beyond)
    top, bottom = _range(y - reach, y + h + reach, size[1], beyond)
    column, row = _centres(left, right - left), _centres(top, bottom - top)
    across = np.abs(column - x - w / 2) - w / 2 + rounding
    along = (np.abs(row - y - h / 2) - h / 2 + rounding)[:, None]
    outer = np.sqrt(np.maximum(across, 0) ** 2 + np.maximum(along, 0) ** 2)
    distance_HW = outer + np.minimum(np.maximum(across, along), 0) - rounding
    alpha_HW: Doubles = smooth(level - distance_HW / soft) * _fade(column, row, size, beyond)
    return _cropped(alpha_HW, left, top)


def mask_shape(mask: Mask, size: tuple[int, int], radius: int, ramp: tuple[float, float], beyond: float) -> Shape:
    """S((b - ramp[0]) / ramp[1]), b the blurred mask; the rest as `box_shape`."""
    inside_HW, left, top = mask
    height, width = inside_HW.shape
    rim, margin = int(np.ceil(beyond)), 3 * radius
    # What touches the picture's border continues beyond it.
    borders = (top == 0, top + height == size[1]), (left == 0, left + width == size[0])
    more = [[rim + margin if touches else 0 for touches in sides] for sides in borders]
    grown_HW = np.pad(np.pad(inside_HW.astype(np.float64), more, mode="edge"), margin)
    blurred_HW = _blurred(_blurred(grown_HW, radius).T, radius).T
    left, top = left - more[1][0] - margin, top - more[0][0] - margin
    column, row = _centres(left, grown_HW.shape[1]), _centres(top, grown_HW.shape[0])
    alpha_HW = smooth((blurred_HW - ramp[0]) / ramp[1]) * _fade(column, row, size, beyond)
    outside = (row < -rim)[:, None] | (row > size[1] + rim)[:, None] | (column < -rim) | (column > size[0] + rim)
    return _cropped(np.where(outside, 0, alpha_HW), left, top)


def window(shape: Shape, left: int, top: int, height: int, width: int) -> Floats:
    """The shape's opacity in a window of the plane, 0 where it has none."""
    out_HW = np.zeros((height, width), dtype=np.float32)
    part_HW = shape.alpha_HW
    y0, x0 = max(shape.top, top), max(shape.left, left)
    y1, x1 = min(shape.top + part_HW.shape[0], top + height), min(shape.left + part_HW.shape[1], left + width)
    if y1 > y0 and x1 > x0:
        out_HW[y0 - top : y1 - top, x0 - left : x1 - left] = part_HW[
            y0 - shape.top : y1 - shape.top, x0 - shape.left : x1 - shape.left
        ]
    return out_HW


def _cropped(alpha_HW: Doubles, left: int, top: int) -> Shape:
    """The shape without empty rows and columns around it."""
    rows, columns = (np.flatnonzero((alpha_HW > 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):  # a speck thinner than its soft border: one pixel, and that transparent
        return Shape(np.zeros((1, 1), dtype=np.float32), left, top)
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return Shape(alpha_HW[y0:y1, x0:x1].astype(np.float32), left + int(x0), top + int(y0))


def _range(start: float, stop: float, side: int, beyond: float) -> tuple[int, int]:
    rim = int(np.ceil(beyond))
    first = max(int(np.floor(start)), -rim)
    return first, max(min(int(np.ceil(stop)), side + rim), first + 1)


def _centres(first: int, count: int) -> Doubles:
    """Of pixels, counted from `first`."""
    return np.arange(first, first + count, dtype=np.float64) + 0.5


def _fade(column: Doubles, row: Doubles, size: tuple[int, int], beyond: float) -> Doubles:
    """S(1 - e / beyond), e the distance [H, W] outside the picture."""
    if not beyond:
        return np.ones((len(row), len(column)))
    away_X = np.maximum(np.maximum(-column, column - size[0]), 0)
    away_Y = np.maximum(np.maximum(-row, row - size[1]), 0)
    return smooth(1 - np.maximum(away_Y[:, None], away_X) / beyond)


def _blurred(values_HW: Doubles, radius: int) -> Doubles:
    """Each column's means of 2 r + 1 values, three times; 0 beyond the ends."""
    span = 2 * radius + 1
    for _ in range(3):
        sums_HW = np.cumsum(np.pad(values_HW, ((radius + 1, radius), (0, 0))), axis=0)
        values_HW = (sums_HW[span:] - sums_HW[:-span]) / span
    return values_HW
