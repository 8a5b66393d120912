"""The soft shapes of frame-0 objects, and where they are in later frames. `web/editor/model/cutout.js` has the same rules, held to the
same golden vectors.

Pixels of the clip; a pixel's centre is at + 0.5. (x0, y0, w0, h0) is an object's box on frame 0, (W, H) the clip's size, and
S(u) = u u (3 - 2 u), u clipped to 0..1.

* Feather f = max(1, min(0.12 min(w0, h0), 0.03 min(W, H))): how wide soft borders are.
* Cut-out of a box: S(0.5 - s / f), s the signed distance (negative inside) to the box with corners rounded by 0.18 min(w0, h0).
  So it is half transparent on the box's edge. Its hole: S(1.5 - s / f) with corners rounded by f: all of the box and a soft rim.
* Cut-out of a mask: S((b - 0.3) / 0.5), b the mask blurred by three boxes of 2 r + 1 pixels, r = max(1, round(0.004 min(W, H))).
  Its hole: S(4 b), with 2 r for r: the mask, r pixels around it, and a soft rim.
* Beyond the picture, whose border pixels continue there, a cut-out fades within f: times S(1 - e / f), e the distance.
* A mask that is exactly the box filled, as DrawTrajectory makes without shapes, counts as none.
* A pixel in two masks belongs to the object with the smaller box (of two equal ones, to the later), unless nothing would be left of the
  other.
* An object that is hidden or outside on frame 0 has neither: it enters later, and nothing is known of its looks.
* Openness of the hole: 1 on hidden frames, else min(1, o / max(1, f / 3)), o how far the box's edge that moved most has moved. So an
  object at rest is the picture itself, and nothing jumps when it sets off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..sample import Sampled
from .control_map import pixel_boxes
from .masks import cut_masks, cut_shapes
from .soft_shapes import Mask, Shape, box_shape, mask_shape, window

FEATHER, FEATHER_MOST, ROUNDING, BLUR = 0.12, 0.03, 0.18, 0.004


class CutOut(NamedTuple):
    """One object: its shape, the hole that it leaves, its feather in pixels."""

    shape: Shape
    hole: Shape
    feather: float


def cut_outs(sampled: Sampled, masks_NHW: object = None) -> list[CutOut | None]:
    """The cut-out of each object; None for one that is hidden or outside on frame 0.

    `masks_NHW`: frame 0's mask per object, values above 0.5 count (bool, or float 0..1; tensor or array); None for the
    objects' own shapes, and the boxes of those without one.
    Raises `TrajectoryError` for masks of another size, and the empty mask of an object that is visible on frame 0.
    """
    rects_TN4, drawn_TN = pixel_boxes(sampled)
    places = list(zip(sampled.boxes_TN4[0], drawn_TN[0].tolist(), strict=True))
    masks = _own_masks(masks_NHW, sampled, rects_TN4[0], drawn_TN[0])
    found: list[CutOut | None] = []
    for (box_4, drawn), mask in zip(places, masks, strict=True):
        if not drawn:
            found.append(None)
            continue
        soft = feather(box_4, sampled.size)
        if mask is None:
            rounding = ROUNDING * min(box_4[2], box_4[3])
            shape = box_shape(box_4, sampled.size, soft, rounding, 0.5, soft)
            hole = box_shape(box_4, sampled.size, soft, soft, 1.5, 0.0)
        else:
            radius = max(1, int(BLUR * min(sampled.size) + 0.5))
            shape = mask_shape(mask, sampled.size, radius, (0.3, 0.5), soft)
            hole = mask_shape(mask, sampled.size, 2 * radius, (0.0, 0.25), 0.0)
        found.append(CutOut(shape, hole, soft))
    return found


def feather(box_4: NDArray[np.float64], size: tuple[int, int]) -> float:
    """How wide the soft border of an object is, in pixels: see the module."""
    return max(1.0, min(FEATHER * float(min(box_4[2], box_4[3])), FEATHER_MOST * min(size)))


def openness(sampled: Sampled, found: list[CutOut | None]) -> NDArray[np.float32]:
    """How far each hole is open, 0..1 [T, N]; 0 for objects without one."""
    boxes_TN4 = sampled.boxes_TN4
    edges_TN4 = np.concatenate([boxes_TN4[..., :2], boxes_TN4[..., :2] + boxes_TN4[..., 2:]], axis=2)
    moved_TN = np.abs(edges_TN4 - edges_TN4[:1]).max(axis=2)
    width_N = np.array([1.0 if cut is None else max(1.0, cut.feather / 3) for cut in found])
    open_TN = np.where(sampled.visible_TN, np.minimum(moved_TN / width_N, 1), 1)
    open_TN[:, [n for n, cut in enumerate(found) if cut is None]] = 0
    return open_TN.astype(np.float32)


def owned(sampled: Sampled, found: list[CutOut | None]) -> list[tuple[int, int]]:
    """Pairs (n, m): object m's shape on frame 0 lies over n's and owns the pixels there, because its box is smaller (the later one of
    two equal boxes). When m leaves, its hole in n's cut-out opens too, and moves with n. In list order of n, then m."""
    there = [cut is not None for cut in found]
    return [(n, m) for n, m in _smaller_over_larger(sampled, there) if _meet(found[n], found[m])]


def _smaller_over_larger(sampled: Sampled, there: list[bool]) -> list[tuple[int, int]]:
    """(n, m) of objects that are `there`, m owning what it shares with n, in list order of n, then m."""
    area_N = (sampled.boxes_TN4[0, :, 2] * sampled.boxes_TN4[0, :, 3]).tolist()
    members = [n for n, is_there in enumerate(there) if is_there]
    return [(n, m) for n in members for m in members if (area_N[m], -m) < (area_N[n], -n)]


def _own_masks(
    masks: object, sampled: Sampled, rects_N4: NDArray[np.int64], drawn_N: NDArray[np.bool_]
) -> list[Mask | None]:
    """What each object's mask has to itself; None without one, or for one that is the filled box."""
    cut = cut_shapes(sampled, rects_N4, drawn_N) if masks is None else cut_masks(masks, sampled.size, drawn_N)
    given = [None if mask is None else Mask(mask.inside_HX[:, ::3], mask.left, mask.top) for mask in cut]
    shaped = [
        mask is not None and bool(drawn) and not _is_filled_box(mask, rect_4)
        for mask, rect_4, drawn in zip(given, rects_N4.tolist(), drawn_N, strict=True)
    ]
    own = [mask if is_shaped else None for mask, is_shaped in zip(given, shaped, strict=True)]
    for n, m in _smaller_over_larger(sampled, shaped):
        behind, front = own[n], given[m]
        assert behind is not None
        assert front is not None
        inside_HW, left, top = behind
        others = Shape(front.inside_HW.astype(np.float32), front.left, front.top)
        rest_HW = inside_HW & (window(others, left, top, *inside_HW.shape) == 0)
        if rest_HW.any():
            own[n] = Mask(rest_HW, left, top)
    return own


def _meet(behind: CutOut | None, front: CutOut | None) -> bool:
    assert behind is not None
    assert front is not None
    alpha_HW, left, top = behind.shape
    return bool((alpha_HW * window(front.hole, left, top, *alpha_HW.shape) > 0.01).any())


def _is_filled_box(mask: Mask, rect_4: list[int]) -> bool:
    height, width = mask.inside_HW.shape
    return bool(mask.inside_HW.all()) and [mask.left, mask.top, mask.left + width, mask.top + height] == rect_4
