"""What is wrong with a clip, by rules that hold for every set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..trajectory import Sampled, sample
from .read_clip import ReadClip

SLACK = 0.1
"""Share of a box by which its mask may stand out on each side, beside two pixels: masks have fringes, and boxes are smoothed."""
OUTSIDE = 0.5
"""Largest share of a mask outside that."""
SEEN = 0.2
"""An object of which less is inside the picture need not have a mask."""


def check_clip(clip: ReadClip) -> None:
    """Raise ValueError with the first fault: sizes, lengths, empty objects, masks that are not in their boxes, a picture of one colour."""
    asked = sample(clip.trajectory)
    width, height = asked.size
    frames, count = asked.visible_TN.shape
    if frames < 2:
        raise ValueError("it has 1 frame, which cannot move")
    if not count:
        raise ValueError("it has no objects")
    if clip.frames_THWC is not None:
        if clip.frames_THWC.shape[:3] != (frames, height, width):
            raise ValueError(
                f"its frames are {list(clip.frames_THWC.shape[:3])}, its document {[frames, height, width]}"
            )
        if clip.frames_THWC.min() == clip.frames_THWC.max():
            raise ValueError(f"all its pixels have the value {clip.frames_THWC.min()}")
    _check_boxes(asked)
    if clip.labels_THW is not None:
        _check_masks(clip.labels_THW, asked)
    if clip.tracks is not None and len(clip.tracks.points_TK2) != frames:
        raise ValueError(f"its tracks have {len(clip.tracks.points_TK2)} frames, its document {frames}")


def _check_boxes(asked: Sampled) -> None:
    if not asked.visible_TN[0].any():
        raise ValueError("none of its objects is seen on frame 0, so nothing can be measured")
    for n in range(asked.visible_TN.shape[1]):
        seen_T = asked.visible_TN[:, n]
        if not seen_T.any():
            raise ValueError(f"object {n + 1} is hidden on all frames")
        small = np.flatnonzero(seen_T & (asked.boxes_TN4[:, n, 2:].min(axis=1) < 1))
        if len(small):
            w, h = asked.boxes_TN4[small[0], n, 2:]
            raise ValueError(f"the box of object {n + 1} is empty on frame {small[0]}, {w:.2g} x {h:.2g} pixels")


def _check_masks(labels_THW: NDArray[np.uint8], asked: Sampled) -> None:
    width, height = asked.size
    frames, count = asked.visible_TN.shape
    if labels_THW.shape[1:] != (height, width) or len(labels_THW) not in (1, frames):
        raise ValueError(f"its masks are {list(labels_THW.shape)}, its document {[frames, height, width]}")
    if int(labels_THW.max()) > count:
        raise ValueError(f"its masks have the value {labels_THW.max()}, but there are {count} objects")
    for n in range(count):
        mask_THW = labels_THW == n + 1
        empty_T = ~mask_THW.any(axis=(1, 2))
        if len(labels_THW) > 1 and empty_T.all():
            raise ValueError(f"the mask of object {n + 1} is empty on all frames")
        if empty_T[0] and asked.visible_TN[0, n] and _inside(asked.boxes_TN4[0, n], asked.size) >= SEEN:
            raise ValueError(f"the mask of object {n + 1} is empty on frame 0, where its box is")
        for t in np.flatnonzero(asked.visible_TN[: len(labels_THW), n] & ~empty_T).tolist():
            x, y, w, h = asked.boxes_TN4[t, n]
            across, down = 2 + SLACK * w, 2 + SLACK * h
            rows = slice(max(0, int(y - down)), max(0, int(np.ceil(y + h + down))))
            columns = slice(max(0, int(x - across)), max(0, int(np.ceil(x + w + across))))
            share = 1 - mask_THW[t, rows, columns].sum() / mask_THW[t].sum()
            if share > OUTSIDE:
                raise ValueError(f"{share:.0%} of the mask of object {n + 1} on frame {t} is outside its box")


def _inside(box_4: NDArray[np.float64], size: tuple[int, int]) -> float:
    """The share of a box that is in the picture."""
    x, y, w, h = box_4
    wide, high = min(x + w, size[0]) - max(x, 0), min(y + h, size[1]) - max(y, 0)
    return float(max(wide, 0) * max(high, 0) / (w * h))
