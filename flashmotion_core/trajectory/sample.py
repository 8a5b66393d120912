"""Keyframes -> one box per frame and object. `web/editor/model/sample.js` is the same arithmetic, held to the same golden vectors.

Conventions: the document stores box **centres** as fractions of the frame; everything that `sample` returns is
(x, y, w, h) in **pixels** with (x, y) the box's **top-left corner**.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .easing import as_bezier, bezier_fraction
from .field_checks import choice, items, whole
from .model import MAX_FRAMES, MAX_SIDE, MIN_EXTENT, MIN_SIDE, FirstShape, Keyframe, TrackedObject, Trajectory

Fit = Literal["retime", "trim"]


@dataclass(frozen=True, eq=False)
class Sampled:
    """What `sample` returns.

    Attributes:
        boxes_TN4: float64, (x, y, w, h) in pixels of `size`, top-left corner and size, not clipped to the frame, not
            rounded; also given for hidden frames. N follows the document's object order.
        visible_TN: bool, False on the object's hidden frames. (A visible box may lie outside the frame.)
        size: (width, height) in pixels.
        shapes: what each object fills of its box on frame 0, None for all of it; empty: no object has a shape.
    """

    boxes_TN4: NDArray[np.float64]
    visible_TN: NDArray[np.bool_]
    size: tuple[int, int]
    shapes: tuple[FirstShape | None, ...] = ()


def sample(
    trajectory: Trajectory,
    frames: int | None = None,
    size: Sequence[int] | None = None,
    *,
    fit: Fit = "retime",
) -> Sampled:
    """The boxes of every object on every frame of a clip.

    Args:
        trajectory: a parsed document.
        frames: length of the clip, 1 to 1025; the document's own when None.
        size: (width, height) in pixels, 32 to 4096 each; the document's own when None.
        fit: what happens when the clip's length is not the document's. "retime" stretches the motion over the clip:
            frame f shows the continuous curve at t = f * (F0 - 1) / (frames - 1), nothing is rounded to keyframes (t = 0
            when either has one frame). "trim" keeps the speed: t = min(f, F0 - 1), the last frame holds.

    Returns: `Sampled` (`boxes_TN4` float64 pixels, top-left corner; `visible_TN` bool).

    How, per object, all in IEEE doubles (`+ - * /`, sqrt, comparisons; no other function is used):

    1. Segment: the last keyframe with frame <= t and the next one. Time share x = (t - frame0) / (frame1 - frame0).
    2. Travelled share u = ease(x): x for "linear", 0 for "hold", else `easing.bezier_fraction` (54 bisections).
    3. w, h, and x, y of a linear path: b0 + (b1 - b0) * u. Before the first and after the last keyframe: its box.
    4. x, y of a smooth path: `spline_centres`.
    5. w, h below 1e-6 (an ease that overshoots while shrinking) are set to 1e-6, the document's own minimum.
    6. Corner: (cx - w * 0.5) * width, (cy - h * 0.5) * height; size: w * width, h * height.
    7. An object is hidden when the frame nearest to t, floor(t + 0.5), is in one of its hidden intervals.

    Raises `TrajectoryError` for `frames`, `size` or `fit` out of range.
    """
    choice(fit, "fit", ("retime", "trim"))
    frame_count = trajectory.frames if frames is None else whole(frames, "frames", 1, MAX_FRAMES, "length of the clip")
    width, height = items(trajectory.size if size is None else size, "size", 2, 2, "whole numbers, (width, height)")
    width = whole(width, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels")
    height = whole(height, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels")

    t_T = sample_times(trajectory.frames, frame_count, fit)
    nearest_T = np.floor(t_T + 0.5)
    boxes_TN4 = np.empty((frame_count, len(trajectory.objects), 4))
    visible_TN = np.ones((frame_count, len(trajectory.objects)), dtype=np.bool_)
    for n, tracked in enumerate(trajectory.objects):
        boxes_T4 = centre_boxes(tracked, t_T)
        boxes_TN4[:, n, 0] = (boxes_T4[:, 0] - boxes_T4[:, 2] * 0.5) * width
        boxes_TN4[:, n, 1] = (boxes_T4[:, 1] - boxes_T4[:, 3] * 0.5) * height
        boxes_TN4[:, n, 2] = boxes_T4[:, 2] * width
        boxes_TN4[:, n, 3] = boxes_T4[:, 3] * height
        for first, last in tracked.hidden:
            visible_TN[(nearest_T >= first) & (nearest_T <= last), n] = False
    shapes = tuple(tracked.shape for tracked in trajectory.objects)
    return Sampled(boxes_TN4, visible_TN, (width, height), shapes if any(shapes) else ())


def sample_times(frames0: int, frames: int, fit: Fit) -> NDArray[np.float64]:
    """Document times t_T (in frames of a document of `frames0` frames) that a clip of `frames` frames shows."""
    f_T = np.arange(frames, dtype=np.float64)
    if fit == "trim":
        return np.minimum(f_T, float(frames0 - 1))
    return f_T * float(frames0 - 1) / float(max(frames - 1, 1))


def centre_boxes(tracked: TrackedObject, t_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised (centre x, centre y, w, h) [T, 4] of one object at the times `t_T` (frames, fractions allowed)."""
    frames_K = np.array([key.frame for key in tracked.keyframes], dtype=np.float64)
    boxes_K4 = np.array([(key.x, key.y, key.w, key.h) for key in tracked.keyframes], dtype=np.float64)
    last = len(frames_K) - 1
    k_T = np.searchsorted(frames_K, t_T, side="right") - 1
    inside_T = (k_T >= 0) & (k_T < last)
    start_T = np.clip(k_T, 0, last)
    end_T = np.minimum(start_T + 1, last)

    span_T = np.where(inside_T, frames_K[end_T] - frames_K[start_T], 1.0)
    x_T = np.where(inside_T, (t_T - frames_K[start_T]) / span_T, 0.0)
    u_T = _eased(tracked.keyframes, start_T, x_T)
    boxes_T4 = boxes_K4[start_T] + (boxes_K4[end_T] - boxes_K4[start_T]) * u_T[:, None]
    if tracked.path == "smooth" and last > 0:
        centres_T2 = spline_centres(boxes_K4[:, :2], np.minimum(start_T, last - 1), u_T)
        boxes_T4[inside_T, :2] = centres_T2[inside_T]
    boxes_T4[:, 2:] = np.maximum(boxes_T4[:, 2:], MIN_EXTENT)
    return boxes_T4


def spline_centres(
    points_K2: NDArray[np.float64], segment_T: NDArray[np.intp], u_T: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points [T, 2] of the centripetal Catmull-Rom spline through `points_K2`, at share `u_T` of segment `segment_T`.

    Centripetal (Yuksel, Schaefer, Keyser 2011: knot distance = sqrt of the chord, in normalised coordinates) because it
    has no cusp or loop inside a segment, however unevenly keyframes are placed. The knot parameter runs linearly with the
    *travelled share* u, so a segment keeps its duration and easing. With d[k] = sqrt(|P[k+1] - P[k]|) and, for an inner
    point, v[k] = (P[k] - P[k-1]) / d[k-1] - (P[k+1] - P[k-1]) / (d[k-1] + d[k]) + (P[k+1] - P[k]) / d[k]:

        m0 = d[k] * v[k], m1 = d[k] * v[k+1]   (a tangent without two distinct neighbours is the chord P[k+1] - P[k])
        p(u) = P[k] + u * (m0 + u * ((3 * chord - 2 * m0 - m1) + u * (m0 + m1 - 2 * chord)))

    Outside [0, 1] (overshooting ease) the path continues straight: P[k] + u * m0, P[k+1] + (u - 1) * m1.
    """
    chords_S2 = points_K2[1:] - points_K2[:-1]
    d_S = np.sqrt(np.sqrt(chords_S2[:, 0] * chords_S2[:, 0] + chords_S2[:, 1] * chords_S2[:, 1]))[:, None]
    m0_S2, m1_S2 = chords_S2.copy(), chords_S2.copy()
    before, after = d_S[:-1], d_S[1:]
    distinct = (before > 0.0) & (after > 0.0)
    safe_before, safe_after = np.where(distinct, before, 1.0), np.where(distinct, after, 1.0)
    through = points_K2[2:] - points_K2[:-2]
    v_I2 = chords_S2[:-1] / safe_before - through / (safe_before + safe_after) + chords_S2[1:] / safe_after
    m0_S2[1:] = np.where(distinct, after * v_I2, m0_S2[1:])
    m1_S2[:-1] = np.where(distinct, before * v_I2, m1_S2[:-1])

    u, p0, p1 = u_T[:, None], points_K2[segment_T], points_K2[segment_T + 1]
    m0, m1, chord = m0_S2[segment_T], m1_S2[segment_T], chords_S2[segment_T]
    inner = p0 + u * (m0 + u * ((3.0 * chord - 2.0 * m0 - m1) + u * (m0 + m1 - 2.0 * chord)))
    outer: NDArray[np.float64] = np.where(u < 0.0, p0 + u * m0, p1 + (u - 1.0) * m1)
    return np.where((u < 0.0) | (u > 1.0), outer, inner)


def _eased(keyframes: tuple[Keyframe, ...], start_T: NDArray[np.intp], x_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Travelled share per frame, from the time share and the ease of the segment's first keyframe."""
    hold_K = np.array([key.ease == "hold" for key in keyframes])
    beziers = [as_bezier(key.ease) for key in keyframes]
    curved_K = np.array([bezier is not None for bezier in beziers])
    u_T = np.where(hold_K[start_T], 0.0, x_T)
    curved_T = curved_K[start_T]
    if curved_T.any():
        control_K4 = np.array([bezier or (0.0, 0.0, 1.0, 1.0) for bezier in beziers])
        u_T[curved_T] = bezier_fraction(x_T[curved_T], control_K4[start_T[curved_T]])
    return u_T
