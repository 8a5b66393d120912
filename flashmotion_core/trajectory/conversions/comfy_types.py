"""Trajectories to ComfyUI's own values: BOUNDING_BOX, TRACKS and MASK. (CSV and motion deltas: `tables.py`.)

Pixels everywhere, of a frame of `size` = (width, height); boxes are (x, y, w, h) with (x, y) the top-left corner. The way back stands in
`from_detections`, `from_points` and `from_masks`: input first becomes one box per frame; then only those keyframes stay that linear
interpolation cannot restore: see `keyframes.from_boxes` for `tolerance` (pixels, default exact). The clip is as long as the input; follow
with `trim` to hold the last box longer, or with `retime`. All readers raise `TrajectoryError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing.control_map import pixel_boxes
from ..drawing.masks import cut_shapes
from ..model import TrackedObject
from ..sample import Sampled

if TYPE_CHECKING:
    import torch


def to_bounding_boxes(sampled: Sampled, objects: Sequence[TrackedObject]) -> list[list[dict[str, Any]]]:
    """BOUNDING_BOX: per frame, a list of {"x", "y", "width", "height", "label"}; hidden objects are left out.

    Values are floats, not rounded. "label" is the object's label when all labels differ, else its id, so that
    `from_bounding_boxes` can tell the objects apart. `objects`: the trajectory's, in the order of `sampled`.
    """
    labels = [tracked.label for tracked in objects]
    names = labels if "" not in labels and len(set(labels)) == len(labels) else [tracked.id for tracked in objects]
    return [
        [
            {"x": x, "y": y, "width": w, "height": h, "label": name}
            for (x, y, w, h), shown, name in zip(boxes_N4, visible_N, names, strict=True)
            if shown
        ]
        for boxes_N4, visible_N in zip(sampled.boxes_TN4.tolist(), sampled.visible_TN.tolist(), strict=True)
    ]


def to_tracks(sampled: Sampled) -> dict[str, torch.Tensor]:
    """TRACKS: {"track_path": float32 [T, N, 2] box centres in pixels, "track_visibility": bool [T, N]}."""
    import torch

    centres_TN2 = sampled.boxes_TN4[..., :2] + sampled.boxes_TN4[..., 2:] * 0.5
    return {
        "track_path": torch.from_numpy(centres_TN2.astype(np.float32)),
        "track_visibility": torch.from_numpy(sampled.visible_TN.copy()),
    }


def to_object_mask(sampled: Sampled, n: int) -> torch.Tensor:
    """MASK float32 [T, H, W] of object `n`: 1 inside its box, clipped to the frame; all 0 where hidden or outside."""
    return _filled(sampled, [(t, n) for t in range(len(sampled.boxes_TN4))])


def to_frame_masks(sampled: Sampled, frame: int = 0) -> torch.Tensor:
    """MASK float32 [N, H, W] on one frame: one picture per object, as `to_object_mask`; on frame 0 the shapes of those that have one."""
    masks_NHW = _filled(sampled, [(frame, n) for n in range(sampled.boxes_TN4.shape[1])])
    return put_shapes(sampled, masks_NHW) if frame == 0 else masks_NHW


def put_shapes(sampled: Sampled, masks_NHW: torch.Tensor) -> torch.Tensor:
    """Frame 0's masks [N, H, W], changed in place: those of objects that have a shape of their own and are drawn there become it."""
    import torch

    rects_TN4, drawn_TN = pixel_boxes(sampled)
    for mask_HW, cut in zip(masks_NHW, cut_shapes(sampled, rects_TN4[0], drawn_TN[0]), strict=True):
        if cut is not None:
            inside_HW = torch.from_numpy(cut.inside_HX[:, ::3].copy())
            height, width = inside_HW.shape
            mask_HW.zero_()
            mask_HW[cut.top : cut.top + height, cut.left : cut.left + width] = inside_HW.to(mask_HW.dtype)
    return masks_NHW


def _filled(sampled: Sampled, places: list[tuple[int, int]]) -> torch.Tensor:
    import torch

    width, height = sampled.size
    masks_BHW = torch.zeros((len(places), height, width), dtype=torch.float32)
    rects_TN4, drawn_TN = pixel_boxes(sampled)
    for mask_HW, place in zip(masks_BHW, places, strict=True):
        if drawn_TN[place]:
            left, top, right, bottom = rects_TN4[place].tolist()
            mask_HW[top:bottom, left:right] = 1.0
    return masks_BHW
