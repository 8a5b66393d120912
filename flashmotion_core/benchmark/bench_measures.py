"""All figures of one clip, as plain JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import (
    control_scores,
    dynamic_degree,
    endpoint_errors,
    first_frame_jump,
    flicker,
    group_of,
    kept_sharpness,
    lost_points,
    mask_scores,
    mean_of_clip,
    means_by_frame,
    motion,
    psnr,
)
from ..sets.point_tracks import PointTracks
from ..tracking import ObjectTracker, Tracked
from ..tracking.points import followed
from ..trajectory import sample
from ..video.frames import Frames
from .clip_set import BenchClip

Array = NDArray[np.float64]

TRACK_FIGURES = ("endpoint_error", "endpoint_pixels", "lost_points")
"""Of clips whose set has tracks."""
FIGURES = (
    "box_iou",
    "centre_error",
    "lost",
    "lost_objects",
    "mask_iou",
    *TRACK_FIGURES,
    "sharpness",
    "motion",
    "flicker",
    "dynamic_degree",
    "first_frame_jump",
    "psnr",
)
"""Of a clip; None where there is nothing to measure."""


def measure_clip(
    frames_THWC: Frames,
    clip: BenchClip,
    tracker: ObjectTracker,
    *,
    real_THWC: Frames | None = None,
    masks_TNHW: NDArray[np.bool_] | None = None,
    tracks: PointTracks | None = None,
) -> dict[str, Any]:
    """`FIGURES` of a clip, of its objects, the boxes found, and its group.

    Args:
        frames_THWC: uint8, of the document's length and size.
        clip: what was asked for.
        tracker: finds the objects, from where they are asked for on frame 0.
        real_THWC: for PSNR.
        masks_TNHW: the real objects', for a tracker of masks.
        tracks: points that are asked for.

    Raises ValueError for tracks of another length or of other objects than the clip's.
    """
    asked = clip.asked
    found = tracker(frames_THWC, first_boxes(clip))
    control = control_scores(found.boxes_TN4, asked.boxes_TN4, asked.visible_TN, asked.size)
    masks_N = (
        None
        if masks_TNHW is None or found.masks_TNHW is None
        else mask_scores(found.masks_TNHW, masks_TNHW, asked.visible_TN)
    )
    return {
        "group": group_of(len(clip.trajectory.objects)),
        "box_iou": mean_of_clip(control.box_iou_N),
        "centre_error": mean_of_clip(control.centre_error_N),
        "lost": mean_of_clip(control.lost_N),
        "lost_objects": _value(control.lost_objects),
        "mask_iou": None if masks_N is None else mean_of_clip(masks_N),
        **_track_figures(frames_THWC, clip, tracker, found, tracks),
        "sharpness": kept_sharpness(frames_THWC),
        "motion": motion(frames_THWC),
        "flicker": flicker(frames_THWC),
        "dynamic_degree": dynamic_degree(frames_THWC),
        "first_frame_jump": first_frame_jump(frames_THWC),
        "psnr": None if real_THWC is None else psnr(frames_THWC, real_THWC),
        "objects": {
            "box_iou": listed(control.box_iou_N),
            "centre_error": listed(control.centre_error_N),
            "lost": listed(control.lost_N),
            "mask_iou": None if masks_N is None else listed(masks_N),
        },
        "iou_by_frame": listed(means_by_frame(control.box_iou_TN)),
        "boxes": listed(found.boxes_TN4.round(2)),
    }


def _track_figures(
    frames_THWC: Frames, clip: BenchClip, tracker: ObjectTracker, found: Tracked, tracks: PointTracks | None
) -> dict[str, float | None]:
    if tracks is None:
        return dict.fromkeys(TRACK_FIGURES)
    objects = len(clip.trajectory.objects)
    if len(tracks.points_TK2) != len(frames_THWC) or not ((tracks.objects_K >= 0) & (tracks.objects_K < objects)).all():
        raise ValueError(
            f"its tracks have {len(tracks.points_TK2)} frames and objects up to {int(tracks.objects_K.max(initial=-1)) + 1}, "
            f"its document {len(frames_THWC)} and {objects}"
        )
    points_TK2 = tracks.points_TK2.astype(np.float64)
    found_TK2 = followed(tracker, frames_THWC, found, points_TK2[0], tracks.objects_K)
    pixels_K, share_K = endpoint_errors(found_TK2, points_TK2, tracks.visible_TK, clip.trajectory.size)
    return {
        "endpoint_error": mean_of_clip(share_K),
        "endpoint_pixels": mean_of_clip(pixels_K),
        "lost_points": mean_of_clip(lost_points(found_TK2, tracks.visible_TK)),
    }


def first_boxes(clip: BenchClip) -> Array:
    """Where the objects are asked for on frame 0 [N, 4]; NaN where hidden."""
    boxes_N4: Array = np.where(clip.asked.visible_TN[0][:, None], clip.asked.boxes_TN4[0], np.nan)
    return boxes_N4


def against_other(found: dict[str, Any], clip: BenchClip, other: BenchClip) -> dict[str, Any]:
    """The control figures of a measured clip against another clip's boxes, as many objects as both have.

    The other document is fitted to the clip's length and size. Quality is left out: it is the same clip.
    """
    asked = sample(other.trajectory, clip.trajectory.frames, clip.trajectory.size)
    boxes_TN4 = unlisted(found["boxes"])
    count = min(boxes_TN4.shape[1], asked.boxes_TN4.shape[1])
    control = control_scores(
        boxes_TN4[:, :count], asked.boxes_TN4[:, :count], asked.visible_TN[:, :count], clip.trajectory.size
    )
    return {
        **dict.fromkeys(FIGURES),
        "group": found["group"],
        "box_iou": mean_of_clip(control.box_iou_N),
        "centre_error": mean_of_clip(control.centre_error_N),
        "lost": mean_of_clip(control.lost_N),
        "lost_objects": _value(control.lost_objects),
        "iou_by_frame": listed(means_by_frame(control.box_iou_TN)),
    }


def listed(values: Array) -> list[Any]:
    """Nested lists, None for NaN."""
    found = values.astype(object)
    found[~np.isfinite(values)] = None
    lists: list[Any] = found.tolist()
    return lists


def unlisted(values: list[Any]) -> Array:
    """The array of such lists."""
    return np.array(values, dtype=np.float64)


def _value(value: float) -> float | None:
    return value if np.isfinite(value) else None
