"""Backgrounds: muted, so that sprites stand out; photographic (tinted textures, a wooden table) or procedural."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .draws import Draws
from .photographs import picture

Scene = NDArray[np.uint8]
Field = NDArray[np.float64]

# (dark, light) of each mood.
TINTS = (
    ((188, 172, 142), (226, 214, 190)),  # sand
    ((98, 112, 130), (150, 164, 180)),  # slate
    ((122, 142, 118), (176, 192, 166)),  # sage
    ((116, 102, 130), (172, 154, 174)),  # dusk
    ((150, 120, 104), (204, 176, 156)),  # clay
    ((160, 170, 178), (210, 216, 220)),  # fog
    ((62, 72, 92), (98, 110, 130)),  # evening
)
TEXTURES = ("brick", "grass", "gravel")


def draw_background(draws: Draws, height: int, width: int, unit: int, photograph_share: float) -> Scene:
    """A background [height, width, 3]; `unit` is the frame's shorter side in pixels, to which details are scaled."""
    if draws.chance(photograph_share):
        kind = draws.pick((*TEXTURES, "table"))
        return _table(draws, height, width, unit) if kind == "table" else _texture(draws, kind, height, width, unit)
    return draws.pick(PROCEDURAL)(draws, height, width, unit)


def _tinted(level_HW: Field, tint: tuple[tuple[int, int, int], tuple[int, int, int]]) -> Scene:
    """Level 0 to 1 as a colour from the tint's dark to its light end."""
    dark, light = (np.array(color, dtype=np.float64) for color in tint)
    mixed = dark + (light - dark) * np.clip(level_HW, 0.0, 1.0)[..., None]
    return np.floor(mixed + 0.5).astype(np.uint8)


def _mirrored(draws: Draws, source: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """A piece from a random place of the source, which is mirrored at its borders for as long as needed."""
    indices = []
    for wanted, length in ((height, source.shape[0]), (width, source.shape[1])):
        place = (draws.integer(0, 2 * length - 1) + np.arange(wanted)) % (2 * length)
        indices.append(np.minimum(place, 2 * length - 1 - place))
    piece: NDArray[np.int64] = source[indices[0][:, None], indices[1][None, :]]
    return piece


def _reduced(source: NDArray[np.uint8], unit: int, native: int) -> NDArray[np.int64]:
    """Block means by the power of two that brings `native` pixels nearest above the frame's shorter side."""
    reduced = source.astype(np.int64)
    while native >= 2 * unit and min(reduced.shape[:2]) >= 2:
        height, width = (length // 2 * 2 for length in reduced.shape[:2])
        even = reduced[:height, :width]
        reduced = (even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2] + 2) >> 2
        native //= 2
    return reduced


def _texture(draws: Draws, name: str, height: int, width: int, unit: int) -> Scene:
    grey = _mirrored(draws, _reduced(picture(name), unit, 512), height, width)
    # The textures differ in contrast: their own range is brought to that of the tint.
    low, high = int(grey.min()), max(int(grey.max()), int(grey.min()) + 1)
    return _tinted(0.1 + 0.8 * (grey - low) / (high - low), draws.pick(TINTS))


def _table(draws: Draws, height: int, width: int, unit: int) -> Scene:
    wood = _mirrored(draws, _reduced(picture("coffee")[150:390, 490:600], unit, 400), height, width)
    grey = (wood[..., 0:1] * 3 + wood[..., 1:2] * 4 + wood[..., 2:3]) // 8
    # Two thirds of the colour taken out and lifted: the photograph's red would swallow red sprites.
    muted: Scene = np.clip((wood + 2 * grey) // 3 * 3 // 4 + 60, 0, 255).astype(np.uint8)
    return muted


def _noise(draws: Draws, height: int, width: int, cell: float) -> Field:
    """Value noise in [0, 1): random values every `cell` pixels, smoothly between."""
    rows, columns = int(height / cell) + 2, int(width / cell) + 2
    values = draws.array(rows, columns)
    y, x = (np.arange(height) + 0.5) / cell, (np.arange(width) + 0.5) / cell
    row, column = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    y, x = y - row, x - column
    down, right = (y * y * (3.0 - 2.0 * y))[:, None], (x * x * (3.0 - 2.0 * x))[None, :]
    across = values[:, column] * (1.0 - right) + values[:, column + 1] * right
    level: Field = across[row] * (1.0 - down) + across[row + 1] * down
    return level


def _clouds(draws: Draws, height: int, width: int, unit: int) -> Scene:
    coarse = _noise(draws, height, width, unit / 2.5)
    return _tinted(coarse * 0.75 + _noise(draws, height, width, unit / 8.0) * 0.25, draws.pick(TINTS))


def _hills(draws: Draws, height: int, width: int, unit: int) -> Scene:
    sky = draws.pick(TINTS[:6])
    y = (np.arange(height) + 0.5)[:, None] / height
    scene = _tinted(np.broadcast_to(1.0 - 0.3 * y, (height, width)), sky)
    shade = draws.pick(TINTS)
    layers = draws.integer(2, 3)
    for layer in range(layers):
        line = _noise(draws, 2, width, unit * (0.75 - 0.15 * layer))[0] * 0.3 + 0.42 + 0.2 * layer
        level = 0.75 - 0.65 * layer / layers
        scene = np.where((y > line)[..., None], _tinted(np.full((1, 1), level), shade), scene)
    return scene


def _tiles(draws: Draws, height: int, width: int, unit: int) -> Scene:
    cell = unit / draws.pick((5.0, 6.0, 8.0))
    x, y = np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
    checks = (np.floor(x / cell) + np.floor(y / cell)) % 2.0
    return _tinted(0.3 + 0.4 * checks, draws.pick(TINTS))


def _glow(draws: Draws, height: int, width: int, unit: int) -> Scene:
    """A soft light somewhere on a plain wall."""
    x = (np.arange(width)[None, :] - draws.uniform(0.0, width)) / (1.4 * unit)
    y = (np.arange(height)[:, None] - draws.uniform(0.0, height)) / (1.4 * unit)
    return _tinted(1.0 / (1.0 + 2.0 * (x * x + y * y)), draws.pick(TINTS))


PROCEDURAL: tuple[Callable[[Draws, int, int, int], Scene], ...] = (_clouds, _hills, _tiles, _glow)
