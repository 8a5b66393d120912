"""Points that are followed through a clip: by a tracker that can, else carried along by the box of their object."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .object_tracker import ObjectTracker, Tracked

Array = NDArray[np.float64]


@runtime_checkable
class PointTracker(Protocol):
    """What a tracker of objects may do beside: follow single points."""

    @property
    def points_protocol(self) -> str:
        """How, in a few words."""
        ...

    def follow(self, frames_THWC: NDArray[np.uint8], points_K2: Array) -> Array:
        """Where points of frame 0 are on every frame.

        Args:
            frames_THWC: uint8 RGB [T, H, W, 3].
            points_K2: (x, y) in pixels, (0, 0) the middle of the first pixel.

        Returns: [T, K, 2]; NaN where a point is lost.
        """
        ...


def points_protocol(tracker: ObjectTracker) -> str:
    """How `followed` finds points with this tracker."""
    return (
        tracker.points_protocol
        if isinstance(tracker, PointTracker)
        else f"carried by their object's box ({tracker.protocol})"
    )


def followed(
    tracker: ObjectTracker,
    frames_THWC: NDArray[np.uint8],
    found: Tracked,
    points_K2: Array,
    objects_K: NDArray[np.int64],
) -> Array:
    """Points [T, K, 2] on every frame, NaN where one, or its object, is lost.

    Args:
        tracker: that found the objects.
        frames_THWC: uint8 RGB.
        found: the objects.
        points_K2: on frame 0, see `PointTracker.follow`.
        objects_K: the object of each point, from 0.
    """
    if isinstance(tracker, PointTracker):
        return tracker.follow(frames_THWC, points_K2)
    return carried(found.boxes_TN4[:, objects_K], points_K2)


def carried(boxes_TK4: Array, points_K2: Array) -> Array:
    """Points [T, K, 2] that keep their place within a box of each, whatever becomes of it."""
    first_K4 = boxes_TK4[0]
    share_K2 = (points_K2 + 0.5 - first_K4[:, :2]) / np.maximum(first_K4[:, 2:], 1e-9)
    found: Array = boxes_TK4[..., :2] + share_K2 * boxes_TK4[..., 2:] - 0.5
    return found
