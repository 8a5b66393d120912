"""MASK batches -> a trajectory: one object that moves through them, or one object per mask."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numpy, refuse_shape
from ..field_checks import TrajectoryError
from ..model import DEFAULT_FPS, MAX_FRAMES, MAX_OBJECTS, Trajectory
from .found import Found, counted, document_of, tell


def from_object_mask(
    masks_THW: object, *, fps: float = DEFAULT_FPS, tolerance: float = 0.0, notes: list[str] | None = None
) -> Trajectory:
    """One object that follows a MASK batch [T, H, W] in 0..1: its box is the bounding rectangle of values above 0.5.

    Frames with an empty mask are hidden, counted and said (`notes`; logged when None). The document's size is the masks'.
    """
    boxes_T4, size = _mask_boxes(masks_THW)
    if len(boxes_T4) > MAX_FRAMES:
        raise TrajectoryError(f"mask is a batch of {len(boxes_T4)} frames: give at most {MAX_FRAMES}.", "mask")
    empty = int(np.isnan(boxes_T4[:, 0]).sum())
    if empty == len(boxes_T4):
        raise TrajectoryError("mask is empty on every frame: paint the object, values above 0.5 count.", "mask")
    tell(
        notes,
        "masks",
        counted(empty, "empty frame", "empty frames"),
        f" of {len(boxes_T4)}; the object is hidden there",
    )
    found = Found(boxes_T4[:, None], ("",), size, (0,))
    return document_of(found, "masks", fps=fps, tolerance=tolerance)


def from_frame_masks(masks_NHW: object, *, fps: float = DEFAULT_FPS) -> Trajectory:
    """A one-frame document with one object per picture of a MASK batch [N, H, W] in 0..1, boxed as above.

    Raises `TrajectoryError` for an empty mask, and for more than 64 of them.
    """
    boxes_N4, size = _mask_boxes(masks_NHW)
    empty = np.flatnonzero(np.isnan(boxes_N4[:, 0]))
    if len(empty):
        raise TrajectoryError(f"mask[{empty[0]}] is empty: paint the object (values above 0.5) or drop it.", "mask")
    count = len(boxes_N4)
    if count > MAX_OBJECTS:
        raise TrajectoryError(
            f"masks hold {count} pictures, but at most {MAX_OBJECTS} objects are possible: set mask_batch to one mask per frame if they "
            f"show one object in {count} frames, or name those to use in choose, such as 0-{MAX_OBJECTS - 1}.",
            "mask",
        )
    found = Found(boxes_N4[None], ("",) * count, size, tuple(range(count)))
    return document_of(found, "masks", fps=fps, tolerance=0.0)


def moves_as_one(masks_THW: object) -> bool:
    """Whether a MASK batch fits one object that moves: each mask overlaps the one before it (empty ones left out)."""
    masks = as_numpy(masks_THW, "mask")
    shown = [mask_HW > 0.5 for mask_HW in masks if (mask_HW > 0.5).any()]
    return len(shown) > 1 and all((one & other).any() for one, other in pairwise(shown))


def _mask_boxes(masks: object) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Bounding rectangles [B, 4] (x, y, w, h; NaN where empty) of the values above 0.5, and the (width, height)."""
    masks_BHW = as_numpy(masks, "mask")
    if masks_BHW.ndim != 3 or 0 in masks_BHW.shape:
        refuse_shape("mask", masks_BHW, "a batch [pictures, height, width]")
    if masks_BHW.dtype.kind in "iu":
        raise TrajectoryError(f"mask has dtype {masks_BHW.dtype}: give floats from 0 to 1, or booleans.", "mask")
    boxes_B4 = np.full((len(masks_BHW), 4), np.nan)
    for b, mask_HW in enumerate(masks_BHW):
        inside_HW = mask_HW > 0.5
        columns, rows = np.flatnonzero(inside_HW.any(axis=0)), np.flatnonzero(inside_HW.any(axis=1))
        if len(columns):
            boxes_B4[b] = columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    return boxes_B4, (masks_BHW.shape[2], masks_BHW.shape[1])
