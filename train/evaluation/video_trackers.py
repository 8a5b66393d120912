"""What follows the objects of real videos in an evaluation: SAM 2 where `data.prepare.tracker` gives it, else OpenCV's optical flow.

The tracker of motion that finds objects in the phase prepare does not measure: it sees what moves, so it loses what a bad clip leaves
standing, and a codec's noise looks like motion to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.tracking import ObjectTracker, Tracked, check_tracked
from flashmotion_core.tracking.optical_flow import FlowTracker

from ..config.schema import Config
from ..errors import TrainError
from ..prepare.found_objects import BoxFollower
from ..prepare.sam2 import Sam2Tracker
from ..prepare.weights_folder import folder_hash


@dataclass(frozen=True)
class VideoTracker:
    """Which tracker, as other processes are told.

    Attributes:
        sam2: the folder of the model; None for optical flow.
        device: for the model.
    """

    sam2: str | None
    device: str

    @property
    def mark(self) -> str:
        """What its results depend on."""
        return load_tracker(self).protocol if self.sam2 is None else f"SAM 2, SHA-256 {folder_hash(self.sam2)}"


def tracker_of(config: Config, device: str) -> VideoTracker:
    """The tracker of a configuration."""
    return VideoTracker(None if config.data.prepare is None else config.data.prepare.tracker, device)


@lru_cache(maxsize=1)
def load_tracker(which: VideoTracker) -> ObjectTracker:
    """The tracker, loaded once per process.

    Raises:
        TrainError: OpenCV is missing, or the model cannot be loaded.
    """
    if which.sam2 is not None:
        return _Sam2(which.sam2, which.device)
    try:
        return FlowTracker()
    except ValueError as error:
        raise TrainError(f"box IoU on videos: {error}") from error


class _Sam2:
    """SAM 2 as an `ObjectTracker`; `sure_TN` is 1 where an object is found."""

    def __init__(self, folder: str, device: str) -> None:
        self.folder, self.device = folder, device

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        return f"SAM 2 from frame 0's boxes, SHA-256 {folder_hash(self.folder)[:12]}"

    @cached_property
    def _model(self) -> BoxFollower:
        return Sam2Tracker(self.folder, self.device)

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: NDArray[np.float64]) -> Tracked:
        """See `ObjectTracker`."""
        check_tracked(frames_THWC, first_boxes_N4)
        given = np.flatnonzero(np.isfinite(first_boxes_N4).all(axis=1))
        boxes_TN4 = np.full((len(frames_THWC), *first_boxes_N4.shape), np.nan)
        if len(given):
            boxes_TN4[:, given] = self._model.follow(frames_THWC, first_boxes_N4[given]).boxes_TN4
        return Tracked(boxes_TN4, np.isfinite(boxes_TN4[..., 0]).astype(np.float64))
