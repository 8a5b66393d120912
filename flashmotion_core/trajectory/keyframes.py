"""Boxes known frame by frame (detections, masks, tracks, tables) -> a trajectory with just enough keyframes to restore them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .document import validate
from .field_checks import TrajectoryError, fail, items, number, whole
from .model import (
    DEFAULT_FPS,
    MAX_FRAMES,
    MAX_KEYFRAMES,
    MAX_OBJECTS,
    MAX_SIDE,
    MIN_SIDE,
    Interval,
    Keyframe,
    TrackedObject,
    Trajectory,
    merge_intervals,
)

# Fractions of the frame: what float64 cannot tell from a straight line.
EXACT = 1e-9


def from_boxes(
    boxes_TN4: NDArray[np.float64],
    visible_TN: NDArray[np.bool_],
    *,
    size: Sequence[int],
    fps: float = DEFAULT_FPS,
    tolerance: float = 0.0,
    ids: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> Trajectory:
    """A trajectory of `T` frames whose samples are the given boxes.

    Args:
        boxes_TN4: (x, y, w, h) in pixels of `size`, (x, y) the top-left corner; NaN where an object has no box.
        visible_TN: False where an object is hidden; a hidden frame may have a box or NaN.
        size: (width, height) in pixels.
        fps: frame rate to write into the document.
        tolerance: pixels. A keyframe is dropped when linear interpolation between the kept ones restores every dropped
            centre and size to `tolerance`; 0 drops only what is restored to 1e-9 of the frame.
        ids: object ids; "o1", "o2", ... when None.
        labels: object labels; empty when None.

    Frames without a box become hidden, and interpolate unseen between their neighbours.

    Raises `TrajectoryError` when an object has no box at all, is visible without one, or needs more than 512 keyframes, and
    for anything outside the document's limits.
    """
    frames, count = visible_TN.shape
    assert boxes_TN4.shape == (frames, count, 4)
    width, height = checked_size(size)
    number(tolerance, "tolerance", 0, float(MAX_SIDE), "pixels")
    if count > MAX_OBJECTS:
        raise TrajectoryError(f"objects is a list of {count} items: keep at most {MAX_OBJECTS} of them.", "objects")
    whole(frames, "frames", 1, MAX_FRAMES, "length of the clip")
    scale_4 = np.array([width, height, width, height], dtype=np.float64)
    centres_TN4 = boxes_TN4 / scale_4
    centres_TN4[..., :2] += centres_TN4[..., 2:] * 0.5
    known_TN: NDArray[np.bool_] = np.all(np.isfinite(centres_TN4), axis=2)
    slack_4 = np.maximum(tolerance / scale_4, EXACT)

    objects = []
    for n in range(count):
        known_K = np.flatnonzero(known_TN[:, n])
        if not len(known_K):
            raise TrajectoryError(
                f"objects[{n}] has no box on any frame: leave it out or give it one.", f"objects[{n}]"
            )
        naked = np.flatnonzero(visible_TN[:, n] & ~known_TN[:, n])
        if len(naked):
            where = f"objects[{n}] on frame {naked[0]}"
            raise TrajectoryError(f"{where} is visible without a finite box: give its box or hide it.", f"objects[{n}]")
        kept = _needed(known_K, centres_TN4[known_K, n], slack_4)
        if len(kept) > MAX_KEYFRAMES:
            fail(
                f"objects[{n}].keyframes",
                kept,
                f"keep at most {MAX_KEYFRAMES} by raising tolerance (simplify in DrawTrajectory; now {tolerance:g} px)",
            )
        hidden_T = ~(visible_TN[:, n] & known_TN[:, n])
        objects.append(
            TrackedObject(
                id=ids[n] if ids is not None else f"o{n + 1}",
                label=labels[n] if labels is not None else "",
                keyframes=tuple(_keyframe(int(known_K[i]), centres_TN4[known_K[i], n]) for i in kept),
                hidden=_intervals(hidden_T),
            )
        )
    return validate(Trajectory(size=(width, height), frames=frames, fps=fps, objects=tuple(objects)))


def checked_size(size: Sequence[int]) -> tuple[int, int]:
    """`size` as (width, height), each 32 to 4096 pixels."""
    width, height = items(size, "size", 2, 2, "whole numbers, (width, height) in pixels")
    return (
        whole(width, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels"),
        whole(height, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels"),
    )


def _keyframe(frame: int, box_4: NDArray[np.float64]) -> Keyframe:
    x, y, w, h = box_4.tolist()
    return Keyframe(frame, x, y, w, h)


def _intervals(hidden_T: NDArray[np.bool_]) -> tuple[Interval, ...]:
    return merge_intervals([(f, f) for f in np.flatnonzero(hidden_T).tolist()])


def _needed(frames_K: NDArray[np.intp], boxes_K4: NDArray[np.float64], slack_4: NDArray[np.float64]) -> list[int]:
    """Indices of the boxes to keep as keyframes so that linear interpolation restores all others to `slack_4`.

    From each kept box the farthest box is taken whose straight line passes all boxes between within the slack: while
    looking on, the slopes that still do are an interval per coordinate that only shrinks (one pass, no recursion).
    """
    kept = [0]
    anchor = 0
    while anchor < len(frames_K) - 1:
        low_4, high_4 = np.full(4, -np.inf), np.full(4, np.inf)
        reach = anchor + 1
        for index in range(anchor + 1, len(frames_K)):
            step = float(frames_K[index] - frames_K[anchor])
            rise_4 = boxes_K4[index] - boxes_K4[anchor]
            slope_4 = rise_4 / step
            if (slope_4 >= low_4).all() and (slope_4 <= high_4).all():
                reach = index
            low_4 = np.maximum(low_4, (rise_4 - slack_4) / step)
            high_4 = np.minimum(high_4, (rise_4 + slack_4) / step)
            if (low_4 > high_4).any():
                break
        anchor = reach
        kept.append(anchor)
    # The box holds before the first and after the last keyframe.
    while len(kept) > 1 and (np.abs(boxes_K4[kept[-2] :] - boxes_K4[kept[-2]]) <= slack_4).all():
        kept.pop()
    return kept
