"""Shapes and patterns as coverage pictures, made once per process.

Coordinates are those of the unit square, x to the right and y down, both in [-0.5, 0.5]. Most shapes touch the square's
border in their longer direction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .draws import turn
from .photographs import picture

RESOLUTION = 256  # texels along a side of the finest level
RIM = 12  # texels: the width of the contrasting rim
THIN_RIMS = {"horse": 5}  # legs that would be all rim

Field = NDArray[np.float64]
Inside = NDArray[np.bool_]


def _ball(x: Field, y: Field, cx: float, cy: float, rx: float, ry: float) -> Inside:
    dx, dy = (x - cx) / rx, (y - cy) / ry
    return dx * dx + dy * dy < 1.0


def _polygon(x: Field, y: Field, corners: NDArray[np.float64]) -> Inside:
    """Even-odd rule: how many edges lie to the right of the point."""
    inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * ((x1 - x0) / (y1 - y0)))
    return inside


def _radial(radii: list[float], start: float = -0.25) -> NDArray[np.float64]:
    """Corners at equal angles, the first at `start` turns (-0.25 is up)."""
    cosine, sine = turn(start + np.arange(len(radii)) / len(radii))
    corners: NDArray[np.float64] = np.stack([cosine, sine], axis=1) * np.array(radii)[:, None]
    return corners


def _star(x: Field, y: Field) -> Inside:
    return _polygon(x, y, _radial([0.5, 0.23] * 5))


def _gear(x: Field, y: Field) -> Inside:
    teeth = _polygon(x, y, _radial([0.5, 0.5, 0.38, 0.38] * 8))
    return teeth & ~_ball(x, y, 0.0, 0.0, 0.15, 0.15)


def _flower(x: Field, y: Field) -> Inside:
    inside = _ball(x, y, 0.0, 0.0, 0.2, 0.2)
    for cx, cy in _radial([0.31] * 5):
        inside |= _ball(x, y, float(cx), float(cy), 0.19, 0.19)
    return inside


def _heart(x: Field, y: Field) -> Inside:
    lobes = _ball(x, y, -0.24, -0.19, 0.26, 0.26) | _ball(x, y, 0.24, -0.19, 0.26, 0.26)
    tip = _polygon(x, y, np.array([[-0.455, -0.04], [0.0, -0.22], [0.455, -0.04], [0.0, 0.47]]))
    return lobes | tip


def _horse(x: Field, y: Field) -> Inside:
    silhouette = picture("horse") == 0
    rows, columns = np.flatnonzero(silhouette.any(axis=1)), np.flatnonzero(silhouette.any(axis=0))
    cut = silhouette[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    row = np.floor((y + 0.5) * max(cut.shape) - (max(cut.shape) - cut.shape[0]) / 2).astype(np.intp)
    column = np.floor((x + 0.5) * max(cut.shape)).astype(np.intp)
    valid = (row >= 0) & (row < cut.shape[0]) & (column >= 0) & (column < cut.shape[1])
    inside: Inside = valid & cut[np.clip(row, 0, cut.shape[0] - 1), np.clip(column, 0, cut.shape[1] - 1)]
    return inside


SHAPES: dict[str, Callable[[Field, Field], Inside]] = {
    "disc": lambda x, y: _ball(x, y, 0.0, 0.0, 0.5, 0.5),
    "egg": lambda x, y: _ball(x, y, 0.0, 0.0, 0.34, 0.5),
    "square": lambda x, y: (np.maximum(abs(x) - 0.32, 0.0) ** 2 + np.maximum(abs(y) - 0.32, 0.0) ** 2) < 0.18 * 0.18,
    "bar": lambda x, y: (np.maximum(abs(x) - 0.38, 0.0) ** 2 + np.maximum(abs(y) - 0.14, 0.0) ** 2) < 0.12 * 0.12,
    "triangle": lambda x, y: _polygon(x, y, np.array([[0.0, -0.44], [0.5, 0.44], [-0.5, 0.44]])),
    "diamond": lambda x, y: abs(x) * 1.35 + abs(y) < 0.5,
    "hexagon": lambda x, y: _polygon(x, y, _radial([0.5] * 6, 0.0)),
    "star": _star,
    "heart": _heart,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) < 0.17) & (np.maximum(abs(x), abs(y)) < 0.5),
    "ring": lambda x, y: _ball(x, y, 0.0, 0.0, 0.5, 0.5) & ~_ball(x, y, 0.0, 0.0, 0.22, 0.22),
    "moon": lambda x, y: _ball(x, y, 0.0, 0.0, 0.5, 0.5) & ~_ball(x, y, 0.26, -0.06, 0.4, 0.4),
    "drop": lambda x, y: (
        _ball(x, y, 0.0, 0.17, 0.33, 0.33) | _polygon(x, y, np.array([[0.0, -0.5], [0.293, 0.02], [-0.293, 0.02]]))
    ),
    "arrow": lambda x, y: _polygon(
        x,
        y,
        np.array([[0.5, 0], [0.02, -0.42], [0.02, -0.17], [-0.5, -0.17], [-0.5, 0.17], [0.02, 0.17], [0.02, 0.42]]),
    ),
    "gear": _gear,
    "flower": _flower,
    "horse": _horse,
}

PATTERNS: dict[str, Callable[[Field, Field], Inside]] = {
    "plain": lambda x, y: (x > 2.0) & (y > 2.0),
    "bands": lambda x, y: np.floor((y + 0.5) * 5.0) % 2.0 == 1.0,
    "slanted": lambda x, y: np.floor((x + y + 1.0) * 4.5) % 2.0 == 1.0,
    "checks": lambda x, y: (np.floor((x + 0.5) * 5.0) + np.floor((y + 0.5) * 5.0)) % 2.0 == 1.0,
    "dots": lambda x, y: (_cell(x) ** 2 + _cell(y) ** 2) < 0.27 * 0.27,
    "halves": lambda x, y: (x > 0.0) & (y < 2.0),
    "target": lambda x, y: np.floor(np.sqrt(x * x + y * y) * 9.0) % 2.0 == 1.0,
}


def _cell(x: Field) -> Field:
    """The place within a cell of a quarter of the square, in [-0.5, 0.5)."""
    return x * 4.0 - np.floor(x * 4.0) - 0.5


def grid(side: int) -> tuple[Field, Field]:
    """x as a row [1, side] and y as a column [side, 1]: centres of `side` cells over the unit square."""
    centres = (np.arange(side) + 0.5) / side - 0.5
    return centres[None, :], centres[:, None]


@cache
def coverage(kind: str, name: str) -> NDArray[np.uint8]:
    """How much of each texel a shape or pattern covers, 0 to 255: [256, 256], from 3 x 3 points per texel.

    `kind` is "shape", "pattern", or "rim" (the part of a shape within its rim's width of its border).
    """
    if kind == "rim":
        alpha = coverage("shape", name)
        rim: NDArray[np.uint8] = alpha - erode(alpha, THIN_RIMS.get(name, RIM))
        return rim
    table = SHAPES if kind == "shape" else PATTERNS
    x, y = grid(3 * RESOLUTION)
    inside = np.broadcast_to(table[name](x, y), (3 * RESOLUTION, 3 * RESOLUTION))
    count = inside.reshape(RESOLUTION, 3, RESOLUTION, 3).sum(axis=(1, 3), dtype=np.int64)
    covered: NDArray[np.uint8] = ((count * 255 + 4) // 9).astype(np.uint8)
    return covered


def erode(alpha: NDArray[np.uint8], texels: int) -> NDArray[np.uint8]:
    """The shape made smaller by `texels`: the least of the neighbours, with squares and diamonds in turn (an octagon)."""
    result = alpha
    for step in range(texels):
        padded = np.pad(result, 1)
        height, width = result.shape
        offsets = [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)]
        if step % 3 == 0:
            offsets += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        result = np.minimum.reduce([padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in offsets])
    return result


def hull(alpha: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Corners [P, 2] of the convex hull of the texels with alpha >= 128, in unit coordinates (Andrew's monotone chain)."""
    side = alpha.shape[0]
    points: set[tuple[int, int]] = set()
    for row in np.flatnonzero((alpha >= 128).any(axis=1)).tolist():
        columns = np.flatnonzero(alpha[row] >= 128)
        points |= {(x, y) for x in (int(columns[0]), int(columns[-1]) + 1) for y in (row, row + 1)}

    def chain(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for x, y in ordered:
            while len(kept) > 1:
                (x0, y0), (x1, y1) = kept[-2:]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    ordered = sorted(points)
    corners: NDArray[np.float64] = np.array(chain(ordered) + chain(ordered[::-1])) / side - 0.5
    return corners
