"""Which boxes in different frames are the same object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from .field_checks import TrajectoryError

Box: TypeAlias = tuple[float, float, float, float]
# Far above what a document holds, so that an error can say which there were; bounded, because every frame compares with all of them.
MAX_THINGS = 1000


@dataclass
class Thing:
    """One object through time: its label and its (frame, index in that frame's list)."""

    label: str
    places: list[tuple[int, int]] = field(default_factory=list)


def match(boxes: Sequence[Sequence[Box]], labels: Sequence[Sequence[str]]) -> list[Thing]:
    """Join boxes (x, y, w, h) across frames into objects, in the order of first appearance.

    When no frame has two boxes of the same label ("" counts as one), the label is the identity. Otherwise each box goes
    to the object of the same label whose last box overlaps it most (greedy by intersection over union, earlier object
    and earlier box first at a tie); a box that overlaps none starts a new object. Deterministic.

    Raises `TrajectoryError` for more than 1000 objects.
    """
    things: list[Thing] = []
    if all(len(set(frame)) == len(frame) for frame in labels):
        by_label: dict[str, Thing] = {}
        for t, frame in enumerate(labels):
            for index, label in enumerate(frame):
                if label not in by_label:
                    by_label[label] = Thing(label)
                    _add(things, by_label[label])
                by_label[label].places.append((t, index))
        return things

    last_boxes: list[Box] = []
    for t, (frame_boxes, frame_labels) in enumerate(zip(boxes, labels, strict=True)):
        taken_things: set[int] = set()
        taken_boxes: set[int] = set()
        for n, index in _overlapping(last_boxes, frame_boxes):
            same = things[n].label == frame_labels[index]
            if same and n not in taken_things and index not in taken_boxes:
                taken_things.add(n)
                taken_boxes.add(index)
                things[n].places.append((t, index))
                last_boxes[n] = frame_boxes[index]
        for index, box in enumerate(frame_boxes):
            if index not in taken_boxes:
                _add(things, Thing(frame_labels[index], [(t, index)]))
                last_boxes.append(box)
    return things


def _add(things: list[Thing], thing: Thing) -> None:
    if len(things) == MAX_THINGS:
        raise TrajectoryError(
            f"bboxes hold more than {MAX_THINGS} objects: let the detector keep fewer (class, score, or count).",
            "bboxes",
        )
    things.append(thing)


def _overlapping(before: Sequence[Box], now: Sequence[Box]) -> list[tuple[int, int]]:
    """(index before, index now) of all boxes that overlap, most first; earlier ones first at a tie."""
    if not before or not now:
        return []
    a_N4, b_M4 = np.array(before), np.array(now)
    ends_NM2 = np.minimum((a_N4[:, :2] + a_N4[:, 2:])[:, None], (b_M4[:, :2] + b_M4[:, 2:])[None])
    sides_NM2 = ends_NM2 - np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    pairs = np.argwhere((sides_NM2 > 0).all(axis=2)).tolist()
    order = sorted((-intersection_over_union(before[n], now[index]), n, index) for n, index in pairs)
    return [(n, index) for overlap, n, index in order if overlap < 0]


def intersection_over_union(a: Box, b: Box) -> float:
    """Overlap of two boxes (x, y, w, h) in [0, 1]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return inner / (a[2] * a[3] + b[2] * b[3] - inner)
