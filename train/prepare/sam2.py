"""SAM 2 or SAM 3 follows objects through a clip from their boxes on frame 0: a model of transformers, from a folder."""

from __future__ import annotations

import numpy as np

from flashmotion_core.tracking.sam_video import follow, load_sam
from flashmotion_core.video.frames import Frames

from ..errors import TrainError
from .found_objects import Boxes, FoundObjects, boxes_of


class Sam2Tracker:
    """See the module, and `BoxFollower`."""

    def __init__(self, folder: str, device: str) -> None:
        """Load the model; raises TrainError."""
        try:
            self.model = load_sam(folder, device)
        except ValueError as error:
            raise TrainError(
                f"data.prepare.tracker is {folder!r}, which cannot be loaded as SAM 2 or SAM 3 ({error}); give another folder."
            ) from error
        self.device = device

    def follow(self, frames_THWC: Frames, boxes_N4: Boxes) -> FoundObjects:
        """See `BoxFollower.follow`. A pixel belongs to the object that is surest of it; names are empty."""
        count = len(boxes_N4)
        if not count:
            return FoundObjects(np.zeros((len(frames_THWC), 0, 4)), np.zeros(frames_THWC.shape[:3], dtype=np.uint8), ())
        labels_THW, _ = follow(self.model, self.device, frames_THWC, boxes_N4)
        return FoundObjects(boxes_of(labels_THW, count), labels_THW, ("",) * count)
