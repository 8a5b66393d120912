"""Whether objects are where they were asked to be: the figures of one clip, by the rules of `metrics.keeping`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.metrics import control_scores, mean_of_clip
from flashmotion_core.metrics.keeping import centres, clipped, counting
from flashmotion_core.tracking import ObjectTracker
from flashmotion_core.trajectory import Trajectory, sample
from flashmotion_core.video.frames import Frames

Array = NDArray[np.float64]
Scores = dict[str, float | None]
"""Values of one clip by measure; None where there is nothing to measure."""

TRACKED = ("box_iou", "mask_iou", "centre_error", "endpoint_error", "lost")


def control_of(frames_THWC: Frames, asked: Trajectory, tracker: ObjectTracker) -> Scores:
    """`TRACKED` of a clip; no mask IoU, as a tracker of boxes finds none.

    Args:
        frames_THWC: uint8.
        asked: where its objects were asked to be, of the clip's length and size.
        tracker: is told where they are on frame 0.
    """
    frames, height, width, _ = frames_THWC.shape
    boxes = sample(asked, frames, (width, height))
    found = tracker(frames_THWC, np.where(boxes.visible_TN[0][:, None], boxes.boxes_TN4[0], np.nan))
    control = control_scores(found.boxes_TN4, boxes.boxes_TN4, boxes.visible_TN, boxes.size)
    counts_TN = counting(boxes.boxes_TN4, boxes.visible_TN, boxes.size)
    return {
        "box_iou": mean_of_clip(control.box_iou_N),
        "mask_iou": None,
        "centre_error": mean_of_clip(control.centre_error_N),
        "endpoint_error": mean_of_clip(endpoint_errors_of(found.boxes_TN4, boxes.boxes_TN4, counts_TN, boxes.size)),
        "lost": mean_of_clip(control.lost_N),
    }


def endpoint_errors_of(
    found_TN4: Array, asked_TN4: Array, counts_TN: NDArray[np.bool_], size: tuple[int, int]
) -> Array:
    """How far each object ends from where it should: box centres on the last frame that counts, as a share of the diagonal.

    An object that is lost by then ends where it was last seen, or where it began if it never was. NaN where no frame counts.
    """
    found_TN2, asked_TN2 = centres(clipped(found_TN4, size)), centres(clipped(asked_TN4, size))
    errors_N = np.full(counts_TN.shape[1], np.nan)
    for n, counts_T in enumerate(counts_TN.T):
        if not counts_T.any():
            continue
        last = int(np.flatnonzero(counts_T)[-1])
        seen = np.flatnonzero(np.isfinite(found_TN2[: last + 1, n]).all(axis=1))
        place_2 = found_TN2[seen[-1], n] if len(seen) else asked_TN2[0, n]
        errors_N[n] = np.hypot(*(place_2 - asked_TN2[last, n])) / float(np.hypot(*size))
    return errors_N
