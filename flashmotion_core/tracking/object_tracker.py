"""What every tracker of objects is to the rest of FlashMotion: frames and first boxes in, a box per frame out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Tracked:
    """Where N objects were found on T frames.

    Attributes:
        boxes_TN4: float64, (x, y, w, h) in pixels, top-left corner; NaN on the frames where an object is lost.
        sure_TN: float64, 0 (a guess) to 1 (certain); 0 where lost. Each tracker says what it measures.
        masks_TNHW: bool, the objects' pixels, empty where lost; None from a tracker of boxes.
    """

    boxes_TN4: NDArray[np.float64]
    sure_TN: NDArray[np.float64]
    masks_TNHW: NDArray[np.bool_] | None = None


class ObjectTracker(Protocol):
    """Follows objects through a clip; it knows where they are on frame 0, never where they were asked to go.

    A tracker for one clip only (masks from files, sprites of the synthetic world) is made for that clip.
    """

    @property
    def protocol(self) -> str:
        """Name, version and settings in a few words, as a report prints them beside every number."""
        ...

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: NDArray[np.float64]) -> Tracked:
        """Find the objects on every frame.

        Args:
            frames_THWC: uint8 RGB [T, H, W, 3].
            first_boxes_N4: (x, y, w, h) in pixels on frame 0; NaN for an object that frame 0 does not show, which stays lost.

        Raises ValueError for other shapes or types.
        """
        ...


def check_tracked(frames_THWC: NDArray[np.uint8], first_boxes_N4: NDArray[np.float64]) -> None:
    """Check a tracker's input. Raises ValueError for frames or boxes of another shape or type."""
    if frames_THWC.ndim != 4 or frames_THWC.shape[-1] != 3 or frames_THWC.dtype != np.uint8 or 0 in frames_THWC.shape:
        raise ValueError(
            f"the frames are {frames_THWC.dtype} of shape {list(frames_THWC.shape)}: give uint8 of [T, H, W, 3] with T >= 1."
        )
    if first_boxes_N4.ndim != 2 or first_boxes_N4.shape[1] != 4:
        raise ValueError(f"the first boxes have the shape {list(first_boxes_N4.shape)}: give [N, 4] of (x, y, w, h).")
