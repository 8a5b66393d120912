"""The numbers that are saved, as the editor saves them (`web/editor/edit/rounded.js`): at most 6 decimals, a thousandth of a pixel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from .model import Keyframe, TrackedObject, Trajectory

STEPS = 1e6


def rounded(trajectory: Trajectory, kept: Iterable[TrackedObject] = ()) -> Trajectory:
    """The trajectory with its numbers rounded, exact halves up.

    Args:
        trajectory: valid, and so is what comes back.
        kept: objects whose numbers a person wrote: they keep every digit.
    """
    as_written = set(kept)
    objects = tuple(
        tracked if tracked in as_written else replace(tracked, keyframes=tuple(map(_key, tracked.keyframes)))
        for tracked in trajectory.objects
    )
    return replace(trajectory, objects=objects)


def round_number(value: float) -> float:
    """At most 6 decimals, without a negative zero."""
    steps = value * STEPS
    below = math.floor(steps)
    return (below + (steps - below >= 0.5)) / STEPS


def _key(key: Keyframe) -> Keyframe:
    x, y, w, h = map(round_number, (key.x, key.y, key.w, key.h))
    ease = key.ease
    if not isinstance(ease, str):
        x1, y1, x2, y2 = map(round_number, ease)
        ease = x1, y1, x2, y2
    return replace(key, x=x, y=y, w=w, h=h, ease=ease)
