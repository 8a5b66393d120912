"""Write clips that are read again pixel by pixel: FFV1 in Matroska, lossless RGB."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..files.whole_file import write_whole
from .frames import Frames
from .mp4 import check_fps


def write_lossless(path: Path, frames_THWC: Frames, fps: float) -> None:
    """Write a clip, uint8 RGB [T, H, W, 3], complete or not at all; creates the folder.

    Raises ValueError for frames per second out of range.
    """
    import av

    check_fps(fps)

    def write(part: Path) -> None:
        # Without random marks and dates, so that equal clips are equal files. Absolute, because FFmpeg takes what stands
        # before a colon in a relative name for a protocol.
        with av.open(os.path.abspath(part), "w", format="matroska", options={"fflags": "+bitexact"}) as container:
            stream: Any = container.add_stream("ffv1", rate=Fraction(fps).limit_denominator(1000))
            stream.height, stream.width = frames_THWC.shape[1:3]
            stream.pix_fmt = "bgr0"
            for frame_HWC in frames_THWC:
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
                container.mux(stream.encode(picture.reformat(format="bgr0")))
            container.mux(stream.encode())

    write_whole(path, write)
