"""A tracker without weights: points in each box follow OpenCV's sparse optical flow (needs opencv-python).

Median flow (Kalal, Mikolajczyk and Matas, 2010): points of a grid in the box go forward by one frame and back again; the half that comes back
closest to its start moves the box by its median and scales it by the median change of distances between points.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .object_tracker import Tracked, check_tracked

Array = NDArray[np.float64]

GRID = 12
"""Points across and down a box."""
INNER = 0.8
"""The part of a box, about its centre, that the points cover: its corners mostly show background."""
FEWEST = 8
"""Points that must be followed."""
FARTHEST_BACK = 0.1
"""Lost where the points that come back closest are still this far from their start, as a share of the box's shorter side..."""
FARTHEST_PIXELS = 2.0
"""...and farther than this."""


class FlowTracker:
    """See the module. `sure_TN` is the share of the points that came back."""

    def __init__(self) -> None:
        """Raises ValueError where OpenCV is missing."""
        self._cv2 = _opencv()

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        return f"median flow of {GRID} x {GRID} points, OpenCV {self._cv2.__version__}, from frame 0's boxes"

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: Array) -> Tracked:
        """See `ObjectTracker`; once lost, an object stays lost."""
        check_tracked(frames_THWC, first_boxes_N4)
        count, (frames, height, width, _) = len(first_boxes_N4), frames_THWC.shape
        boxes_TN4 = np.full((frames, count, 4), np.nan)
        sure_TN = np.zeros((frames, count))
        boxes_TN4[0], sure_TN[0] = first_boxes_N4, np.isfinite(first_boxes_N4).all(axis=1)
        cv2: Any = self._cv2
        before_HW = cv2.cvtColor(np.ascontiguousarray(frames_THWC[0]), cv2.COLOR_RGB2GRAY)
        for t in range(1, frames):
            now_HW = cv2.cvtColor(np.ascontiguousarray(frames_THWC[t]), cv2.COLOR_RGB2GRAY)
            for n in range(count):
                box_4 = boxes_TN4[t - 1, n]
                if np.isfinite(box_4).all():
                    boxes_TN4[t, n], sure_TN[t, n] = self._step(before_HW, now_HW, box_4, (width, height))
            before_HW = now_HW
        return Tracked(boxes_TN4, sure_TN)

    @property
    def points_protocol(self) -> str:
        """See `PointTracker.points_protocol`."""
        return f"optical flow, OpenCV {self._cv2.__version__}, lost where it does not lead back within {FARTHEST_PIXELS:g} pixels"

    def follow(self, frames_THWC: NDArray[np.uint8], points_K2: Array) -> Array:
        """See `PointTracker`; once lost, a point stays lost."""
        points_TK2 = np.full((len(frames_THWC), *points_K2.shape), np.nan)
        points_TK2[0] = points_K2
        cv2: Any = self._cv2
        before_HW = cv2.cvtColor(np.ascontiguousarray(frames_THWC[0]), cv2.COLOR_RGB2GRAY)
        for t in range(1, len(frames_THWC)):
            now_HW = cv2.cvtColor(np.ascontiguousarray(frames_THWC[t]), cv2.COLOR_RGB2GRAY)
            there_K = np.isfinite(points_TK2[t - 1]).all(axis=1)
            if not there_K.any():
                break
            to_P2, error_P = self._flow(before_HW, now_HW, points_TK2[t - 1, there_K])
            points_TK2[t, there_K] = np.where((error_P <= FARTHEST_PIXELS)[:, None], to_P2, np.nan)
            before_HW = now_HW
        return points_TK2

    def _flow(self, before_HW: NDArray[np.uint8], now_HW: NDArray[np.uint8], points_P2: Array) -> tuple[Array, Array]:
        """Where points go, and how far from their start they come back; infinity where they are not followed."""
        options: dict[str, Any] = {"winSize": (15, 15), "maxLevel": 3}
        follow = self._cv2.calcOpticalFlowPyrLK
        points_P12 = points_P2.astype(np.float32)[:, None]
        there_P12, forward_P1, _ = follow(before_HW, now_HW, points_P12, None, **options)
        back_P12, backward_P1, _ = follow(now_HW, before_HW, there_P12, None, **options)
        followed_P = (forward_P1[:, 0] > 0) & (backward_P1[:, 0] > 0)
        error_P = np.linalg.norm((back_P12 - points_P12)[:, 0], axis=1)
        return there_P12[:, 0].astype(np.float64), np.where(followed_P, error_P, np.inf)

    def _step(
        self, before_HW: NDArray[np.uint8], now_HW: NDArray[np.uint8], box_4: Array, size: tuple[int, int]
    ) -> tuple[Array, float]:
        """The box on the next frame (NaN if lost), and the share of its points that came back."""
        lost = np.full(4, np.nan), 0.0
        start_P2 = box_grid(box_4)
        start_P2 = start_P2[((start_P2 >= 0) & (start_P2 <= np.array(size) - 1)).all(axis=1)]
        if len(start_P2) < FEWEST:
            return lost
        there_P2, error_P = self._flow(before_HW, now_HW, start_P2)
        came_P = error_P <= max(FARTHEST_BACK * float(min(box_4[2:])), FARTHEST_PIXELS)
        if came_P.sum() < FEWEST:
            return lost
        kept_P = came_P & (error_P <= np.median(error_P[came_P]))
        a_P2, b_P2 = start_P2[kept_P], there_P2[kept_P]
        moved = moved_box(box_4, a_P2, b_P2)
        return moved, float(came_P.mean())


def moved_box(box_4: Array, a_P2: Array, b_P2: Array) -> Array:
    """A box whose points went from a to b: moved by the median, scaled about its centre by the median ratio of distances between points."""
    shift_2 = np.median(b_P2 - a_P2, axis=0)
    half = len(a_P2) // 2
    if half < 1:
        shifted_4: Array = box_4 + np.append(shift_2, (0.0, 0.0))
        return shifted_4
    # Each point with the one half the list away: far apart in the grid, so that rounding matters least.
    pairs = np.arange(len(a_P2)), (np.arange(len(a_P2)) + half) % len(a_P2)
    before, after = (np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1) for points in (a_P2, b_P2))
    apart = before > 1e-6
    scale = float(np.median(after[apart] / before[apart])) if apart.any() else 1.0
    centre_2 = box_4[:2] + box_4[2:] / 2 + shift_2
    side_2 = box_4[2:] * scale
    return np.concatenate([centre_2 - side_2 / 2, side_2])


def box_grid(box_4: Array) -> Array:
    """Points [P, 2] (x, y) in the inner part of a box."""
    across = np.linspace(-0.5, 0.5, GRID) * INNER
    centre_2 = box_4[:2] + box_4[2:] / 2
    points_YX2 = np.stack(np.meshgrid(across * box_4[2], across * box_4[3]), axis=-1)
    found: Array = points_YX2.reshape(-1, 2) + centre_2
    return found


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise ValueError(
            f"cv2 cannot be imported ({error}), but optical flow needs it; install opencv-python-headless, or use another tracker."
        ) from error
    return cv2
