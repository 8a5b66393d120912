"""Tell objects apart that touched when they were first seen: a track whose mask stays in several pieces becomes several tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .foreground import Masks

OFTEN = 0.4
"""Share of a track's frames on which its mask has pieces apart from each other, from which it is split."""


def split(track: Mapping[int, Masks], smallest: int, near: float, times: int = 3) -> list[dict[int, Masks]]:
    """The tracks of the pieces, split again up to so many times; the track itself if it is one piece most of the time.

    Args:
        track: a mask for each frame.
        smallest: pixels of the smallest piece that counts.
        near: pixels of the gap up to which pieces are one.
        times: how often to look again.
    """
    pieces = {t: _pieces(mask_HW, smallest, near) for t, mask_HW in track.items()}
    counts = sorted(len(found) for found in pieces.values())
    usual = counts[round((1 - OFTEN) * (len(counts) - 1))]
    if usual < 2:
        return [dict(track)]
    # From a frame with that many pieces on, each pixel belongs to the piece that was nearest on the frame before.
    frames = sorted(track)
    begin = max((t for t in frames if len(pieces[t]) == usual), key=lambda t: min(int(m.sum()) for m in pieces[t]))
    parts: list[dict[int, Masks]] = [{} for _ in range(usual)]
    start = frames.index(begin)
    for order in (frames[start:], frames[start::-1]):
        previous: Sequence[Masks] = pieces[begin]
        for t in order:
            previous = _shared(track[t], previous)
            for part, mask_HW in zip(parts, previous, strict=True):
                if mask_HW.sum() >= smallest / 2:
                    part[t] = mask_HW
    if times == 1:
        return [part for part in parts if part]
    return [piece for part in parts if part for piece in split(part, smallest, near, times - 1)]


def _pieces(mask_HW: Masks, smallest: int, near: float) -> list[Masks]:
    import cv2

    side = max(3, round(near) | 1)
    joined = cv2.dilate(mask_HW.astype(np.uint8), np.ones((side, side), np.uint8))
    count, spots_HW = cv2.connectedComponents(joined)
    found = [mask_HW & (spots_HW == k) for k in range(1, count)]
    return [piece for piece in found if piece.sum() >= smallest]


def _shared(mask_HW: Masks, owners: Sequence[Masks]) -> list[Masks]:
    """A mask's pixels shared out to the nearest owner; an owner that gets none keeps its place for the next frame."""
    owner_HW = np.zeros(mask_HW.shape, dtype=np.int32)
    for number, one_HW in enumerate(owners, start=1):
        owner_HW[one_HW] = number
    nearest_HW = nearest(owner_HW)
    return [mask_HW & (nearest_HW == number) for number in range(1, len(owners) + 1)]


def nearest(owner_HW: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each pixel the number of the nearest owner; 0 if there are none."""
    import cv2

    if not owner_HW.any():
        return owner_HW
    _, places_HW = cv2.distanceTransformWithLabels(
        (owner_HW == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(places_HW.max()) + 1, dtype=np.int32)
    table[places_HW[owner_HW > 0]] = owner_HW[owner_HW > 0]
    return table[places_HW]
