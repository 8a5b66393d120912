"""Quality without a network: is it still a video, or is it blurred, frozen, flickering, or another picture than frame 0?

All take uint8 RGB frames [T, H, W, 3]. Levels are those of 8 bits, 0 to 255.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601."""
GRID = 4
"""Areas across and down in which `flicker` watches the brightness."""
CHANGED = 12.0
"""Levels of luma by which a pixel must differ from frame 0 to count as changed: above what codecs change in a still picture."""


def sharpness(frames_THWC: Frames) -> float:
    """Mean length of the luma's gradient, in levels per pixel; 0 for a flat picture. Frame by frame, as a whole clip in float32 is large."""
    found = []
    for frame_HWC in frames_THWC:
        luma_HW = frame_HWC @ LUMA
        found.append(np.hypot(np.diff(luma_HW, axis=0)[:, :-1], np.diff(luma_HW, axis=1)[:-1]).mean())
    return float(np.mean(found))


def kept_sharpness(frames_THWC: Frames) -> float | None:
    """Sharpness of frames 1 and later as a share of frame 0's: 1 for a still, well below 1 for blur. None for a flat frame 0 or one frame."""
    first = sharpness(frames_THWC[:1])
    return sharpness(frames_THWC[1:]) / first if first and len(frames_THWC) > 1 else None


def motion(frames_THWC: Frames) -> float:
    """Mean change of a value from frame to frame, in levels; 0 for a frozen clip or one frame."""
    changes = _changes(frames_THWC)
    return float(np.mean(changes)) if changes else 0.0


def flicker(frames_THWC: Frames) -> float:
    """Brightness that goes up and down from frame to frame, in levels: |b[t-1] - 2 b[t] + b[t+1]| / 4, b the mean luma of one of 4 x 4 areas.

    0 for brightness that stays or changes evenly; a for a brightness that alternates between +a and -a. 0 for fewer than three frames.
    """
    if len(frames_THWC) < 3:
        return 0.0
    luma_TKK = np.stack([_areas(frame_HWC @ LUMA) for frame_HWC in frames_THWC])
    return float(np.abs(luma_TKK[:-2] - 2 * luma_TKK[1:-1] + luma_TKK[2:]).mean() / 4)


def dynamic_degree(frames_THWC: Frames) -> float:
    """Share of pixels whose luma differs from frame 0's by more than `CHANGED`, mean over frames 1 and later; 0 for a still."""
    first_HW = frames_THWC[0] @ LUMA
    found = [float((np.abs(frame_HWC @ LUMA - first_HW) > CHANGED).mean()) for frame_HWC in frames_THWC[1:]]
    return float(np.mean(found)) if found else 0.0


def first_frame_jump(frames_THWC: Frames) -> float | None:
    """Change from frame 0 to 1 over the median change later: 1 for even motion, large where the clip leaves its start picture at once.

    None where nothing changes later, or for fewer than three frames.
    """
    changes = _changes(frames_THWC)
    later = float(np.median(changes[1:])) if len(changes) > 1 else 0.0
    return changes[0] / later if later else None


def psnr(frames_THWC: Frames, real_THWC: Frames) -> float | None:
    """PSNR in dB against the real clip, over frames 1 and later, which are given; None where they are equal or there is one frame.

    Raises ValueError for clips of different shapes.
    """
    if frames_THWC.shape != real_THWC.shape:
        raise ValueError(
            f"the clips have the shapes {list(frames_THWC.shape)} and {list(real_THWC.shape)}: give equal ones."
        )
    pairs = zip(frames_THWC[1:], real_THWC[1:], strict=True)
    errors = [np.square(a.astype(np.float32) - b.astype(np.float32)).mean() for a, b in pairs]
    error = float(np.mean(errors)) if errors else 0.0
    return 10 * float(np.log10(255**2 / error)) if error else None


def _changes(frames_THWC: Frames) -> list[float]:
    return [float(np.abs(a.astype(np.int16) - b).mean()) for a, b in pairwise(frames_THWC)]


def _areas(luma_HW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of the areas of a grid."""
    height, width = luma_HW.shape
    rows, columns = (np.linspace(0, side, min(GRID, side), endpoint=False).astype(int) for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(luma_HW.astype(np.float64), rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    means: NDArray[np.float64] = sums / sizes
    return means
