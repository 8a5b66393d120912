"""Masks of frame 0: moved along with their boxes, and found inside boxes by GrabCut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numpy, refuse_shape
from ..field_checks import TrajectoryError, whole
from ..first_shape import inside_picture
from ..sample import Sampled


class CutMask(NamedTuple):
    """A mask inside its bounding rectangle, where that starts in the picture, and how wide it is."""

    inside_HX: NDArray[np.bool_]  # [H, width * 3], each column three times: numpy copies bytes by runs of such a mask
    left: int
    top: int
    width: int


def refine_masks_grabcut(image_HW3: object, boxes_N4: object, *, iterations: int = 5) -> NDArray[np.bool_]:
    """Segment the object inside each box of a picture with OpenCV's GrabCut (Rother, Kolmogorov, Blake 2004).

    Args:
        image_HW3: RGB, uint8 or float 0..1 (tensor or array).
        boxes_N4: (x, y, w, h) in pixels, (x, y) the top-left corner: `sample(...).boxes_TN4[0]`.
        iterations: GrabCut rounds, 1..50.

    Returns: bool masks [N, H, W] for `control_map.render`. GrabCut learns the background from a margin of half the box
    around it. Where it can learn nothing (the box fills the picture) or leaves nothing, the mask is the filled box; a box
    outside the picture gives an empty mask. Seeded: the same input gives the same masks (it sets OpenCV's random seed).

    Raises `TrajectoryError` when OpenCV (cv2) cannot be imported, and for arrays of other shapes.
    """
    try:
        import cv2
    except ImportError:
        message = "cv2 cannot be imported: install opencv-python-headless, or give a mask, or use the filled boxes."
        raise TrajectoryError(message, "cv2") from None
    whole(iterations, "iterations", 1, 50, "GrabCut rounds")
    image = as_numpy(image_HW3, "image")
    boxes = as_numpy(boxes_N4, "boxes").astype(np.float64)
    if image.ndim != 3 or image.shape[2] != 3:
        refuse_shape("image", image, "[height, width, 3]")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        refuse_shape("boxes", boxes, "[objects, 4] with x, y, w, h in pixels")
    if image.dtype != np.uint8:
        image = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    height, width = image.shape[:2]
    masks_NHW = np.zeros((len(boxes), height, width), dtype=np.bool_)
    for mask_HW, (x, y, w, h) in zip(masks_NHW, boxes.tolist(), strict=True):
        left, right = (min(max(round(edge), 0), width) for edge in (x, x + w))
        top, bottom = (min(max(round(edge), 0), height) for edge in (y, y + h))
        if right <= left or bottom <= top:
            continue
        mask_HW[top:bottom, left:right] = True
        # The surroundings: half a box on each side.
        x0, x1 = max(left - round(w / 2), 0), min(right + round(w / 2), width)
        y0, y1 = max(top - round(h / 2), 0), min(bottom + round(h / 2), height)
        labels = np.where(mask_HW[y0:y1, x0:x1], cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
        if not (labels == cv2.GC_BGD).any():
            continue
        cv2.setRNGSeed(0)
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        crop = np.ascontiguousarray(image[y0:y1, x0:x1, ::-1])
        cv2.grabCut(crop, labels, None, background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
        found = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
        if found.any():
            mask_HW[y0:y1, x0:x1] = found
    return masks_NHW


def cut_masks(masks: object, size: tuple[int, int], drawn_N: NDArray[np.bool_]) -> list[CutMask | None]:
    """Frame 0's masks [N, H, W] (values above 0.5 count), cropped to what is set; None for an empty one.

    `drawn_N`: the objects that are visible inside the picture on frame 0, whose masks must not be empty.
    """
    masks_NHW = as_numpy(masks, "masks")
    if masks_NHW.shape != (len(drawn_N), size[1], size[0]):
        refuse_shape("masks", masks_NHW, f"[{len(drawn_N)} objects, height {size[1]}, width {size[0]}]")
    cut: list[CutMask | None] = []
    for n, mask_HW in enumerate(masks_NHW):
        cropped = _cropped_mask(mask_HW > 0.5, 0, 0)
        if cropped is None and drawn_N[n]:
            message = f"masks[{n}] is empty: paint object {n} (above 0.5) or hide it on frame 0, where it is visible."
            raise TrajectoryError(message, f"masks[{n}]")
        cut.append(cropped)
    return cut


def cut_shapes(sampled: Sampled, rects_N4: NDArray[np.int64], drawn_N: NDArray[np.bool_]) -> list[CutMask | None]:
    """Frame 0's masks of the objects with a shape of their own; None for the others, and for those that are not drawn there."""
    cut: list[CutMask | None] = [None] * len(drawn_N)
    for n, shape in enumerate(sampled.shapes):
        if shape is None or not drawn_N[n]:
            continue
        inside_HW, left, top = inside_picture(shape, sampled.boxes_TN4[0, n], sampled.size)
        if not inside_HW.any():
            left, top, right, bottom = rects_N4[n].tolist()
            inside_HW = np.ones((bottom - top, right - left), dtype=np.bool_)
        cut[n] = _cropped_mask(inside_HW, left, top)
    return cut


def _cropped_mask(inside_HW: NDArray[np.bool_], left: int, top: int) -> CutMask | None:
    """A mask that begins at (left, top), cropped to what is set; None for an empty one."""
    columns, rows = np.flatnonzero(inside_HW.any(axis=0)), np.flatnonzero(inside_HW.any(axis=1))
    if not len(columns):
        return None
    inside_HX = inside_HW[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].repeat(3, axis=1)
    return CutMask(inside_HX, left + int(columns[0]), top + int(rows[0]), inside_HX.shape[1] // 3)


def paint_moved(
    picture_HX: NDArray[np.uint8],
    row_X: NDArray[np.uint8],
    mask: CutMask,
    box0_4: NDArray[np.float64],
    box_4: NDArray[np.float64],
) -> None:
    """Fill the mask of frame 0, moved and scaled from `box0_4` to `box_4`, clipped to the picture [H, W * 3] (bytes).

    `row_X`: a row of the picture in the object's colour, W * 3 bytes.
    """
    height, width = picture_HX.shape[0], picture_HX.shape[1] // 3
    columns, x = _sources(box0_4[0], box0_4[2], box_4[0], box_4[2], mask.left, mask.width, width)
    rows, y = _sources(box0_4[1], box0_4[3], box_4[1], box_4[3], mask.top, len(mask.inside_HX), height)
    if len(columns) and len(rows):
        across = slice(columns[0] * 3, columns[-1] * 3 + 3)
        inside_HX = mask.inside_HX[y].take((x[:, None] * 3 + np.arange(3)).ravel(), axis=1)
        np.copyto(picture_HX[rows[0] : rows[-1] + 1, across], row_X[across], where=inside_HX)


def _sources(
    start0: float, extent0: float, start: float, extent: float, first: int, count: int, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Along one axis: the pixels of the picture that see the mask [first, first + count), and the mask index each sees."""
    assert min(extent0, extent) > 0
    ratio = extent0 / extent
    # A pixel more on either side than the mask's ends can reach; the exact test follows.
    lowest = max(int(start + (first - start0) / ratio) - 2, 0)
    highest = min(int(start + (first + count - start0) / ratio) + 2, limit)
    pixels = np.arange(lowest, max(highest, lowest))
    sources = np.floor(start0 + (pixels + 0.5 - start) * ratio + 2.0**-20).astype(np.int64) - first
    seen = (sources >= 0) & (sources < count)
    return pixels[seen], sources[seen]
