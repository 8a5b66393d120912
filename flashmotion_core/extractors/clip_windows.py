"""Windows of long clips: one row of features for each, so that a distance sees a clip's end as well as its beginning.

16 frames evenly spaced from a clip of 121 are a video of an eighth of its rate; windows keep the rate. Their rows are compared as one set; a
clip's windows resemble one another, so intervals are drawn over clips, and the kernel distance takes no pairs within a clip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .extractor import Extractor

Array = NDArray[np.float64]

WINDOW = 16
"""Frames, as FVD is mostly measured on."""
SUFFIX = "_windows"
"""Of the extractor's word on the command line."""


class Windows:
    """An extractor of whole clips as one of their windows.

    Args:
        extractor: gives one row per clip.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.name = f"{extractor.name}{SUFFIX}"
        self.frechet, self.kernel = (f"{title}, windows" for title in (extractor.frechet, extractor.kernel))
        self.protocol = f"windows of {WINDOW} frames, as many as fit, from the first frame to the last, as one set; of each: {extractor.protocol}"

    def __call__(self, frames_THWC: NDArray[np.uint8]) -> Array:
        """See `Extractor`."""
        if len(frames_THWC) < WINDOW:
            raise ValueError(f"it has {len(frames_THWC)} frames, but a window {WINDOW}")
        found = [self.extractor(frames_THWC[start : start + WINDOW]) for start in starts(len(frames_THWC))]
        return np.concatenate(found)


def starts(frames: int) -> list[int]:
    """First frames of the windows: one after the other, with the frames that are left over between them; the last one ends the clip."""
    found: list[int] = np.linspace(0, frames - WINDOW, frames // WINDOW).round().astype(int).tolist()
    return found
