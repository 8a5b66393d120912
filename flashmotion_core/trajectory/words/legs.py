"""One stretch of motion without a pause, in words' terms: legs between its corners, and the patterns that they form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Of the frame's diagonal: half a hand's breadth on a screen. Smaller moves and bends go without saying.
MOVES = 0.04
# Factor of both sides. A person who turns, and a box that the frame's edge cuts, change in one of them only.
GROWS = 1.3
# Frames looked at in a stretch: of 40 seconds without a pause, 0.6 seconds apart.
LOOKS = 64
# Legs that make a pattern: there, back and there again.
REPEATS = 3
# Eighths of a turn, of a full circle's eight: one drawn by hand does not quite close.
CIRCLE = 6


@dataclass(frozen=True)
class Motion:
    """One thing that an object does.

    Attributes:
        kind: a key of `phrases.json`.
        way: where to (or on which side) on the screen, in eighths of a turn clockwise from the right, 0 to 7.
        depth: 1 towards the camera, -1 away from it.
        across: from one third of the frame to the opposite one.
    """

    kind: str
    way: int | None = None
    depth: int = 0
    across: bool = False


def noticeable(boxes_T4: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Centre x, y and the logarithms of w, h [T, 4], in units of the smallest change that is worth a word.

    Args:
        boxes_T4: (x, y, w, h) in pixels, (x, y) the top-left corner.
        size: (width, height) of the frame in pixels.
    """
    centres_T2 = (boxes_T4[:, :2] + boxes_T4[:, 2:] * 0.5) / (math.hypot(*size) * MOVES)
    return np.concatenate([centres_T2, np.log(boxes_T4[:, 2:]) / math.log(GROWS)], axis=1)


def way_of(right: float, down: float) -> int:
    """The nearest of the eight ways."""
    return round(math.atan2(down, right) / (math.pi / 4)) % 8


def step_of(way: int) -> tuple[int, int]:
    """A way as steps to the right and down, each -1, 0 or 1."""
    return round(math.cos(way * math.pi / 4) * 1.2), round(math.sin(way * math.pi / 4) * 1.2)


def stretch(path_T4: NDArray[np.float64], centres_T2: NDArray[np.float64]) -> list[Motion]:
    """What happens in one stretch; nothing where no change is worth a word.

    Args:
        path_T4: see `noticeable`; coarser when divided by a number above 1.
        centres_T2: the same centres as fractions of the frame.
    """
    looks = np.unique(np.linspace(0, len(path_T4) - 1, min(LOOKS, len(path_T4))).round().astype(np.intp))
    path, centres = path_T4[looks], centres_T2[looks]
    moves = [
        Motion("move", *_course(path, *leg), across=_is_across(centres, *leg)) for leg in _merged(path, _corners(path))
    ]
    return _patterns(moves)


def _corners(path_T4: NDArray[np.float64]) -> list[int]:
    """Indices that a polyline needs to be within 1 of every point (Ramer 1972, Douglas and Peucker 1973).

    Points are compared with the polyline by the length travelled, so that going to and fro on one line is not a straight leg.
    """
    points_T3 = np.concatenate([path_T4[:, :2], path_T4[:, 2:].mean(axis=1, keepdims=True)], axis=1)
    travelled_T = np.concatenate([[0.0], np.linalg.norm(np.diff(points_T3, axis=0), axis=1).cumsum()])
    kept = {0, len(points_T3) - 1}
    open_legs = [(0, len(points_T3) - 1)]
    while open_legs:
        first, last = open_legs.pop()
        if last - first < 2:
            continue
        length = travelled_T[last] - travelled_T[first]
        if length <= 1:
            continue
        share_I1 = ((travelled_T[first + 1 : last] - travelled_T[first]) / length)[:, None]
        straight_I3 = points_T3[first] + share_I1 * (points_T3[last] - points_T3[first])
        away_I = np.linalg.norm(points_T3[first + 1 : last] - straight_I3, axis=1)
        farthest = int(away_I.argmax())
        if away_I[farthest] > 1:
            middle = first + 1 + farthest
            kept.add(middle)
            open_legs += [(first, middle), (middle, last)]
    return sorted(kept)


def _merged(path_T4: NDArray[np.float64], corners: list[int]) -> list[tuple[int, int]]:
    """The legs (first and last index) that are worth a word, those that go the same way taken together."""
    legs: list[tuple[int, int]] = []
    for leg in pairwise(corners):
        way, depth = _course(path_T4, *leg)
        if (way, depth) == (None, 0):
            continue
        if legs:
            way_before, depth_before = _course(path_T4, *legs[-1])
            if way == way_before and (depth == depth_before or 0 in (depth, depth_before)):
                legs[-1] = (legs[-1][0], leg[1])
                continue
        legs.append(leg)
    return legs


def _course(path_T4: NDArray[np.float64], first: int, last: int) -> tuple[int | None, int]:
    """Way and depth of a leg."""
    right, down, wider, taller = (path_T4[last] - path_T4[first]).tolist()
    depth = 1 if min(wider, taller) >= 1 else -1 if max(wider, taller) <= -1 else 0
    return (way_of(right, down) if math.hypot(right, down) >= 1 else None), depth


def _is_across(centres_T2: NDArray[np.float64], first: int, last: int) -> bool:
    steps = step_of(way_of(*(centres_T2[last] - centres_T2[first]).tolist()))
    return all(
        (start - 0.5) * step < -1 / 6 and (end - 0.5) * step > 1 / 6
        for start, end, step in zip(centres_T2[first].tolist(), centres_T2[last].tolist(), steps, strict=True)
        if step
    )


def _patterns(moves: list[Motion]) -> list[Motion]:
    """The same moves, with what repeats or goes round said in one."""
    told: list[Motion] = []
    while moves:
        count, pattern = _sway(moves)
        if pattern is None:
            count, pattern = _circle(moves)
        if pattern is None:
            count, pattern = 1, moves[0]
        elif pattern.way is not None:
            # On its way a ball rolls before it bounces, and when it bounces no higher than a word.
            while count < len(moves) and moves[count].way == pattern.way:
                count += 1
            if told and told[-1].kind == "move" and told[-1].way == pattern.way:
                told.pop()
        told.append(pattern)
        moves = moves[count:]
    return told


def _sway(moves: list[Motion]) -> tuple[int, Motion | None]:
    """How many moves from the first on alternate between two, and as what."""
    if len(moves) < REPEATS:
        return 0, None
    pair = [(move.way, move.depth if move.way is None else 0) for move in moves[:2]]
    count = 0
    for move in moves:
        if (move.way, move.depth if move.way is None else 0) != pair[count % 2]:
            break
        count += 1
    (one, _), (other, _) = pair
    if count < REPEATS or (one is None) != (other is None):
        return 0, None
    if one is None or other is None:
        return count, Motion("sway in depth")
    turn = (other - one) % 8
    if turn == 4:
        return count, Motion({0: "sway sideways", 2: "sway up and down"}.get(one % 4, "sway"))
    heading = (one + 1) % 8 if turn == 2 else (one - 1) % 8
    if turn not in (2, 6) or heading % 2:
        return 0, None
    return count, Motion("bob" if heading % 4 == 0 else "weave", heading)


def _circle(moves: list[Motion]) -> tuple[int, Motion | None]:
    """How many moves from the first on go round, if they go round once."""
    ways = [move.way for move in moves]
    total, count = 0, 1
    for one, other in pairwise(ways):
        if one is None or other is None:
            break
        turn = (other - one + 4) % 8 - 4
        if turn == -4 or turn * total < 0:
            break
        total, count = total + turn, count + 1
    if abs(total) < CIRCLE:
        return 0, None
    return count, Motion("circle clockwise" if total > 0 else "circle anticlockwise")
