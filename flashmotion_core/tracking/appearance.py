"""A tracker without weights and without OpenCV: each object's frame-0 picture is looked for on every frame, by colour and pattern.

Per object, the template is its box on frame 0, scaled to `SIDE` pixels, with a weight per pixel: how much more often its colour occurs in the
box than around it, less towards the corners. On a frame, the surroundings of where the object is expected are scaled likewise (so that the
object has the template's size), for a few sizes and shapes of the box, and the place of the smallest weighted squared difference is taken. If few
pixels agree there, the whole frame is searched. A second template follows what the object looks like now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .object_tracker import Tracked, check_tracked
from .template_places import Array, Floats, Padded, Place, Template, cut, padded, search

SIDE = 24
"""Pixels of a template's longer side."""
REACH = 0.8
"""How far from the expected place is searched, in sides of the object."""
FOUND, SURE = 0.3, 0.6
"""Weighted share of the pixels that must agree to count as found; from which no other place is looked at."""
STEP = 1.06
SHAPES = ((1.0, 1.0), (STEP, STEP), (1 / STEP, 1 / STEP), (STEP, 1.0), (1 / STEP, 1.0), (1.0, STEP), (1.0, 1 / STEP))
"""Changes of width and height that are tried from frame to frame."""
INERTIA = 0.97
"""A box that changes its shape must fit better by this factor."""
LEARNING = 0.15
"""How fast the second template follows."""
BINS = 8
"""Of each colour in the histograms."""
SMALLEST = 4.0
"""Pixels: a box does not become narrower."""


@dataclass(frozen=True, eq=False)
class FollowedObject:
    """An object that is followed: its templates, its last box, and how far that moved."""

    first: Template
    latest: Template
    box_4: Array
    speed_2: Array


class AppearanceTracker:
    """See the module. `sure_TN` is the weighted share of the object's pixels whose colour agrees.

    Args:
        on_frame: called after every frame, to show progress or to raise.
    """

    def __init__(self, on_frame: Callable[[], object] = lambda: None) -> None:
        self._on_frame = on_frame

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        return f"colour and template matching at {SIDE} px, from frame 0's boxes"

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: Array) -> Tracked:
        """See `ObjectTracker`; a lost object is looked for again on every later frame."""
        check_tracked(frames_THWC, first_boxes_N4)
        frames, count = len(frames_THWC), len(first_boxes_N4)
        boxes_TN4, sure_TN = np.full((frames, count, 4), np.nan), np.zeros((frames, count))
        picture = padded(frames_THWC[0])
        objects = [_start(picture, box_4) if _usable(box_4, frames_THWC.shape) else None for box_4 in first_boxes_N4]
        for n, followed in enumerate(objects):
            if followed is not None:
                boxes_TN4[0, n], sure_TN[0, n] = first_boxes_N4[n], 1.0
        for t in range(1, frames):
            picture = padded(frames_THWC[t])
            for n, followed in enumerate(objects):
                if followed is not None:
                    place = _find(picture, followed)
                    objects[n] = _advance(picture, followed, place)
                    if place.agreement >= FOUND:
                        boxes_TN4[t, n], sure_TN[t, n] = place.box_4, place.agreement
            self._on_frame()
        return Tracked(boxes_TN4, sure_TN)


def _usable(box_4: Array, shape: tuple[int, ...]) -> bool:
    """Whether there is something of the box in the frame."""
    if not np.isfinite(box_4).all():
        return False
    x, y, w, h = box_4.tolist()
    return bool(x < shape[2] - 1 and y < shape[1] - 1 and x + w > 1 and y + h > 1 and min(w, h) >= 1)


def _start(picture: Padded, box_4: Array) -> FollowedObject:
    w, h = box_4[2:].tolist()
    size = max(round(SIDE * w / max(w, h)), 4), max(round(SIDE * h / max(w, h)), 4)
    colors_HW3 = cut(picture, box_4, size)
    around_HW3 = cut(picture, _grown(box_4, 1.8), (2 * size[0], 2 * size[1]))
    template = Template(colors_HW3, _weights(colors_HW3, around_HW3))
    return FollowedObject(template, template, box_4, np.zeros(2))


def _weights(colors_HW3: Floats, around_HW3: Floats) -> Floats:
    """How much a pixel is the object's: from colour histograms of the box and of its surroundings, and from its place."""
    rows, columns = around_HW3.shape[:2]
    ring = np.ones((rows, columns), dtype=np.bool_)
    ring[round(rows * 0.22) : round(rows * 0.78), round(columns * 0.22) : round(columns * 0.78)] = False
    inside, outside = _histogram(colors_HW3.reshape(-1, 3)), _histogram(around_HW3[ring])
    bins_HW = _bins(colors_HW3)
    share_HW = inside[bins_HW] / (inside[bins_HW] + outside[bins_HW])
    height, width = colors_HW3.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    place_HW = 1 / (1 + np.exp(8 * (np.hypot(x, y) - 1.05)))  # an ellipse that touches the sides, soft
    weights_HW = (0.1 + 0.9 * share_HW) * (0.05 + place_HW)
    found_HW: Floats = (weights_HW / weights_HW.sum()).astype(np.float32)
    return found_HW


def _bins(colors_X3: Floats) -> NDArray[np.int64]:
    levels = np.minimum((colors_X3 * BINS).astype(np.int64), BINS - 1)
    bins_X: NDArray[np.int64] = levels @ np.array([BINS * BINS, BINS, 1])
    return bins_X


def _histogram(colors_P3: Floats) -> Array:
    """Shares of the colours, never 0."""
    counts = np.bincount(_bins(colors_P3), minlength=BINS**3) + 0.01
    shares: Array = counts / counts.sum()
    return shares


def _find(picture: Padded, followed: FollowedObject) -> Place:
    expected_4 = followed.box_4 + np.append(followed.speed_2, (0.0, 0.0))
    templates = [followed.first] if followed.latest is followed.first else [followed.first, followed.latest]
    found = [
        (place.difference * (INERTIA if shape == SHAPES[0] else 1.0), number, place)
        for number, (template, shape) in enumerate(product(templates, SHAPES))
        for place in [search(picture, template, _shaped(expected_4, shape), REACH)]
    ]
    best = min(found)[2]
    if best.agreement >= SURE:
        return best
    other = search(picture, followed.first, followed.box_4, None)
    return other if other.agreement > best.agreement + 0.1 else best


def _advance(picture: Padded, followed: FollowedObject, place: Place) -> FollowedObject:
    """The object after a frame; where it was not found, it stays where it was."""
    if place.agreement < FOUND:
        return replace(followed, speed_2=np.zeros(2))
    before, now = (box_4[:2] + box_4[2:] / 2 for box_4 in (followed.box_4, place.box_4))
    moved = replace(followed, box_4=place.box_4, speed_2=0.5 * followed.speed_2 + 0.5 * (now - before))
    if place.agreement < SURE:
        return moved
    height, width = followed.first.weights_HW.shape
    colors = (1 - LEARNING) * followed.latest.colors_HW3 + LEARNING * cut(picture, place.box_4, (width, height))
    return replace(moved, latest=Template(colors, followed.first.weights_HW))


def _shaped(box_4: Array, shape: tuple[float, float]) -> Array:
    """The box with its sides multiplied, about its centre."""
    side_2 = np.maximum(box_4[2:] * np.array(shape), SMALLEST)
    return np.concatenate([box_4[:2] + box_4[2:] / 2 - side_2 / 2, side_2])


def _grown(box_4: Array, factor: float) -> Array:
    return np.concatenate([box_4[:2] - box_4[2:] * (factor - 1) / 2, box_4[2:] * factor])
