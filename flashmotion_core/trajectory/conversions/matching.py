"""Which boxes in different frames are the same object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..field_checks import TrajectoryError

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

    names = {label: number for number, label in enumerate(sorted({label for frame in labels for label in frame}))}
    last_K5 = np.empty((0, 5))
    for t, (frame_boxes, frame_labels) in enumerate(zip(boxes, labels, strict=True)):
        if not frame_boxes:
            continue
        now_M5 = np.array([(*box, names[label]) for box, label in zip(frame_boxes, frame_labels, strict=True)], float)
        places = {index: n for n, index in _pairs(last_K5, now_M5)}
        for index, n in places.items():
            things[n].places.append((t, index))
        last_K5[list(places.values())] = now_M5[list(places)]
        new = [index for index in range(len(frame_labels)) if index not in places]
        for index in new:
            _add(things, Thing(frame_labels[index], [(t, index)]))
        last_K5 = np.concatenate([last_K5, now_M5[new]])
    return things


def _add(things: list[Thing], thing: Thing) -> None:
    if len(things) == MAX_THINGS:
        raise TrajectoryError(
            f"bboxes hold more than {MAX_THINGS} objects: let the detector keep fewer (class, score, or count).",
            "bboxes",
        )
    things.append(thing)


def _pairs(before_K5: NDArray[np.float64], now_M5: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """(index before, index now) of the boxes that are joined; a box is x, y, w, h and the number of its label.

    A pair that is the best of its row and of its column is the one that a greedy walk down the sorted overlaps would take, too: nothing
    before it in that order shares a box with it. Each round takes all such pairs at once.
    """
    overlap_KM = overlaps(before_K5[:, :4], now_M5[:, :4])
    overlap_KM[before_K5[:, None, 4] != now_M5[None, :, 4]] = 0
    while overlap_KM.size and overlap_KM.max() > 0:
        best_K, best_M = overlap_KM.argmax(axis=1), overlap_KM.argmax(axis=0)  # the earlier one at a tie
        rows = np.flatnonzero((best_M[best_K] == np.arange(len(best_K))) & (overlap_KM.max(axis=1) > 0))
        yield from zip(rows.tolist(), best_K[rows].tolist(), strict=True)
        overlap_KM[rows] = 0
        overlap_KM[:, best_K[rows]] = 0


def overlaps(a_N4: NDArray[np.float64], b_M4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of all pairs of boxes (x, y, w, h), ``[N, M]`` in [0, 1]."""
    ends_NM2 = np.minimum((a_N4[:, :2] + a_N4[:, 2:])[:, None], (b_M4[:, :2] + b_M4[:, 2:])[None])
    sides_NM2 = np.maximum(ends_NM2 - np.maximum(a_N4[:, None, :2], b_M4[None, :, :2]), 0)
    inner_NM = sides_NM2.prod(axis=2)
    union_NM = a_N4[:, 2:].prod(axis=1)[:, None] + b_M4[:, 2:].prod(axis=1)[None] - inner_NM
    found: NDArray[np.float64] = np.divide(inner_NM, union_NM, out=np.zeros_like(inner_NM), where=inner_NM > 0)
    return found
