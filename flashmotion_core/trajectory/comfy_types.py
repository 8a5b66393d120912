"""Trajectories to and from ComfyUI's own values: BOUNDING_BOX, TRACKS and MASK. (CSV and motion deltas: `tables.py`.)

Pixels everywhere, of a frame of `size` = (width, height); boxes are (x, y, w, h) with (x, y) the top-left corner. Input
first becomes one keyframe per frame; then only those stay that linear interpolation cannot restore: see
`keyframes.from_boxes` for `tolerance` (pixels, default exact). The clip is as long as the input; follow with `trim` to
hold the last box longer, or with `retime`. All readers raise `TrajectoryError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .arrays import as_numpy, refuse_shape
from .control_map import pixel_boxes
from .field_checks import TrajectoryError, fail, items, number
from .keyframes import checked_size, from_boxes
from .matching import match
from .model import DEFAULT_FPS, MAX_FRAMES, TrackedObject, Trajectory
from .sample import Sampled

if TYPE_CHECKING:
    import torch

# ComfyUI limits a picture's side to 16384; a box may reach outside, and the document's own limits are checked later.
_MAX_PIXELS = 1e6


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


def from_bounding_boxes(
    bboxes: object, *, size: Sequence[int], fps: float = DEFAULT_FPS, tolerance: float = 0.0
) -> Trajectory:
    """A trajectory from BOUNDING_BOX: a list over frames of lists of boxes, a flat list (one frame), or one box.

    Boxes are objects with "x", "y", "width", "height" and an optional "label"; other fields (score, metadata) are ignored.
    Detectors sort by score, so a box's place in the list means nothing: see `matching.match` for how boxes of
    different frames become one object. An object is hidden on the frames that lack it.
    """
    checked_size(size)
    if isinstance(bboxes, Mapping):
        bboxes = [[bboxes]]
    elif isinstance(bboxes, (list, tuple)) and bboxes and isinstance(bboxes[0], Mapping):
        bboxes = [bboxes]
    frames = items(bboxes, "bboxes", 1, MAX_FRAMES, "frames, each a list of boxes")
    boxes: list[list[tuple[float, float, float, float]]] = []
    labels: list[list[str]] = []
    for t, frame in enumerate(frames):
        entries = items(frame, f"bboxes[{t}]", 0, 1000, "boxes")
        boxes.append([_box(entry, f"bboxes[{t}][{n}]") for n, entry in enumerate(entries)])
        labels.append([entry["label"] if isinstance(entry.get("label"), str) else "" for entry in entries])
    found = match(boxes, labels)
    if not found:
        fail("bboxes", bboxes, "give at least one box (the detector found nothing)")
    boxes_TN4 = np.full((len(frames), len(found), 4), np.nan)
    for n, thing in enumerate(found):
        for t, index in thing.places:
            boxes_TN4[t, n] = boxes[t][index]
    visible_TN = ~np.isnan(boxes_TN4[..., 0])
    names = [thing.label for thing in found]
    return from_boxes(boxes_TN4, visible_TN, size=size, fps=fps, tolerance=tolerance, labels=names)


def to_tracks(sampled: Sampled) -> dict[str, torch.Tensor]:
    """TRACKS: {"track_path": float32 [T, N, 2] box centres in pixels, "track_visibility": bool [T, N]}."""
    import torch

    centres_TN2 = sampled.boxes_TN4[..., :2] + sampled.boxes_TN4[..., 2:] * 0.5
    return {
        "track_path": torch.from_numpy(centres_TN2.astype(np.float32)),
        "track_visibility": torch.from_numpy(sampled.visible_TN.copy()),
    }


def from_tracks(
    tracks: object,
    *,
    size: Sequence[int],
    box_size: Sequence[float],
    fps: float = DEFAULT_FPS,
    tolerance: float = 0.0,
) -> Trajectory:
    """A trajectory from TRACKS: each point becomes the centre of a box of `box_size` (width, height) pixels.

    "track_path" is [T, N, 2]; "track_visibility" is [T, N], or [T, 1] for all tracks together (ComfyUI writes both), or
    missing (all visible). Positions on invisible frames are not used.
    """
    data = tracks if isinstance(tracks, Mapping) else {}
    if "track_path" not in data:
        fail("tracks", tracks, 'give a TRACKS value with "track_path" and "track_visibility"')
    path_TN2 = as_numpy(data["track_path"], "track_path").astype(np.float64)
    if path_TN2.ndim != 3 or path_TN2.shape[2] != 2 or 0 in path_TN2.shape:
        refuse_shape("track_path", path_TN2, "[frames, tracks, 2]")
    visible = as_numpy(data.get("track_visibility", np.ones(path_TN2.shape[:2], dtype=bool)), "track_visibility") > 0.5
    if visible.ndim != 2 or visible.shape[0] != path_TN2.shape[0] or visible.shape[1] not in (1, path_TN2.shape[1]):
        refuse_shape("track_visibility", visible, "[frames, tracks] or [frames, 1]")
    visible_TN = np.broadcast_to(visible, path_TN2.shape[:2])
    width, height = items(box_size, "box_size", 2, 2, "numbers, (width, height) in pixels")
    extent_2 = np.array([number(side, "box_size", 0, 16384, "pixels", above=True) for side in (width, height)])
    boxes_TN4 = np.concatenate([path_TN2 - extent_2 * 0.5, np.broadcast_to(extent_2, path_TN2.shape)], axis=2)
    boxes_TN4[~visible_TN] = np.nan
    return from_boxes(boxes_TN4, visible_TN, size=size, fps=fps, tolerance=tolerance)


def to_object_mask(sampled: Sampled, n: int) -> torch.Tensor:
    """MASK float32 [T, H, W] of object `n`: 1 inside its box, clipped to the frame; all 0 where hidden or outside."""
    return _filled(sampled, [(t, n) for t in range(len(sampled.boxes_TN4))])


def to_frame_masks(sampled: Sampled, frame: int = 0) -> torch.Tensor:
    """MASK float32 [N, H, W] on one frame: one picture per object, as `to_object_mask`."""
    return _filled(sampled, [(frame, n) for n in range(sampled.boxes_TN4.shape[1])])


def from_object_mask(masks_THW: object, *, fps: float = DEFAULT_FPS, tolerance: float = 0.0) -> Trajectory:
    """One object that follows a MASK batch [T, H, W] in 0..1: its box is the bounding rectangle of values above 0.5.

    Frames with an empty mask are hidden. The document's size is the masks'.
    """
    boxes_T4, size = _mask_boxes(masks_THW)
    if np.isnan(boxes_T4).all():
        raise TrajectoryError("mask is empty on every frame: paint the object, values above 0.5 count.", "mask")
    boxes_TN4 = boxes_T4[:, None]
    return from_boxes(boxes_TN4, ~np.isnan(boxes_TN4[..., 0]), size=size, fps=fps, tolerance=tolerance)


def from_frame_masks(masks_NHW: object, *, fps: float = DEFAULT_FPS) -> Trajectory:
    """A one-frame document with one object per picture of a MASK batch [N, H, W] in 0..1, boxed as above."""
    boxes_N4, size = _mask_boxes(masks_NHW)
    empty = np.flatnonzero(np.isnan(boxes_N4[:, 0]))
    if len(empty):
        raise TrajectoryError(f"mask[{empty[0]}] is empty: paint the object (values above 0.5) or drop it.", "mask")
    boxes_1N4 = boxes_N4[None]
    return from_boxes(boxes_1N4, np.ones((1, len(boxes_N4)), dtype=np.bool_), size=size, fps=fps)


def _box(entry: object, field: str) -> tuple[float, float, float, float]:
    if not isinstance(entry, Mapping) or not {"x", "y", "width", "height"} <= entry.keys():
        fail(field, entry, "give an object with x, y, width and height in pixels")
    x, y = (number(entry[name], f"{field}.{name}", -_MAX_PIXELS, _MAX_PIXELS, "pixels") for name in ("x", "y"))
    w, h = (
        number(entry[name], f"{field}.{name}", 0, _MAX_PIXELS, "pixels", above=True) for name in ("width", "height")
    )
    return x, y, w, h


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
