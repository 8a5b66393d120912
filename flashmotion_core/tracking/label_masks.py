"""Masks that another program tracked, as a tracker: one picture of labels per frame, object n (from 1) with the value n."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..video.frames import LARGEST_CLIP
from ..video.pictures import picture_files, read_labels
from .object_tracker import Tracked, check_tracked

MOST = 255
"""The largest label."""


class LabelMasks:
    """The masks of one clip; `sure_TN` is 1 where the mask is not empty.

    Args:
        folder: PNG files, one per frame in the order of their names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def protocol(self) -> str:
        """See `ObjectTracker.protocol`."""
        return "label masks from files, boxes around them"

    def __call__(self, frames_THWC: NDArray[np.uint8], first_boxes_N4: NDArray[np.float64]) -> Tracked:
        """See `ObjectTracker`. Raises ValueError for a missing folder, another number or size of pictures, or pictures without labels."""
        check_tracked(frames_THWC, first_boxes_N4)
        labels_THW = read_label_folder(self.folder)
        if labels_THW.shape != frames_THWC.shape[:3]:
            raise ValueError(
                f"the masks in {self.folder.name} are {list(labels_THW.shape)} (frames, height, width), the clip is "
                f"{list(frames_THWC.shape[:3])}; give one mask per frame in the clip's size."
            )
        objects_N = np.arange(1, len(first_boxes_N4) + 1)
        masks_TNHW = labels_THW[:, None] == objects_N[:, None, None]
        boxes_TN4 = boxes_of_masks(masks_TNHW)
        return Tracked(boxes_TN4, np.isfinite(boxes_TN4[..., 0]).astype(np.float64), masks_TNHW)


def read_label_folder(folder: Path, first: int | None = None) -> NDArray[np.uint8]:
    """Labels [T, H, W] of a folder's PNG files, in the order of the numbers in their names; only the first so many.

    Raises ValueError for a folder without any, a picture without labels, or pictures of several sizes.
    """
    files = picture_files(folder)[:first]
    if not files:
        raise ValueError(f"there are no PNG files in {folder}; give one picture of labels per frame.")
    found: list[NDArray[np.uint8]] = []
    for file in files:
        labels_HW = read_labels(file)
        if labels_HW is None:
            raise ValueError(
                f"{file.name} holds no labels; save it as grey or with a palette, object n with the value n."
            )
        if found and labels_HW.shape != found[0].shape:
            raise ValueError(
                f"{file.name} has the size {labels_HW.shape[::-1]}, the first one {found[0].shape[::-1]}; give one size."
            )
        if labels_HW.max() > MOST:
            raise ValueError(
                f"{file.name} has the value {labels_HW.max()}, but labels go up to {MOST}; number the objects from 1."
            )
        if len(files) * labels_HW.size > LARGEST_CLIP:
            raise ValueError(
                f"the {len(files)} masks in {folder.name} take {len(files) * labels_HW.size / 1e9:.1f} GB, more than the {LARGEST_CLIP / 1e9:.1f} GB "
                "that are read; remove those beyond the clip."
            )
        found.append(labels_HW.astype(np.uint8))
    return np.stack(found)


def boxes_of_masks(masks_XHW: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Bounding rectangles (x, y, w, h) [..., 4] of masks [..., H, W]; NaN where a mask is empty."""
    columns_XW: NDArray[np.bool_] = np.asarray(masks_XHW.any(axis=-2))
    rows_XH: NDArray[np.bool_] = np.asarray(masks_XHW.any(axis=-1))
    edges = []
    for seen in (columns_XW, rows_XH):
        first, last = seen.argmax(axis=-1), seen.shape[-1] - seen[..., ::-1].argmax(axis=-1)
        edges.append((first, last - first))
    (x, w), (y, h) = edges
    boxes_X4 = np.stack([x, y, w, h], axis=-1).astype(np.float64)
    return np.where(np.asarray(columns_XW.any(axis=-1))[..., None], boxes_X4, np.nan)
