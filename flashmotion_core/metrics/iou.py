"""Intersection over union (the Jaccard index) of boxes and of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_iou(a_X4: NDArray[np.float64], b_X4: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of two arrays of boxes, pair by pair.

    Args:
        a_X4, b_X4: (x, y, w, h) with (x, y) the top-left corner, in any unit, both of shape [..., 4]. A box with a NaN in it is an object that
            was not found.

    Returns: float64 [...], 0 (apart) to 1 (equal); 0 where a box is NaN or both areas are 0.

    Raises ValueError for shapes that differ or do not end in 4, and for a negative width or height.
    """
    a_X4, b_X4 = np.asarray(a_X4, dtype=np.float64), np.asarray(b_X4, dtype=np.float64)
    if a_X4.shape != b_X4.shape or a_X4.shape[-1:] != (4,):
        raise ValueError(
            f"the boxes have the shapes {list(a_X4.shape)} and {list(b_X4.shape)}: give two equal ones that end in 4."
        )
    for boxes_X4 in (a_X4, b_X4):
        if (boxes_X4[..., 2:] < 0).any():
            smallest = np.nanmin(boxes_X4[..., 2:])
            raise ValueError(f"a box has a width or height of {smallest:g}: give (x, y, w, h), not two corners.")
    near_X2 = np.maximum(a_X4[..., :2], b_X4[..., :2])
    far_X2 = np.minimum(a_X4[..., :2] + a_X4[..., 2:], b_X4[..., :2] + b_X4[..., 2:])
    common_X2 = np.maximum(far_X2 - near_X2, 0.0)
    common_X = common_X2[..., 0] * common_X2[..., 1]
    union_X = a_X4[..., 2] * a_X4[..., 3] + b_X4[..., 2] * b_X4[..., 3] - common_X
    return _share(common_X, union_X)


def mask_iou(a_XHW: NDArray[np.bool_], b_XHW: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of two arrays of masks [..., H, W], pair by pair.

    Returns: float64 [...], 0 to 1; NaN where both masks are empty.

    Raises ValueError for shapes that differ and for masks that are not bool.
    """
    if a_XHW.shape != b_XHW.shape or a_XHW.ndim < 2:
        raise ValueError(
            f"the masks have the shapes {list(a_XHW.shape)} and {list(b_XHW.shape)}: give two equal ones, [..., H, W]."
        )
    for masks in (a_XHW, b_XHW):
        if masks.dtype != np.bool_:
            raise ValueError(
                f"a mask has the dtype {masks.dtype}: give bool, for example by comparing it with a threshold."
            )
    common_X = (a_XHW & b_XHW).sum(axis=(-2, -1))
    union_X = (a_XHW | b_XHW).sum(axis=(-2, -1))
    return np.where(union_X > 0, _share(common_X, union_X), np.nan)


def _share(part_X: NDArray[np.float64], whole_X: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole; 0 where the whole is 0 or NaN."""
    valid_X = whole_X > 0
    result_X = np.zeros(np.shape(whole_X), dtype=np.float64)
    np.divide(part_X, whole_X, out=result_X, where=valid_X)
    return result_X
