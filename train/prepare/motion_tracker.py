"""A tracker without weights: moving pixels become objects, and optical flow carries their masks from frame to frame.

It sees what moves, in front of a background that does not: people and cars of a fixed or panning camera. What stands still for the whole
shot, and one object in front of another that moves with it, are not told apart: a detector and SAM 2 do that (`detectors`, `sam2`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.frames import Frames

from .foreground import Flow, Masks, Moving, moving
from .found_objects import Boxes, FoundObjects, Labels, boxes_of
from .track_merging import NEAR, merged, smoothed
from .track_splitting import nearest, split

WORKING_WIDTH = 384
"""Pixels of the longer side that motion is looked for at."""
SMALLEST = 0.0015
"""Share of the frame below which a moving spot is noise."""
COAST = 4
"""Frames that an object is carried by optical flow alone before it is lost."""
LIVED = 5
"""Frames that a moving spot lasts before it is an object."""
VERSION = 2


@dataclass(eq=False)
class _Track:
    """An object while it is followed: its mask of the last frame, and those of all frames."""

    mask_HW: Masks
    masks: dict[int, Masks] = field(default_factory=dict)
    unseen: int = 0
    alive: bool = True


class MotionTracker:
    """See the module."""

    def settings(self) -> list[object]:
        """See `Finder.settings`."""
        return ["motion", VERSION, WORKING_WIDTH]

    def find(self, frames_THWC: Frames, background_KHWC: Frames) -> FoundObjects:
        """See `Finder.find`; names are empty."""
        small, back = _working(frames_THWC), _working(background_KHWC)
        tracks = _follow(moving(small, back), [], births=True)
        smallest, near = round(SMALLEST * small[0, ..., 0].size), NEAR * float(np.hypot(*small.shape[1:3]))
        apart = [part for track in tracks if track.masks for part in split(track.masks, smallest, near)]
        labels = merged([masks for masks in apart if len(masks) >= LIVED], small.shape[:3])
        return _at_size(labels, frames_THWC)

    def follow(self, frames_THWC: Frames, boxes_N4: Boxes) -> FoundObjects:
        """See `BoxFollower.follow`; an object that stands still for more than `COAST` frames is lost from there on."""
        small = _working(frames_THWC)
        found = moving(small, small[:0])
        scale = small.shape[2] / frames_THWC.shape[2]
        masks = [_in_box(found.masks_THW[0], box_4 * scale) for box_4 in boxes_N4]
        tracks = _follow(found, masks, births=False)
        labels_THW = np.zeros(small.shape[:3], dtype=np.uint8)
        for number, track in enumerate(tracks, start=1):
            for t, mask_HW in track.masks.items():
                labels_THW[t][mask_HW] = number
        return _at_size((labels_THW, len(tracks)), frames_THWC)


def _working(frames_THWC: Frames) -> Frames:
    """The frames at the working size; small ones are enlarged, as optical flow looks at patches of so many pixels."""
    import cv2

    if not len(frames_THWC):
        return frames_THWC
    height, width = frames_THWC.shape[1:3]
    scale = WORKING_WIDTH / max(height, width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames_THWC])


def _at_size(found: tuple[Labels, int], frames_THWC: Frames) -> FoundObjects:
    """Masks at the size of the frames, and their boxes without jitter."""
    import cv2

    labels_THW, count = found
    height, width = frames_THWC.shape[1:3]
    large = np.zeros(frames_THWC.shape[:3], dtype=np.uint8)
    for t, labels_HW in enumerate(labels_THW):
        for number in range(1, count + 1):
            soft = cv2.resize((labels_HW == number).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            large[t][soft > 0.5] = number
    return FoundObjects(smoothed(boxes_of(large, count)), large, ("",) * count)


def _follow(found: Moving, given: list[Masks], *, births: bool) -> list[_Track]:
    """Tracks from the given masks of frame 0 on, and, with `births`, from moving spots that nobody follows yet."""
    tracks = [_Track(mask_HW, {0: mask_HW}) for mask_HW in given]
    if births:
        tracks += _born(found.masks_THW[0], 0)
    for t, flow_HW2 in enumerate(found.flows_THW2, start=1):
        alive = [track for track in tracks if track.alive]
        carried = [_carried(track.mask_HW, flow_HW2) for track in alive]
        left_HW = _assign(found.masks_THW[t], alive, carried, t)
        if births:
            tracks += _born(left_HW, t)
    return tracks


def _assign(moving_HW: Masks, tracks: list[_Track], carried: list[Masks], t: int) -> Masks:
    """Give each moving spot that a carried mask touches to its nearest track; return the spots that none touches."""
    import cv2

    if not tracks:
        return moving_HW
    owner_HW = np.zeros(moving_HW.shape, dtype=np.int32)
    for number, mask_HW in enumerate(carried, start=1):
        owner_HW[mask_HW & (owner_HW == 0)] = number
    count, spots_HW = cv2.connectedComponents(moving_HW.astype(np.uint8))
    near_HW = cv2.dilate((owner_HW > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    touched = np.unique(spots_HW[near_HW & moving_HW])
    taken_HW = np.isin(spots_HW, touched) & moving_HW if count > 1 else np.zeros_like(moving_HW)
    nearest_HW = nearest(owner_HW)
    for number, (track, mask_HW) in enumerate(zip(tracks, carried, strict=True), start=1):
        own_HW = taken_HW & (nearest_HW == number)
        area, before = int(own_HW.sum()), int(track.mask_HW.sum())
        if area >= SMALLEST * own_HW.size and area > 0.2 * before:
            # A track does not swallow what suddenly appears beside it.
            track.mask_HW = own_HW if area < 2.5 * before else own_HW & _around(mask_HW)
            track.unseen = 0
        else:
            track.mask_HW = mask_HW
            track.unseen += 1
        track.alive = track.unseen <= COAST and bool(track.mask_HW.sum() >= SMALLEST / 2 * own_HW.size)
        if track.alive:
            track.masks[t] = track.mask_HW
        else:  # the frames that it coasted were not seen
            for late in range(t - track.unseen, t):
                track.masks.pop(late, None)
    left: Masks = moving_HW & ~taken_HW
    return left


def _around(mask_HW: Masks) -> Masks:
    """A mask with a rim of a quarter of its size."""
    import cv2

    side = max(3, int(np.sqrt(mask_HW.sum()) / 4) | 1)
    wide: Masks = cv2.dilate(mask_HW.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return wide


def _born(moving_HW: Masks, t: int) -> list[_Track]:
    """A track for each moving spot that is large enough."""
    import cv2

    count, spots_HW, facts, _ = cv2.connectedComponentsWithStats(moving_HW.astype(np.uint8))
    least = SMALLEST * moving_HW.size
    masks = [spots_HW == k for k in range(1, count) if facts[k, cv2.CC_STAT_AREA] >= least]
    return [_Track(mask_HW, {t: mask_HW}) for mask_HW in masks]


def _carried(mask_HW: Masks, flow_HW2: Flow) -> Masks:
    """A mask of the frame before, moved along the flow that leads back to it."""
    import cv2

    height, width = mask_HW.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(mask_HW.astype(np.float32), x + flow_HW2[..., 0], y + flow_HW2[..., 1], cv2.INTER_LINEAR)
    carried: Masks = moved > 0.5
    return carried


def _in_box(moving_HW: Masks, box_4: NDArray[np.float64]) -> Masks:
    """What moves inside a box, or all of the box if that is too little."""
    mask_HW = np.zeros_like(moving_HW)
    left, top, wide, tall = box_4
    height, width = mask_HW.shape
    rows = slice(max(0, round(top)), min(height, max(round(top) + 1, round(top + tall))))
    columns = slice(max(0, round(left)), min(width, max(round(left) + 1, round(left + wide))))
    mask_HW[rows, columns] = True
    inside = mask_HW & moving_HW
    return inside if inside.sum() > 0.25 * mask_HW.sum() else mask_HW
