"""The finder of a configuration: a detector and a tracker from folders, or the tracker of motion that needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from flashmotion_core.video.frames import Frames

from .detectors import WordDetector
from .found_objects import BoxFollower, Finder, FoundObjects
from .motion_tracker import MotionTracker
from .sam2 import Sam2Tracker
from .track_merging import MOST, smoothed
from .weights_folder import folder_hash


class WordFinder:
    """Detects what words name on frame 0, and follows it: with SAM 2, or by motion if there is none."""

    def __init__(self, detector: str, words: Sequence[str], tracker: str | None, device: str) -> None:
        self.folder, self.words, self.tracker_folder, self.device = detector, tuple(words), tracker, device

    def settings(self) -> list[object]:
        """See `Finder.settings`."""
        followed = MotionTracker().settings() if self.tracker_folder is None else folder_hash(self.tracker_folder)
        return ["words", folder_hash(self.folder), list(self.words), followed]

    @cached_property
    def detector(self) -> WordDetector:
        """Loaded when it is first needed."""
        return WordDetector(self.folder, self.words, self.device)

    @cached_property
    def tracker(self) -> BoxFollower:
        """Loaded when it is first needed."""
        return MotionTracker() if self.tracker_folder is None else Sam2Tracker(self.tracker_folder, self.device)

    def find(self, frames_THWC: Frames, background_KHWC: Frames) -> FoundObjects:
        """See `Finder.find`."""
        boxes_N4, names = self.detector.detect(frames_THWC[0])
        boxes_N4, names = boxes_N4[:MOST], names[:MOST]
        if not len(boxes_N4):
            empty = np.zeros(frames_THWC.shape[:3], dtype=np.uint8)
            return FoundObjects(np.zeros((len(frames_THWC), 0, 4)), empty, ())
        found = self.tracker.follow(frames_THWC, boxes_N4)
        return replace(found, boxes_TN4=smoothed(found.boxes_TN4), names=names)


def make_finder(detector: str | None, words: Sequence[str], tracker: str | None, device: str) -> Finder:
    """The finder that these settings of `data.prepare` name."""
    return MotionTracker() if detector is None else WordFinder(detector, words, tracker, device)
