"""A counterfactual motion: the same objects on the same first frame, asked to go elsewhere.

A model that memorised its clips moves them as it saw them, whatever boxes it is given, so it passes with their own boxes and fails here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..trajectory import Keyframe, TrackedObject, Trajectory, sample
from .clip_set import BenchClip

Array = NDArray[np.float64]

LEAST = 0.2
"""Diagonals that an object travels at least, if the frame has so much room."""
TURNS = ((-1, 0, 0, -1), (0, -1, 1, 0), (0, 1, -1, 0))
"""Half a turn and two quarter turns: (a, b, c, d) takes (x, y) to (a x + b y, c x + d y)."""


def turned(clip: BenchClip) -> BenchClip:
    """The clip with every object going elsewhere; there is no real clip of that, no masks and no tracks."""
    return BenchClip(clip.name, counterfactual(clip.trajectory))


def counterfactual(trajectory: Trajectory) -> Trajectory:
    """The same objects with another motion; sizes, hidden frames and objects that frame 0 does not show are kept.

    Each object's path is turned about its beginning by a half or a quarter, whichever has most room, scaled so that its centre keeps as far
    from the frame's border as half of its box (or as it was), and so that it travels at least `LEAST` of the diagonal, if there is room. One
    that stands still keeps its first size and moves evenly on a straight line.
    """
    sampled = sample(trajectory)
    objects = [
        _turned(tracked, sampled.boxes_TN4[:, n], trajectory) if sampled.visible_TN[0, n] else tracked
        for n, tracked in enumerate(trajectory.objects)
    ]
    return replace(trajectory, objects=tuple(objects))


def _turned(tracked: TrackedObject, boxes_T4: Array, trajectory: Trajectory) -> TrackedObject:
    """One object on its other path."""
    size = np.array(trajectory.size, dtype=np.float64)
    path_T2 = boxes_T4[:, :2] + boxes_T4[:, 2:] / 2
    moves_T2, still = path_T2 - path_T2[0], False
    least = LEAST * float(np.hypot(*size))
    if np.hypot(*moves_T2.T).max() < 1:
        moves_T2, still = np.linspace(0, 1, len(path_T2))[:, None] * np.array([[-least, 0.0]]), True
    wanted = max(1.0, least / float(np.hypot(*moves_T2.T).max()))
    room_4 = _room(path_T2[0], boxes_T4[0, 2:], size)
    scales = [min(wanted, _most(moves_T2 @ _matrix(turn).T, room_4)) for turn in TURNS]
    best = int(np.argmax(scales))
    matrix = scales[best] * _matrix(TURNS[best])
    start = path_T2[0]
    if still:
        first = tracked.keyframes[0]
        x, y = ((start + matrix @ moves_T2[-1]) / size).tolist()
        last = replace(first, frame=trajectory.frames - 1, x=x, y=y)
        return replace(tracked, keyframes=(replace(first, frame=0, ease="linear"), last))

    def moved(key: Keyframe) -> Keyframe:
        # The path between keyframes is an affine combination of theirs, so it turns with them.
        x, y = ((start + matrix @ (np.array([key.x, key.y]) * size - start)) / size).tolist()
        return replace(key, x=x, y=y)

    return replace(tracked, keyframes=tuple(map(moved, tracked.keyframes)))


def _matrix(turn: tuple[int, int, int, int]) -> Array:
    return np.array(turn, dtype=np.float64).reshape(2, 2)


def _room(start_2: Array, box_2: Array, size_2: Array) -> Array:
    """How far a centre may move to the left, up, right and down."""
    room_4: Array = np.maximum(np.concatenate([start_2 - box_2 / 2, size_2 - box_2 / 2 - start_2]), 0.0)
    return room_4


def _most(moves_T2: Array, room_4: Array) -> float:
    """The largest factor with which moves stay in the room."""
    far_4 = np.concatenate([-moves_T2.min(axis=0), moves_T2.max(axis=0)])
    limits = [float(room / far) for room, far in zip(room_4, far_4, strict=True) if far > 1e-9]
    return min(limits, default=np.inf)
