"""What is in a video file that was written."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import to_rgb


def read_clip(path: str | Path) -> tuple[NDArray[np.uint8], float]:
    """Frames ``[T, H, W, 3]`` uint8 of the first video stream, all of them, and its frames per second."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [to_rgb(frame) for frame in container.decode(stream)]
    assert len(frames) == stream.frames
    return np.stack(frames), float(stream.average_rate)
