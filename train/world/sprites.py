"""Sprites: textured things with a rim, told apart by shape and colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .difficulty import Difficulty
from .draws import Draws
from .photographs import picture
from .shapes import PATTERNS, RESOLUTION, RIM, SHAPES, coverage, erode, grid, hull

Color = tuple[int, int, int]

# Far apart from each other and, being saturated or extreme, from the muted backgrounds.
COLORS: dict[str, Color] = {
    "red": (222, 48, 44),
    "orange": (247, 140, 24),
    "yellow": (250, 214, 40),
    "green": (52, 168, 66),
    "turquoise": (22, 182, 184),
    "blue": (40, 92, 220),
    "violet": (132, 66, 190),
    "pink": (244, 112, 172),
    "white": (244, 244, 238),
    "brown": (124, 72, 34),
}
WHITE, DARK = (250, 250, 246), (38, 32, 40)
# The ellipses (centre x, centre y, radius x, radius y) that cut things out of a photograph, in its pixels.
CUTOUTS: dict[str, tuple[str, tuple[tuple[int, int, int, int], ...]]] = {
    "cat": ("chelsea", ((212, 150, 148, 148),)),
    "cup": ("coffee", ((279, 222, 204, 167), (291, 108, 119, 91))),
}
SMALLEST = 8  # texels along a side of the coarsest level


@dataclass(frozen=True, eq=False)
class Sprite:
    """A textured thing in the unit square.

    Attributes:
        name: colour, pattern if it has one, and shape ("red bands star", "blue disc"), or "cat" or "cup".
        levels: uint8 [R, R, 4], colour premultiplied by alpha, R halving from one level to the next.
        outline_P2: float64, convex hull of alpha >= 128 in unit coordinates (x right, y down), seen from `pivot`.
        pivot: the middle of the upright outline's box in the unit square ([-0.5, 0.5]); the sprite turns around it.
    """

    name: str
    levels: tuple[NDArray[np.uint8], ...]
    outline_P2: NDArray[np.float64]
    pivot: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of the upright sprite, as shares of the unit square."""
        width, height = np.ptp(self.outline_P2, axis=0).tolist()
        return width, height


def draw_sprites(draws: Draws, count: int, difficulty: Difficulty, resolution: int) -> tuple[Sprite, ...]:
    """`count` sprites of different shapes and colours, some of them cut out of photographs; of the difficulty count `shapes`, `plain`, `cutouts`.

    `resolution` (texels, a power of two up to 256) is that of the finest level.
    """
    shapes = draws.several(sorted(difficulty.shapes or SHAPES), count)
    colors = draws.several(sorted(COLORS), count)
    cutouts = draws.several(sorted(CUTOUTS), len(CUTOUTS))
    made = []
    for shape, color in zip(shapes, colors, strict=True):
        pattern = draws.pick(sorted(PATTERNS))
        if difficulty.plain and draws.chance(difficulty.plain):
            pattern = "plain"
        lighter, pale_rim = draws.chance(0.5), draws.chance(0.5)
        if cutouts and draws.chance(difficulty.cutouts):
            name = cutouts.pop()
            texture, outline_P2 = _cutout(name)
            made.append(_sprite(name, _shrunk(texture, resolution), outline_P2))
        else:
            made.append(_patterned(shape, color, pattern, lighter, pale_rim, resolution))
    return tuple(made)


def _patterned(shape: str, color: str, pattern: str, lighter: bool, pale_rim: bool, resolution: int) -> Sprite:
    first = np.array(COLORS[color], dtype=np.int64)
    if color in ("white", "yellow", "brown"):  # lighter they would look like a background; and the rim needs contrast
        lighter, pale_rim = False, color == "brown"
    # White goes nearly black, since grey is a background's colour.
    second = first + (255 - first) * 6 // 10 if lighter else first * (2 if color == "white" else 6) // 10
    mix_RR1 = _at("pattern", pattern, resolution)[..., None].astype(np.int64)
    rim_RR1 = _at("rim", shape, resolution)[..., None].astype(np.int64)
    alpha_RR1 = _at("shape", shape, resolution)[..., None].astype(np.int64)
    inner_RR1 = alpha_RR1 - rim_RR1
    body_RR3 = (first * (255 - mix_RR1) + second * mix_RR1 + 127) // 255
    rgb_RR3 = (body_RR3 * inner_RR1 + np.array(WHITE if pale_rim else DARK) * rim_RR1 + 127) // 255
    texture = np.concatenate([rgb_RR3, alpha_RR1], axis=2).astype(np.uint8)
    words = (color, shape) if pattern == "plain" else (color, pattern, shape)
    return _sprite(" ".join(words), texture, _outline(shape))


def _sprite(name: str, texture: NDArray[np.uint8], outline_P2: NDArray[np.float64]) -> Sprite:
    middle_2 = (outline_P2.min(axis=0) + outline_P2.max(axis=0)) * 0.5
    return Sprite(name, _levels(texture), outline_P2 - middle_2, (float(middle_2[0]), float(middle_2[1])))


@cache
def _cutout(name: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """(premultiplied texture [256, 256, 4], outline) of a thing cut out of a photograph."""
    source, ellipses = CUTOUTS[name]
    left, right = min(x - rx for x, _, rx, _ in ellipses), max(x + rx for x, _, rx, _ in ellipses)
    top, bottom = min(y - ry for _, y, _, ry in ellipses), max(y + ry for _, y, _, ry in ellipses)
    side = max(right - left, bottom - top)
    x, y = grid(3 * RESOLUTION)
    x, y = (left + right) / 2 + x * side, (top + bottom) / 2 + y * side
    inside = np.zeros((3 * RESOLUTION, 3 * RESOLUTION), dtype=np.bool_)
    for cx, cy, rx, ry in ellipses:
        inside |= ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1.0
    photograph = picture(source)
    row = np.clip(np.floor(y), 0, photograph.shape[0] - 1).astype(np.intp)
    column = np.clip(np.floor(x), 0, photograph.shape[1] - 1).astype(np.intp)
    colors = photograph[row, column].astype(np.int64)
    mean = colors.reshape(RESOLUTION, 3, RESOLUTION, 3, 3).sum(axis=(1, 3)) // 9
    count = inside.reshape(RESOLUTION, 3, RESOLUTION, 3).sum(axis=(1, 3), dtype=np.int64)
    alpha = ((count * 255 + 4) // 9).astype(np.uint8)
    inner = erode(alpha, RIM).astype(np.int64)[..., None]
    rim = alpha.astype(np.int64)[..., None] - inner
    rgb = (mean * inner + np.array(WHITE) * rim + 127) // 255
    return np.concatenate([rgb.astype(np.uint8), alpha[..., None]], axis=2), hull(alpha)


@cache
def _at(kind: str, name: str, resolution: int) -> NDArray[np.uint8]:
    if resolution >= RESOLUTION:
        return coverage(kind, name)
    if kind == "rim":  # halved by way of its shape, so that both are rounded alike
        inner = _shrunk(coverage("shape", name) - coverage("rim", name), resolution)
        return _at("shape", name, resolution) - np.minimum(inner, _at("shape", name, resolution))
    return _shrunk(coverage(kind, name), resolution)


def _shrunk(texture: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    while texture.shape[0] > resolution:
        texture = _half(texture)
    return texture


@cache
def _outline(shape: str) -> NDArray[np.float64]:
    return hull(coverage("shape", shape))


def _levels(texture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    levels = [texture]
    while levels[-1].shape[0] > SMALLEST:
        levels.append(_half(levels[-1]))
    return tuple(levels)


def _half(texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 texels, rounded."""
    wide = texture.astype(np.uint16)
    total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)
