"""Sprites onto frames: exact extents, the sampled patch, painter's order, the camera's window. Fixed-point, so exact everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .draws import turn
from .sprites import Sprite

ONE = 256  # of the fixed-point weights
SOLID = 128  # alpha from which a pixel belongs to a sprite


def extents(sprite: Sprite, turns_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """(left, top, right, bottom) [T, 4] of the turned sprite around its pivot, as shares of the unit square's side."""
    cos_T, sin_T = turn(turns_T)
    x_P, y_P = sprite.outline_P2.T
    x_TP = cos_T[:, None] * x_P - sin_T[:, None] * y_P
    y_TP = sin_T[:, None] * x_P + cos_T[:, None] * y_P
    return np.stack([x_TP.min(axis=1), y_TP.min(axis=1), x_TP.max(axis=1), y_TP.max(axis=1)], axis=1)


def patch(sprite: Sprite, x: float, y: float, side: float, turns: float) -> tuple[NDArray[np.int32], int, int]:
    """The sprite as pixels: (premultiplied RGBA [h, w, 4] of 0 to 255, left column, top row), not cut at any frame.

    Args:
        x, y: where the sprite's pivot lies, in pixels (pixel i spans i to i + 1).
        side: the unit square's side in pixels.
        turns: clockwise on the screen, 1 is a full circle.

    Bilinear samples of the finest level that has no more than twice as many texels as the sprite has pixels.
    """
    left, top, right, bottom = (extents(sprite, np.array([turns]))[0] * side).tolist()
    x0, y0 = int(np.floor(x + left)) - 1, int(np.floor(y + top)) - 1
    x1, y1 = int(np.ceil(x + right)) + 1, int(np.ceil(y + bottom)) + 1
    level = next((level for level in sprite.levels if level.shape[0] < 2.0 * side), sprite.levels[-1])
    resolution = level.shape[0]
    cosine, sine = (float(value) for value in turn(turns))
    scale = resolution / side
    dx_W, dy_H = (np.arange(x0, x1) + 0.5 - x) * scale, (np.arange(y0, y1) + 0.5 - y) * scale
    # Half a texel back to texel centres, one on for the border.
    column, row = ((0.5 + pivot) * resolution + 0.5 for pivot in sprite.pivot)
    u_HW = _fixed(cosine * dx_W[None, :] + sine * dy_H[:, None] + column, resolution)
    v_HW = _fixed(cosine * dy_H[:, None] - sine * dx_W[None, :] + row, resolution)

    bordered = np.zeros((resolution + 2, resolution + 2, 4), dtype=np.int32)
    bordered[1:-1, 1:-1] = level
    flat = bordered.reshape(-1, 4)
    column_HW, row_HW = u_HW >> 8, v_HW >> 8
    right_HW1, down_HW1 = (u_HW & 255)[..., None], (v_HW & 255)[..., None]
    start_HW = row_HW * (resolution + 2) + column_HW
    upper = flat[start_HW] * (ONE - right_HW1) + flat[start_HW + 1] * right_HW1
    start_HW += resolution + 2
    lower = flat[start_HW] * (ONE - right_HW1) + flat[start_HW + 1] * right_HW1
    return (upper * (ONE - down_HW1) + lower * down_HW1 + ONE * ONE // 2) >> 16, x0, y0


def _fixed(texel_HW: NDArray[np.float64], resolution: int) -> NDArray[np.int32]:
    """Texel coordinates in 1/256, kept so that they and their right neighbours lie in the bordered level."""
    return np.clip(np.floor(texel_HW * ONE + 0.5), 0, (resolution + 1) * ONE - 1).astype(np.int32)


def paint(
    frame_HW3: NDArray[np.uint8], owner_HW: NDArray[np.uint8], rgba: NDArray[np.int32], x0: int, y0: int, label: int
) -> None:
    """Lay a patch over a frame, and write `label` where it is solid; what lies outside the frame is cut."""
    height, width = owner_HW.shape
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x0 + rgba.shape[1], width), min(y0 + rgba.shape[0], height)
    if left >= right or top >= bottom:
        return
    cut = rgba[top - y0 : bottom - y0, left - x0 : right - x0]
    under = frame_HW3[top:bottom, left:right]
    behind = (under.astype(np.int32) * (255 - cut[..., 3:]) + 127) // 255
    under[:] = np.minimum(cut[..., :3] + behind, 255)
    owner_HW[top:bottom, left:right][cut[..., 3] >= SOLID] = label


def window(scene_HW3: NDArray[np.uint8], x: float, y: float, width: int, height: int) -> NDArray[np.uint8]:
    """`width` x `height` pixels of a larger picture from (x, y) on, bilinear in 1/256 of a pixel."""
    u, v = int(np.floor(x * ONE + 0.5)), int(np.floor(y * ONE + 0.5))
    column, row, right, down = u >> 8, v >> 8, u & 255, v & 255
    assert column >= 0
    assert row >= 0
    cut = scene_HW3[row : row + height + 1, column : column + width + 1].astype(np.int32)
    assert cut.shape[:2] == (height + 1, width + 1)
    across = cut[:, :-1] * (ONE - right) + cut[:, 1:] * right
    return ((across[:-1] * (ONE - down) + across[1:] * down + ONE * ONE // 2) >> 16).astype(np.uint8)
