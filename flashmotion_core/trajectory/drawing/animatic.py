"""The animatic: frame 0's objects, cut out and moved and scaled along their boxes over the picture, their holes filled softly.

Shapes, holes and how far these are open: `cutouts.py`. A frame is, from back to front:

1. The picture; per object, its hole's filling (`soft_fill.py`, from a picture in which all holes are open) at the hole's openness.
2. Per object in list order (later ones in front, as in the control map), where it is visible: its cut-out, moved and scaled as its
   box is, from the unclipped box on frame 0 to that now; then, likewise, the holes of smaller objects that lay over it.

Objects that come in later, hidden or outside on frame 0, show nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numpy, refuse_shape
from ..sample import Sampled
from .cutouts import CutOut, cut_outs, openness, owned
from .resampling import place
from .soft_fill import fill_softly
from .soft_shapes import Floats, Shape, window


class AnimaticFrame(NamedTuple):
    """One frame, float32.

    Attributes:
        picture_HWC: RGB, 0..1.
        objects_HW: 0..1, how much of a pixel is a moved object.
        holes_HW: 0..1, how much of it is filling where an object was in frame 0; with `objects_HW` at most 1.
    """

    picture_HWC: Floats
    objects_HW: Floats
    holes_HW: Floats


def animatic(
    image_HWC: object, sampled: Sampled, masks_NHW: object = None, *, frames: slice = slice(None)
) -> Iterator[AnimaticFrame]:
    """Draw the animatic frame by frame, by the rules of this module; a frame in which nothing has moved yet is the picture itself.

    Args:
        image_HWC: the picture of frame 0, RGB [H, W, 3], uint8 or float 0..1 (tensor or array), of the size of `sampled`.
        sampled: boxes and visibility.
        masks_NHW: frame 0's mask per object, values above 0.5 count (bool, or float 0..1; tensor or array); None: their own
            shapes, and the boxes, with a soft border, of those without one.
        frames: which frames of the clip to draw. Frame 0 is the clip's first one, regardless of the slice.

    One frame is held at a time; everything is checked and cut out at the call, not at the first frame. Raises
    `TrajectoryError` for a picture or masks of another size, and the empty mask of an object that is visible on frame 0.
    """
    image = as_numpy(image_HWC, "image")
    width, height = sampled.size
    if image.shape != (height, width, 3):
        refuse_shape("image", image, f"[height {height}, width {width}, 3]")
    picture_HWC = image.astype(np.float32) / np.float32(255 if image.dtype == np.uint8 else 1)
    scene = _prepare(np.clip(picture_HWC, 0, 1), sampled, masks_NHW)
    return (_draw(scene, t) for t in range(*frames.indices(len(sampled.boxes_TN4))))


class _SoftPart(NamedTuple):
    """A soft part of a picture: premultiplied RGB and alpha [h, w, 4], and where it begins."""

    pixels_HW4: Floats
    left: int
    top: int


@dataclass(eq=False)
class _Scene:
    """All that drawing a frame needs."""

    picture_HWC: Floats
    sampled: Sampled
    openness_TN: NDArray[np.float32]
    parts: list[_SoftPart | None]  # per object: its cut-out
    holes: list[_SoftPart | None]  # per object: the filling of its hole
    patches: dict[int, list[tuple[int, _SoftPart]]]  # of object n: the holes (m, filling) in its cut-out
    plate: tuple[bytes, Floats, Floats] | None = (
        None  # the last background and how open it was, because it seldom changes
    )


def _prepare(picture_HWC: Floats, sampled: Sampled, masks_NHW: object) -> _Scene:
    found = cut_outs(sampled, masks_NHW)
    height, width = picture_HWC.shape[:2]
    known_HW = np.ones((height, width), dtype=np.float32)
    for cut in found:
        if cut is not None:
            known_HW *= 1 - window(cut.hole, 0, 0, height, width)
    filled_HWC = fill_softly(picture_HWC, known_HW)
    patches: dict[int, list[tuple[int, _SoftPart]]] = {}
    pairs = owned(sampled, found)
    for n in dict.fromkeys(n for n, _ in pairs):
        inner = [m for k, m in pairs if k == n]
        patches[n] = list(zip(inner, _patches(picture_HWC, found, n, inner), strict=True))
    return _Scene(
        picture_HWC,
        sampled,
        openness(sampled, found),
        [None if cut is None else _part(picture_HWC, cut.shape) for cut in found],
        [None if cut is None else _part(filled_HWC, cut.hole) for cut in found],
        patches,
    )


def _patches(picture_HWC: Floats, found: list[CutOut | None], n: int, inner: list[int]) -> list[_SoftPart]:
    """The holes of the objects `inner` in the cut-out of object `n`, filled from the rest of that cut-out."""
    cut = found[n]
    assert cut is not None
    alpha_HW, left, top = cut.shape
    holes = [window(other.hole, left, top, *alpha_HW.shape) for m in inner if (other := found[m]) is not None]
    known_HW = alpha_HW.copy()
    for hole_HW in holes:
        known_HW *= 1 - hole_HW
    filled_HWC = fill_softly(_around(picture_HWC, left, top, *alpha_HW.shape), known_HW)
    return [_premultiplied(filled_HWC, alpha_HW * hole_HW, left, top) for hole_HW in holes]


def _part(source_HWC: Floats, shape: Shape) -> _SoftPart:
    alpha_HW, left, top = shape
    return _premultiplied(_around(source_HWC, left, top, *alpha_HW.shape), alpha_HW, left, top)


def _around(source_HWC: Floats, left: int, top: int, height: int, width: int) -> Floats:
    """A window of a picture whose border pixels continue outside."""
    rows = np.arange(top, top + height).clip(0, source_HWC.shape[0] - 1)
    columns = np.arange(left, left + width).clip(0, source_HWC.shape[1] - 1)
    out_HWC: Floats = source_HWC[rows][:, columns]
    return out_HWC


def _premultiplied(colours_HWC: Floats, alpha_HW: Floats, left: int, top: int) -> _SoftPart:
    return _SoftPart(np.concatenate([colours_HWC * alpha_HW[..., None], alpha_HW[..., None]], axis=2), left, top)


def _draw(scene: _Scene, t: int) -> AnimaticFrame:
    open_N = scene.openness_TN[t]
    plate_HWC, holes_HW = _plate(scene, open_N)
    at_rest = not open_N.any()
    picture_HWC = scene.picture_HWC.copy() if at_rest else plate_HWC.copy()
    objects_HW = np.zeros_like(holes_HW)
    boxes0_N4, boxes_N4 = scene.sampled.boxes_TN4[0], scene.sampled.boxes_TN4[t]
    for n, part in enumerate(scene.parts):
        if part is None or not scene.sampled.visible_TN[t, n]:
            continue
        pixels_HW4, left, top = _moved(part, boxes0_N4[n], boxes_N4[n], scene.sampled.size)
        view = slice(top, top + pixels_HW4.shape[0]), slice(left, left + pixels_HW4.shape[1])
        alpha_HW = pixels_HW4[..., 3]
        objects_HW[view] += alpha_HW - alpha_HW * objects_HW[view]
        if at_rest:
            continue
        _lay(picture_HWC[view], pixels_HW4, 1)
        for m, patch in scene.patches.get(n, ()):
            if open_N[m]:
                pixels_HW4, left, top = _moved(patch, boxes0_N4[n], boxes_N4[n], scene.sampled.size)
                view = slice(top, top + pixels_HW4.shape[0]), slice(left, left + pixels_HW4.shape[1])
                _lay(picture_HWC[view], pixels_HW4, float(open_N[m]))
    return AnimaticFrame(picture_HWC, objects_HW, holes_HW * (1 - objects_HW))


def _plate(scene: _Scene, open_N: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """The picture with its holes as open as they are, and how much of each pixel is filling."""
    key = open_N.tobytes()
    if scene.plate is None or scene.plate[0] != key:
        plate_HWC = scene.picture_HWC.copy()
        holes_HW = np.zeros(plate_HWC.shape[:2], dtype=np.float32)
        for part, share in zip(scene.holes, open_N.tolist(), strict=True):
            if part is not None and share:
                height, width = part.pixels_HW4.shape[:2]
                view = slice(part.top, part.top + height), slice(part.left, part.left + width)
                _lay(plate_HWC[view], part.pixels_HW4, share)
                holes_HW[view] += share * part.pixels_HW4[..., 3] * (1 - holes_HW[view])
        scene.plate = key, plate_HWC, holes_HW
    return scene.plate[1], scene.plate[2]


def _moved(
    part: _SoftPart, box0_4: NDArray[np.float64], box_4: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Floats, int, int]:
    """The part where its object's box is now; clipped, because the kernel overshoots."""
    x, y = (box_4[2:] / box0_4[2:]).tolist()
    start = box_4[:2] + (np.array([part.left, part.top]) - box0_4[:2]) * (x, y)
    pixels_HW4, left, top = place(part.pixels_HW4, (float(start[0]), float(start[1])), (x, y), size)
    np.clip(pixels_HW4, 0, 1, out=pixels_HW4)
    return np.minimum(pixels_HW4, pixels_HW4[..., 3:], out=pixels_HW4), left, top


def _lay(under_HWC: Floats, over_HW4: Floats, share: float) -> None:
    """Put premultiplied pixels over others, in place, at a share of their opacity."""
    under_HWC *= 1 - np.float32(share) * over_HW4[..., 3:]
    under_HWC += np.float32(share) * over_HW4[..., :3]
