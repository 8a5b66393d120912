"""Control: how well objects in a clip keep to the boxes, masks or tracks that were asked for.

Which frames of an object count:

- Frame 0 is given, so it never counts; with it, every IoU would be higher by up to 1 / T.
- An object counts only if frame 0 shows it: nobody could know what it looks like otherwise.
- A frame counts if the object is asked for there: not hidden, and at least a fifth of its box inside the frame.

On the frames that count, boxes are clipped to the frame first, those asked for and those found. An object that is not found (NaN) scores
IoU 0 and is lost; its centre error there is unknown and left out, so centre errors are read together with `lost`. What is found on frames
that do not count is ignored. Means are taken over an object's frames, then over a clip's objects, then over clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .iou import box_iou, mask_iou

Array = NDArray[np.float64]

LEAST_INSIDE = 0.2
"""The share of a box that must lie in the frame for the frame to count."""
MOSTLY = 0.5
"""An object is lost if it is not found on more than this share of its frames."""


@dataclass(frozen=True, eq=False)
class ControlScores:
    """Figures of N objects of one clip; NaN for an object none of whose frames count.

    Attributes:
        frames_N: how many frames count.
        box_iou_N: 0 to 1, mean over frames.
        centre_error_N: distance between box centres as a share of the frame's diagonal, mean over the frames where it is found.
        lost_N: share of frames where it is not found.
        box_iou_TN: the same by frame, NaN where a frame does not count.
    """

    frames_N: NDArray[np.int64]
    box_iou_N: Array
    centre_error_N: Array
    lost_N: Array
    box_iou_TN: Array

    @property
    def lost_objects(self) -> float:
        """Share of the objects that are lost on more than half of their frames; NaN if no object counts."""
        lost_N = self.lost_N[self.frames_N > 0]
        return float((lost_N > MOSTLY).mean()) if len(lost_N) else float("nan")


def control_scores(
    found_TN4: Array, asked_TN4: Array, visible_TN: NDArray[np.bool_], size: tuple[int, int]
) -> ControlScores:
    """Box IoU, centre error and lost frames, by the rules of this module.

    Args:
        found_TN4: (x, y, w, h) in pixels, top-left corner; NaN where an object was not found.
        asked_TN4, visible_TN: what `trajectory.sample` gives for the clip.
        size: (width, height) of the frame in pixels.

    Raises ValueError for shapes that differ.
    """
    if found_TN4.shape != asked_TN4.shape or visible_TN.shape != asked_TN4.shape[:2]:
        raise ValueError(
            f"the boxes found have the shape {list(found_TN4.shape)}, those asked for {list(asked_TN4.shape)}: give the same frames and objects."
        )
    counts_TN = counting(asked_TN4, visible_TN, size)
    found_TN4, asked_TN4 = clipped(found_TN4, size), clipped(asked_TN4, size)
    lost_TN = ~np.isfinite(found_TN4.sum(axis=-1))
    apart_TN2 = centres(found_TN4) - centres(asked_TN4)
    errors_TN: Array = np.hypot(apart_TN2[..., 0], apart_TN2[..., 1]) / float(np.hypot(*size))
    iou_TN = box_iou(found_TN4, asked_TN4)
    return ControlScores(
        counts_TN.sum(axis=0),
        means_of_objects(iou_TN, counts_TN),
        means_of_objects(errors_TN, counts_TN),
        means_of_objects(lost_TN.astype(np.float64), counts_TN),
        np.where(counts_TN, iou_TN, np.nan),
    )


def mask_scores(
    found_TNHW: NDArray[np.bool_], asked_TNHW: NDArray[np.bool_], shown_TN: NDArray[np.bool_] | None = None
) -> Array:
    """Mask IoU of N objects, mean over frames; NaN for an object none of whose frames count.

    Frame 0 does not count, nor does an object whose mask on frame 0 is empty. Elsewhere: both masks empty, the frame does not count; one of
    them empty, 0.

    Args:
        found_TNHW, asked_TNHW: bool.
        shown_TN: frames to leave out (False), such as hidden ones; None for none.
    """
    counts_TN = np.repeat(asked_TNHW[:1].any(axis=(-2, -1)), len(asked_TNHW), axis=0)
    counts_TN[0] = False
    return means_of_objects(mask_iou(found_TNHW, asked_TNHW), counts_TN if shown_TN is None else counts_TN & shown_TN)


def endpoint_errors(
    found_TN2: Array, asked_TN2: Array, visible_TN: NDArray[np.bool_], size: tuple[int, int]
) -> tuple[Array, Array]:
    """Endpoint error of N point tracks, mean over frames: (in pixels, as a share of the frame's diagonal).

    Frames count where the point is asked for (`visible_TN`), except frame 0, and points that frame 0 does not show count nowhere. A point
    that is not found (NaN) has no error there. NaN for a point without any.

    Raises ValueError for shapes that differ.
    """
    if found_TN2.shape != asked_TN2.shape or visible_TN.shape != asked_TN2.shape[:2]:
        raise ValueError(
            f"the tracks found have the shape {list(found_TN2.shape)}, those asked for {list(asked_TN2.shape)}: give equal ones."
        )
    counts_TN = _counting_points(visible_TN)
    apart_TN2: Array = found_TN2 - asked_TN2
    pixels_N = means_of_objects(np.hypot(apart_TN2[..., 0], apart_TN2[..., 1]), counts_TN)
    return pixels_N, pixels_N / float(np.hypot(*size))


def lost_points(found_TN2: Array, visible_TN: NDArray[np.bool_]) -> Array:
    """Share [N] of the frames that count for `endpoint_errors` on which a point is not found; NaN for a point without any."""
    lost_TN = np.asarray(~np.isfinite(found_TN2).all(axis=-1))
    return means_of_objects(lost_TN.astype(np.float64), _counting_points(visible_TN))


def _counting_points(visible_TN: NDArray[np.bool_]) -> NDArray[np.bool_]:
    counts_TN: NDArray[np.bool_] = visible_TN & visible_TN[:1]
    counts_TN[:1] = False
    return counts_TN


def counting(asked_TN4: Array, visible_TN: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which frames of which objects count, bool [T, N]: see the module."""
    inside_TN4 = clipped(asked_TN4, size)
    area_TN, whole_TN = inside_TN4[..., 2] * inside_TN4[..., 3], asked_TN4[..., 2] * asked_TN4[..., 3]
    counts_TN: NDArray[np.bool_] = visible_TN & (area_TN > 0) & (area_TN >= LEAST_INSIDE * whole_TN)
    counts_TN = counts_TN & counts_TN[:1]
    counts_TN[:1] = False
    return counts_TN


def clipped(boxes_X4: Array, size: tuple[int, int]) -> Array:
    """Boxes cut at the frame's border; one outside becomes a box of no area at the border."""
    limits = np.array(size, dtype=np.float64)
    near_X2 = np.clip(boxes_X4[..., :2], 0, limits)
    far_X2 = np.clip(boxes_X4[..., :2] + boxes_X4[..., 2:], 0, limits)
    return np.concatenate([near_X2, far_X2 - near_X2], axis=-1)


def centres(boxes_X4: Array) -> Array:
    """Centres [..., 2] of boxes (x, y, w, h)."""
    found: Array = boxes_X4[..., :2] + boxes_X4[..., 2:] / 2
    return found


def means_of_objects(values_TN: NDArray[np.floating[Any]], counts_TN: NDArray[np.bool_]) -> Array:
    """Mean [N] over the frames that count and have a value (not NaN); NaN for an object without any."""
    counts_TN = counts_TN & np.isfinite(values_TN)
    total_N = np.where(counts_TN, values_TN, 0.0).sum(axis=0)
    number_N = counts_TN.sum(axis=0)
    return np.where(number_N > 0, total_N / np.maximum(number_N, 1), np.nan)


def mean_of_clip(values_N: Array) -> float | None:
    """Mean over the objects that have a value; None if none has."""
    values_N = values_N[np.isfinite(values_N)]
    return float(values_N.mean()) if len(values_N) else None


def means_by_frame(values_TN: Array) -> Array:
    """Mean [T] over the objects that have a value, frame by frame; NaN where none has."""
    counts_T = np.isfinite(values_TN).sum(axis=1)
    return np.where(counts_T > 0, np.nansum(values_TN, axis=1) / np.maximum(counts_T, 1), np.nan)


def group_of(objects: int) -> str:
    """The group of a clip by how many objects it controls: "1" to "5", or "more"."""
    return str(objects) if objects <= 5 else "more"
