"""Pure changes of a whole document: another length, at another speed or the same, and another frame size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .easing import cut_ease
from .field_checks import TrajectoryError, whole
from .keyframes import checked_size
from .model import (
    MAX_CENTRE,
    MAX_EXTENT,
    MAX_FRAMES,
    MAX_KEYFRAMES,
    MIN_CENTRE,
    MIN_EXTENT,
    Interval,
    Keyframe,
    TrackedObject,
    Trajectory,
    merge_intervals,
)
from .sample import centre_boxes, sample_times


def resize(trajectory: Trajectory, size: Sequence[int]) -> Trajectory:
    """The same motion on a frame of `size` (width, height) pixels; boxes are fractions, so they stretch with the frame.

    Raises `TrajectoryError` for a size outside 32..4096.
    """
    return replace(trajectory, size=checked_size(size))


def retime(trajectory: Trajectory, frames: int) -> Trajectory:
    """Stretch the motion over `frames` frames: keyframes and hidden frames scale, first to first and last to last.

    Keyframe frames become floor(frame * (frames - 1) / (F0 - 1) + 0.5), so a keyframe moves by up to half a frame
    (`sample(..., frames=...)` does not round: prefer it for rendering). When several keyframes of an object land on one
    frame, the one that was nearest to it stays (the earlier at a tie) with the ease of the last of them, which leads
    out; but the object's first and last keyframe always stay, and if those two meet, the last moves one frame on, or at
    the clip's end the first one frame back. In a one-frame clip only the first keyframe can stay. A frame is hidden
    exactly when `sample(..., frames=...)` says so. `fps` is kept: the clip's duration changes.

    Raises `TrajectoryError` for `frames` outside 1..1025.
    """
    frames = whole(frames, "frames", 1, MAX_FRAMES, "length of the clip")
    nearest = [int(t) for t in np.floor(sample_times(trajectory.frames, frames, "retime") + 0.5)]
    objects = tuple(
        replace(
            tracked,
            keyframes=_retimed(tracked.keyframes, trajectory.frames, frames),
            hidden=merge_intervals(
                [(f, f) for f, t in enumerate(nearest) if any(first <= t <= last for first, last in tracked.hidden)]
            ),
        )
        for tracked in trajectory.objects
    )
    return replace(trajectory, frames=frames, objects=objects)


def trim(trajectory: Trajectory, frames: int) -> Trajectory:
    """Cut the clip after `frames` frames, or make it longer; the speed stays.

    Longer: the last frame holds, box and visibility. Shorter: when a segment is cut, a keyframe with the exact box is put
    on the new last frame. Then, against the uncut document at whole frames:

    * linear path: equal to 1e-9 of the frame. The cut ease becomes the cubic-bezier of its first part; where that does
      not fit the limits of a document, the cut segment is baked into one keyframe per frame.
    * smooth path: equal to 1e-9 at the keyframes, on the last frame, and up to the keyframe before the last kept one.
      Past that, the spline has lost the point it was heading for and bends differently, by up to 4/27 of the
      change of its tangents. (`sample(..., fit="trim")` has no such error.)
    * an overshooting ease may have left the limits of a keyframe (centre -4..5, size to 4) where one is inserted: the
      inserted box is clamped to them.

    Raises `TrajectoryError` for `frames` outside 1..1025, or when baking would need more than 512 keyframes.
    """
    frames = whole(frames, "frames", 1, MAX_FRAMES, "length of the clip")
    if frames == trajectory.frames:
        return trajectory
    return replace(
        trajectory,
        frames=frames,
        objects=tuple(
            replace(
                tracked,
                keyframes=_trimmed(tracked, frames - 1, f"objects[{index}]"),
                hidden=_trimmed_hidden(tracked.hidden, trajectory.frames, frames),
            )
            for index, tracked in enumerate(trajectory.objects)
        ),
    )


def _retimed(keyframes: tuple[Keyframe, ...], frames0: int, frames: int) -> tuple[Keyframe, ...]:
    if frames == 1 or frames0 == 1:
        return (replace(keyframes[0], frame=0),)
    # In integers: frame * (frames - 1) / (frames0 - 1) rounded half up.
    span0, span = frames0 - 1, frames - 1
    new = [(2 * key.frame * span + span0) // (2 * span0) for key in keyframes]
    error = [abs(key.frame * span - frame * span0) for key, frame in zip(keyframes, new, strict=True)]
    last = len(keyframes) - 1
    if last > 0 and new[0] == new[last]:
        inner = new[0] + 1 < frames
        first_frame, last_frame = (new[0], new[0] + 1) if inner else (new[0] - 1, new[0])
        return (
            replace(keyframes[0], frame=first_frame, ease=keyframes[last - 1].ease),
            replace(keyframes[last], frame=last_frame),
        )
    groups: dict[int, list[int]] = {}
    for index, frame in enumerate(new):
        groups.setdefault(frame, []).append(index)
    kept: list[Keyframe] = []
    for frame, group in groups.items():
        stays = 0 if 0 in group else last if last in group else min(group, key=lambda index: (error[index], index))
        kept.append(replace(keyframes[stays], frame=frame, ease=keyframes[group[-1]].ease))
    return tuple(kept)


def _trimmed(tracked: TrackedObject, last: int, field: str) -> tuple[Keyframe, ...]:
    """The keyframes of an object whose clip ends at frame `last`."""
    keyframes = tracked.keyframes
    kept = [key for key in keyframes if key.frame <= last]
    if not kept:
        return (replace(keyframes[0], frame=last),)
    start = kept[-1]
    if len(kept) == len(keyframes) or start.frame == last or start.ease == "hold":
        return tuple(kept)
    share = (last - start.frame) / (keyframes[len(kept)].frame - start.frame)
    _, ease = cut_ease(start.ease, share)
    frames = [last] if ease is not None or tracked.path == "smooth" else list(range(start.frame + 1, last + 1))
    boxes_T4 = centre_boxes(tracked, np.array(frames, dtype=np.float64))
    if tracked.path == "linear" and boxes_T4[:, 2:].min() <= MIN_EXTENT:
        # The box stops shrinking at the minimum before the cut: one straight segment to the cut box would not show that.
        frames = list(range(start.frame + 1, last + 1))
        boxes_T4 = centre_boxes(tracked, np.array(frames, dtype=np.float64))
        ease = None
    if len(kept) + len(frames) > MAX_KEYFRAMES:
        raise TrajectoryError(
            f"{field}.keyframes[{len(kept) - 1}].ease is {start.ease}: give it an ease without overshoot before cutting "
            f"the clip to {last + 1} frames, which would need {len(kept) + len(frames)} keyframes (at most {MAX_KEYFRAMES}).",
            f"{field}.keyframes",
        )
    boxes_T4[:, :2] = boxes_T4[:, :2].clip(MIN_CENTRE, MAX_CENTRE)
    boxes_T4[:, 2:] = boxes_T4[:, 2:].clip(MIN_EXTENT, MAX_EXTENT)
    kept[-1] = replace(start, ease=ease or "linear")
    for frame, (x, y, w, h) in zip(frames, boxes_T4.tolist(), strict=True):
        kept.append(Keyframe(frame, x, y, w, h))
    return tuple(kept)


def _trimmed_hidden(hidden: tuple[Interval, ...], frames0: int, frames: int) -> tuple[Interval, ...]:
    if frames < frames0:
        return tuple((first, min(last, frames - 1)) for first, last in hidden if first < frames)
    return tuple((first, frames - 1 if last == frames0 - 1 else last) for first, last in hidden)
