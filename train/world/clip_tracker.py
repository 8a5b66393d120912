"""The exact sprite tracker behind the protocol that every tracker of objects has, for one clip of the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.tracking import Tracked, check_tracked

from .sprite_tracker import FOUND, track
from .synthetic import Clip


class ClipTracker:
    """Finds the sprites of one clip; it knows what they look like and their pose on frame 0. `sure_TN` is the share of pixels that agree."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        return (
            f"exact sprite tracker of the synthetic world, from frame 0's poses, found from {FOUND:.0%} of the pixels"
        )

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: NDArray[np.float64]) -> Tracked:
        """See `ObjectTracker`; an object that frame 0 does not show stays lost."""
        check_tracked(frames_THWC, first_boxes_N4)
        found = track(frames_THWC, self.clip.sprites, self.clip.poses_TN4[0])
        given_N = np.isfinite(first_boxes_N4[:, 0])
        boxes_TN4 = np.where(given_N[:, None], found.boxes_TN4, np.nan)
        masks_TNHW = found.masks_TNHW & given_N[:, None, None]
        return Tracked(boxes_TN4, np.where(np.isfinite(boxes_TN4[..., 0]), found.agreement_TN, 0.0), masks_TNHW)
