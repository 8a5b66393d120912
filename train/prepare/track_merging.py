"""Tidy tracks of moving spots: parts of one body become one object, and boxes lose their jitter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .foreground import Masks
from .found_objects import Boxes, Labels

NEAR = 0.01
"""Gap between parts of one body, as a share of the frame's diagonal."""
OVERLAP = 0.3
"""Share of the smaller box that lies in the other one, from which both are parts of one thing."""
MOST = 60
"""Objects of a clip; a document holds 64."""
SMOOTH = 5
"""Frames that a box's running median looks at."""


def merged(tracks: Sequence[Mapping[int, Masks]], shape: tuple[int, ...]) -> tuple[Labels, int]:
    """Labels [T, H, W] of the tracks, largest first, after parts that move together were joined; and how many objects there are."""
    diagonal = float(np.hypot(shape[1], shape[2]))
    boxes = [{t: _box(mask_HW) for t, mask_HW in track.items()} for track in tracks]
    parent = list(range(len(tracks)))
    for one in range(len(tracks)):
        for other in range(one):
            if _together(boxes[one], boxes[other], NEAR * diagonal):
                parent[_root(parent, one)] = _root(parent, other)
    groups: dict[int, list[int]] = {}
    for index in range(len(tracks)):
        groups.setdefault(_root(parent, index), []).append(index)
    volume = {
        root: sum(int(m.sum()) for index in members for m in tracks[index].values()) for root, members in groups.items()
    }
    order = sorted(groups, key=lambda root: -volume[root])[:MOST]
    labels_THW = np.zeros(shape, dtype=np.uint8)
    for number, root in reversed(list(enumerate(order, start=1))):
        for index in groups[root]:
            for t, mask_HW in tracks[index].items():
                labels_THW[t][mask_HW] = number
    return labels_THW, len(order)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        index = parent[index]
    return index


def _box(mask_HW: Masks) -> NDArray[np.float64]:
    columns, rows = np.flatnonzero(mask_HW.any(axis=0)), np.flatnonzero(mask_HW.any(axis=1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def _together(one: Mapping[int, NDArray[np.float64]], other: Mapping[int, NDArray[np.float64]], near: float) -> bool:
    """Whether two tracks are parts of one thing: over most of the shorter one's life their boxes overlap, or are close and stay so."""
    both = sorted(one.keys() & other.keys())
    if len(both) < 0.6 * min(len(one), len(other)) or len(both) < 3:
        return False
    a, b = np.stack([one[t] for t in both]), np.stack([other[t] for t in both])
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    smaller = np.minimum((a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1))
    if float(np.quantile(sides.prod(axis=1) / smaller, 0.2)) > OVERLAP:
        return True
    gaps = np.maximum(np.maximum(a[:, :2], b[:, :2]) - np.minimum(a[:, 2:], b[:, 2:]), 0)
    if float(np.median(np.hypot(gaps[:, 0], gaps[:, 1]))) > near:
        return False
    apart = (a[:, :2] + a[:, 2:]) / 2 - (b[:, :2] + b[:, 2:]) / 2
    return bool(np.abs(apart - np.median(apart, axis=0)).mean() < 0.6 * near)


def smoothed(boxes_TN4: Boxes) -> Boxes:
    """A running median over a few frames of each edge, within the frames where an object is seen."""
    out: Boxes = boxes_TN4.copy()
    half = SMOOTH // 2
    corners = boxes_TN4.copy()
    corners[..., 2:] += corners[..., :2]
    for n in range(boxes_TN4.shape[1]):
        for t in np.flatnonzero(np.isfinite(boxes_TN4[:, n, 0])).tolist():
            # Symmetric, so that a steady movement stays what it is, to the ends.
            reach = min(half, t, len(corners) - 1 - t)
            near = corners[t - reach : t + reach + 1, n]
            while reach and not np.isfinite(near).all():
                reach -= 1
                near = corners[t - reach : t + reach + 1, n]
            middle = np.median(near, axis=0)
            out[t, n] = [*middle[:2], *(middle[2:] - middle[:2])]
    return out
