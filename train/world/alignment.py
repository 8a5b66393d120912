"""How well a sprite in a pose agrees with a picture, and the pose near a guess that agrees best.

The agreement of a pose is a robust sum over the sprite's solid pixels: each gives from 1 (equal colour) down to -`PENALTY` (unlike).
A sum, not a mean, so that a small pose inside a plain sprite does not win; bounded, so that what covers a sprite does not push it away.

A sprite is compared as `paint.patch` draws it, but is not drawn: its levels are kept as look-up tables of a quarter of a texel, and a pose
only says which entry each pixel of the frame is compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .paint import SOLID
from .sprites import Sprite

Pose = tuple[float, float, float, float]  # pivot x, pivot y, side (pixels), turns: as in `synthetic.Clip.poses_TN4`
Picture = NDArray[np.float32]

TOLERANCE = 0.14  # colour distance (root mean square over R, G, B; white to black is 1) at which the gain is 0
PENALTY = 0.5
STEPS = (0.1, 0.1, 0.08, 0.04)  # x, y and side as shares of the side; turns
ROUNDS = 6  # of halving them
SWEEPS = 4  # at most, per round
THINNED, THIN = 3, 2  # rounds in which every other row and column will do
TABLE = 256  # entries along a side of the finest table, at least twice the texels
MARGIN = 0.75  # empty entries around a table, as a share of it: a turned window's corners lie there
NOTHING = np.zeros((0, 0, 4), dtype=np.float32)
RGB = np.array([1.0, 1.0, 1.0, 0.0], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Table:
    """A level of a sprite, finer.

    Attributes:
        entries_X4: float32, row by row: colour without transparency (0 to 255), and what to multiply its squared distance with so that
            `TOLERANCE` gives 1: less where it is not opaque, 0 where it is not solid.
        length: entries in a row.
        origin_2: column and row of the pivot.
        unit: entries along the unit square's side.
    """

    entries_X4: Picture
    length: int
    origin_2: tuple[float, float]
    unit: int


def picture_of(frame_HW3: NDArray[np.uint8]) -> Picture:
    """A frame to compare with: float32 [H, W, 4], 0 to 255, the last channel 0."""
    picture = np.zeros((*frame_HW3.shape[:2], 4), dtype=np.float32)
    picture[..., :3] = frame_HW3
    return picture


def gain(picture: Picture, sprite: Sprite, pose: Pose, stride: int = 1) -> float:
    """The agreement of a pose, see the top of this file; with a stride, from a part of the pixels.

    Args:
        picture: from `picture_of`.
    """
    found_HW4, top, left = _entries(sprite, pose, picture.shape[:2], stride)
    if not found_HW4.size:
        return 0.0
    weights_HW = found_HW4[..., 3]
    empty = weights_HW.size - int(np.count_nonzero(weights_HW > 0))
    height, width = weights_HW.shape
    gains_HW = (
        np.square(found_HW4 - picture[top : top + height * stride : stride, left : left + width * stride : stride])
        @ RGB
    )
    gains_HW *= weights_HW
    np.subtract(1.0, gains_HW, out=gains_HW)
    np.maximum(gains_HW, -PENALTY, out=gains_HW)
    return (float(gains_HW.sum()) - empty) * stride * stride


def matched(picture: Picture, sprite: Sprite, pose: Pose) -> tuple[NDArray[np.bool_], float]:
    """(pixels of the frame that agree with the sprite [H, W], their share of the sprite's pixels, 0 to 1)."""
    height, width, _ = picture.shape
    mask_HW = np.zeros((height, width), dtype=np.bool_)
    found_HW4, top, left = _entries(sprite, pose, None, 1)
    # Of the window, what lies in the frame.
    rows, columns = (slice(max(-start, 0), max(end - start, 0)) for start, end in ((top, height), (left, width)))
    cut_HW4 = found_HW4[rows, columns]
    if cut_HW4.size:
        part = np.s_[max(top, 0) : max(top, 0) + cut_HW4.shape[0], max(left, 0) : max(left, 0) + cut_HW4.shape[1]]
        squared_HW = np.square(cut_HW4 - picture[part]) @ RGB * cut_HW4[..., 3]
        mask_HW[part] = (squared_HW < 1.0) & (cut_HW4[..., 3] > 0)
    solid = int(np.count_nonzero(found_HW4[..., 3] > 0))
    return mask_HW, int(np.count_nonzero(mask_HW)) / max(solid, 1)


def _entries(sprite: Sprite, pose: Pose, size: tuple[int, ...] | None, stride: int) -> tuple[Picture, int, int]:
    """(what a sprite's table has for each pixel of its box [h, w, 4], top row, left column); cut at a frame of this size, if any."""
    x, y, side, turns = pose
    left, top, right, bottom = extents_of(sprite, turns)
    x0, x1 = math.floor(x + left * side) - 1, math.ceil(x + right * side) + 1
    y0, y1 = math.floor(y + top * side) - 1, math.ceil(y + bottom * side) + 1
    if size is not None:
        x0, x1, y0, y1 = max(x0, 0), min(x1, size[1]), max(y0, 0), min(y1, size[0])
    if x0 >= x1 or y0 >= y1:
        return NOTHING, y0, x0
    table = _table(sprite, next((n for n, level in enumerate(sprite.levels) if level.shape[0] < 2.0 * side), -1))
    scale = table.unit / side
    cosine, sine = scale * math.cos(2 * math.pi * turns), scale * math.sin(2 * math.pi * turns)
    dx_W = np.arange(x0 + 0.5 - x, x1 - x, stride)
    dy_H1 = np.arange(y0 + 0.5 - y, y1 - y, stride)[:, None]
    column, row = table.origin_2
    index_HW = (dx_W * -sine + (dy_H1 * cosine + row)).astype(np.intp)
    index_HW *= table.length
    index_HW += (dx_W * cosine + (dy_H1 * sine + column)).astype(np.intp)
    return table.entries_X4.take(index_HW, axis=0, mode="clip"), y0, x0


def refine(picture: Picture, sprite: Sprite, pose: Pose, rounds: range = range(ROUNDS)) -> tuple[Pose, float]:
    """Pattern search: each value up and down by its step while that helps, then half the steps.

    Args:
        picture: from `picture_of`.
        rounds: which of the `ROUNDS`, those before having been done or being needless.

    Returns: (the pose, its gain in the last of these rounds).
    """
    values, best, last_stride = list(pose), 0.0, 0
    smallest, largest = 0.7 * pose[2], 1.4 * pose[2]
    for number in rounds:
        steps = [pose[2] * step * 0.5**number for step in STEPS[:3]] + [STEPS[3] * 0.5**number]
        stride = THIN if number < THINNED else 1
        if stride != last_stride:
            best, last_stride = gain(picture, sprite, _pose(values), stride), stride
        for _ in range(SWEEPS):
            before = best
            for axis in range(4):
                for step in (steps[axis], -steps[axis]):
                    tried = values.copy()
                    tried[axis] += step
                    if not smallest <= tried[2] <= largest:
                        continue
                    found = gain(picture, sprite, _pose(tried), stride)
                    if found > best:
                        values, best = tried, found
            if best == before:
                break
    return _pose(values), best


@lru_cache(maxsize=4096)
def extents_of(sprite: Sprite, turns: float) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the turned sprite around its pivot, as shares of the unit square's side."""
    x_P, y_P = sprite.outline_P2.T
    cosine, sine = math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)
    across_P, down_P = cosine * x_P - sine * y_P, sine * x_P + cosine * y_P
    return float(across_P.min()), float(down_P.min()), float(across_P.max()), float(down_P.max())


@lru_cache(maxsize=16)
def _table(sprite: Sprite, number: int) -> Table:
    level = sprite.levels[number].astype(np.float32)
    texels = level.shape[0]
    finer = max(TABLE // texels, 2)
    # Between the centres of texels, and of the empty ones around them.
    fine = _finer(_finer(np.pad(level, ((1, 1), (1, 1), (0, 0))), finer).swapaxes(0, 1), finer).swapaxes(0, 1)
    fine = np.floor(fine + 0.5)
    solid = fine[..., 3] >= SOLID
    alpha = np.where(solid, fine[..., 3], 255.0)[..., None] / 255.0
    unit, around = texels * finer, round(MARGIN * texels) * finer
    length = unit + 2 * (around + finer)
    entries = np.zeros((length, length, 4), dtype=np.float32)
    inner = entries[around:-around, around:-around]
    inner[..., :3] = fine[..., :3] / alpha
    inner[..., 3] = np.where(solid, alpha[..., 0] ** 2 / (3.0 * (255.0 * TOLERANCE) ** 2), 0.0)
    column, row = (around + finer + (0.5 + pivot) * unit for pivot in sprite.pivot)
    return Table(entries.reshape(-1, 4), length, (column, row), unit)


def _finer(values_LX: Picture, finer: int) -> Picture:
    """The first axis with `finer` times as many samples, linear between their centres and constant beyond the outer ones."""
    length = len(values_LX)
    places = np.clip((np.arange(length * finer) + 0.5) / finer - 0.5, 0, length - 1)
    lower = np.minimum(places.astype(np.intp), max(length - 2, 0))
    shares = (places - lower).astype(np.float32).reshape(-1, *[1] * (values_LX.ndim - 1))
    result: Picture = values_LX[lower] * (1 - shares) + values_LX[np.minimum(lower + 1, length - 1)] * shares
    return result


def _pose(values: list[float]) -> Pose:
    x, y, side, turns = values
    return x, y, side, turns
