"""What looks for objects in a clip, and what it finds. Detectors and trackers stand behind these protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import Frames

Boxes = NDArray[np.float64]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FoundObjects:
    """The objects of a clip of T frames.

    Attributes:
        boxes_TN4: (x, y, w, h) in pixels, (x, y) the top-left corner; NaN where an object is not seen.
        labels_THW: the object that each pixel shows, counted from 1, or 0; at the size of the frames.
        names: what each object is; "" if nobody knows.
    """

    boxes_TN4: Boxes
    labels_THW: Labels
    names: tuple[str, ...]

    @property
    def seen_TN(self) -> NDArray[np.bool_]:  # noqa: N802 (a tensor)
        """Where an object has a box."""
        return np.asarray(np.isfinite(self.boxes_TN4).all(axis=2), dtype=np.bool_)

    def only(self, chosen: Sequence[int]) -> FoundObjects:
        """Some of the objects, in the order given and numbered again."""
        table = np.zeros(256, dtype=np.uint8)
        for number, index in enumerate(chosen, start=1):
            table[index + 1] = number
        names = tuple(self.names[index] for index in chosen)
        return FoundObjects(self.boxes_TN4[:, list(chosen)], table[self.labels_THW], names)


class Finder(Protocol):
    """Finds the objects of a clip by itself."""

    def settings(self) -> list[object]:
        """What its results depend on, as plain JSON values: its kind, its numbers, the hash of its weights."""

    def find(self, frames_THWC: Frames, background_KHWC: Frames) -> FoundObjects:
        """The objects of a clip.

        Args:
            frames_THWC: uint8, the clip.
            background_KHWC: uint8, more frames of the same shot at the same size; may be none.
        """


class BoxFollower(Protocol):
    """Follows objects from their boxes on frame 0."""

    def follow(self, frames_THWC: Frames, boxes_N4: Boxes) -> FoundObjects:
        """Boxes and masks on every frame, NaN where an object is lost."""


class Detector(Protocol):
    """Names and places what it sees on one picture."""

    def detect(self, frame_HWC: Frames) -> tuple[Boxes, tuple[str, ...]]:
        """Boxes [N, 4] in pixels as above, the surest first, and what each shows."""


def boxes_of(labels_THW: Labels, count: int) -> Boxes:
    """The boxes [T, N, 4] of the masks of `count` objects, NaN where a mask is empty.

    One pixel in fifty of a mask may stick out on each side: the rim of a mask flickers.
    """
    frames = len(labels_THW)
    boxes_TN4 = np.full((frames, count, 4), np.nan)
    for t, labels_HW in enumerate(labels_THW):
        for n in range(count):
            mask_HW = labels_HW == n + 1
            if mask_HW.any():
                left, right = _extent(mask_HW.sum(axis=0))
                top, bottom = _extent(mask_HW.sum(axis=1))
                boxes_TN4[t, n] = left, top, right - left, bottom - top
    return boxes_TN4


STRAY = 0.01


def _extent(counts: NDArray[np.int_]) -> tuple[int, int]:
    """From the first line to behind the last one, without a hundredth of the pixels on each side."""
    sums = np.cumsum(counts)
    first = int(np.searchsorted(sums, STRAY * sums[-1], side="right"))
    last = int(np.searchsorted(sums, (1 - STRAY) * sums[-1], side="left"))
    return first, last + 1
