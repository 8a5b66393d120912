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
from typing import Any, NamedTuple

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from .object_tracker import Tracked, check_tracked

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

SIDE = 24
"""Pixels of a template's longer side."""
REACH = 0.8
"""How far from the expected place is searched, in sides of the object."""
TOLERANCE = 0.14
"""Colour distance (root mean square of R, G, B; white to black is 1) up to which a pixel agrees."""
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
LARGEST_SEARCH = 640
"""Most pixels across a frame that is searched as a whole."""


class Template(NamedTuple):
    """What to look for: colours 0..1 [h, w, 3] and weights [h, w] that sum to 1."""

    colors_HW3: Floats
    weights_HW: Floats


class Place(NamedTuple):
    """Where a template fits: box (x, y, w, h) in pixels, weighted squared difference, and weighted share of pixels that agree."""

    box_4: Array
    difference: float
    agreement: float


@dataclass(frozen=True, eq=False)
class OnItsWay:
    """An object on its way: its templates, its last box, and how far that moved."""

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
        picture = _padded(frames_THWC[0])
        objects = [_start(picture, box_4) if _usable(box_4, frames_THWC.shape) else None for box_4 in first_boxes_N4]
        for n, followed in enumerate(objects):
            if followed is not None:
                boxes_TN4[0, n], sure_TN[0, n] = first_boxes_N4[n], 1.0
        for t in range(1, frames):
            picture = _padded(frames_THWC[t])
            for n, followed in enumerate(objects):
                if followed is not None:
                    place = _find(picture, followed)
                    objects[n] = _advance(picture, followed, place)
                    if place.agreement >= FOUND:
                        boxes_TN4[t, n], sure_TN[t, n] = place.box_4, place.agreement
            self._on_frame()
        return Tracked(boxes_TN4, sure_TN)


class _Padded(NamedTuple):
    """A picture with its border continued by `margin` pixels."""

    image: Any
    margin: int
    size: tuple[int, int]


def _padded(frame_HWC: NDArray[np.uint8]) -> _Padded:
    from PIL import Image

    height, width, _ = frame_HWC.shape
    margin = max(height, width)
    wide = np.pad(frame_HWC, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    return _Padded(Image.fromarray(wide), margin, (width, height))


def _usable(box_4: Array, shape: tuple[int, ...]) -> bool:
    """Whether there is something of the box in the frame."""
    if not np.isfinite(box_4).all():
        return False
    x, y, w, h = box_4.tolist()
    return bool(x < shape[2] - 1 and y < shape[1] - 1 and x + w > 1 and y + h > 1 and min(w, h) >= 1)


def _cut(picture: _Padded, box_4: Array, size: tuple[int, int]) -> Floats:
    """A part of the picture, scaled to `size` (width, height), 0..1 [h, w, 3]; the border continues outside."""
    from PIL import Image

    x, y, w, h = (box_4 + np.array([picture.margin, picture.margin, 0, 0])).tolist()
    across, down = picture.image.size
    # A box that has left the margin too is taken from the margin's end.
    x, y = min(max(x, 0), across - 1), min(max(y, 0), down - 1)
    box = (x, y, min(x + w, across), min(y + h, down))
    cut = picture.image.resize(size, Image.Resampling.BILINEAR, box=box)
    colors_HW3: Floats = np.asarray(cut, dtype=np.float32) / np.float32(255)
    return colors_HW3


def _start(picture: _Padded, box_4: Array) -> OnItsWay:
    w, h = box_4[2:].tolist()
    size = max(round(SIDE * w / max(w, h)), 4), max(round(SIDE * h / max(w, h)), 4)
    colors_HW3 = _cut(picture, box_4, size)
    around_HW3 = _cut(picture, _grown(box_4, 1.8), (2 * size[0], 2 * size[1]))
    template = Template(colors_HW3, _weights(colors_HW3, around_HW3))
    return OnItsWay(template, template, box_4, np.zeros(2))


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


def _find(picture: _Padded, followed: OnItsWay) -> Place:
    expected_4 = followed.box_4 + np.append(followed.speed_2, (0.0, 0.0))
    templates = [followed.first] if followed.latest is followed.first else [followed.first, followed.latest]
    found = [
        (place.difference * (INERTIA if shape == SHAPES[0] else 1.0), number, place)
        for number, (template, shape) in enumerate(product(templates, SHAPES))
        for place in [_search(picture, template, _shaped(expected_4, shape), REACH)]
    ]
    best = min(found)[2]
    if best.agreement >= SURE:
        return best
    other = _search(picture, followed.first, followed.box_4, None)
    return other if other.agreement > best.agreement + 0.1 else best


def _search(picture: _Padded, template: Template, expected_4: Array, reach: float | None) -> Place:
    """The best place of a template for a box of this size, within `reach` sides of it, or (None) in the whole frame."""
    height, width = template.weights_HW.shape
    w, h = expected_4[2:].tolist()
    if reach is None:
        view_4 = np.array([-w / 2, -h / 2, picture.size[0] + w, picture.size[1] + h])
    else:
        view_4 = np.array(
            [expected_4[0] - reach * w, expected_4[1] - reach * h, (1 + 2 * reach) * w, (1 + 2 * reach) * h]
        )
    size = [max(round(view_4[2] * width / w), width), max(round(view_4[3] * height / h), height)]
    if max(size) > LARGEST_SEARCH and reach is None:
        return Place(expected_4, np.inf, 0.0)  # too small an object to look for everywhere
    seen_HW3 = _cut(picture, view_4, (size[0], size[1]))
    difference_YX = _differences(seen_HW3, template)
    row, column = np.unravel_index(int(difference_YX.argmin()), difference_YX.shape)
    there_HW3 = seen_HW3[row : row + height, column : column + width]
    agrees_HW = np.square(there_HW3 - template.colors_HW3).mean(axis=2) < TOLERANCE**2
    agreement = float((agrees_HW * template.weights_HW).sum())
    y, x = _peak(difference_YX, int(row), int(column))
    box_4 = np.array([view_4[0] + x * view_4[2] / size[0], view_4[1] + y * view_4[3] / size[1], w, h])
    return Place(box_4, float(difference_YX[row, column]), agreement)


def _differences(seen_HW3: Floats, template: Template) -> Floats:
    """Weighted mean squared differences at every place where the template lies inside [rows, columns], by Fourier transforms."""
    height, width = template.weights_HW.shape
    rows, columns = seen_HW3.shape[0] - height + 1, seen_HW3.shape[1] - width + 1
    shape = seen_HW3.shape[:2]
    weights = template.weights_HW[..., None]
    seen = np.concatenate([seen_HW3, np.square(seen_HW3).sum(axis=2, keepdims=True)], axis=2)
    kernel = np.concatenate([-2 * template.colors_HW3 * weights, weights], axis=2)
    product = fft.rfft2(seen, axes=(0, 1)) * np.conj(fft.rfft2(kernel, s=shape, axes=(0, 1)))
    found_HW = fft.irfft2(product.sum(axis=2), s=shape, axes=(0, 1))[:rows, :columns]
    own = float((np.square(template.colors_HW3) * weights).sum())
    return (np.maximum(found_HW + own, 0) / 3 + 1e-6).astype(np.float32)


def _peak(values_YX: Floats, row: int, column: int) -> tuple[float, float]:
    """The lowest place to a part of a pixel, by a parabola through its neighbours."""

    def part(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend > 1e-12 else 0.0

    y, x = float(row), float(column)
    if 0 < row < values_YX.shape[0] - 1:
        y += part(*(float(value) for value in values_YX[row - 1 : row + 2, column]))
    if 0 < column < values_YX.shape[1] - 1:
        x += part(*(float(value) for value in values_YX[row, column - 1 : column + 2]))
    return y, x


def _advance(picture: _Padded, followed: OnItsWay, place: Place) -> OnItsWay:
    """The object after a frame; where it was not found, it stays where it was."""
    if place.agreement < FOUND:
        return replace(followed, speed_2=np.zeros(2))
    before, now = (box_4[:2] + box_4[2:] / 2 for box_4 in (followed.box_4, place.box_4))
    moved = replace(followed, box_4=place.box_4, speed_2=0.5 * followed.speed_2 + 0.5 * (now - before))
    if place.agreement < SURE:
        return moved
    height, width = followed.first.weights_HW.shape
    colors = (1 - LEARNING) * followed.latest.colors_HW3 + LEARNING * _cut(picture, place.box_4, (width, height))
    return replace(moved, latest=Template(colors, followed.first.weights_HW))


def _shaped(box_4: Array, shape: tuple[float, float]) -> Array:
    """The box with its sides multiplied, about its centre."""
    side_2 = np.maximum(box_4[2:] * np.array(shape), SMALLEST)
    return np.concatenate([box_4[:2] + box_4[2:] / 2 - side_2 / 2, side_2])


def _grown(box_4: Array, factor: float) -> Array:
    return np.concatenate([box_4[:2] - box_4[2:] * (factor - 1) / 2, box_4[2:] * factor])
