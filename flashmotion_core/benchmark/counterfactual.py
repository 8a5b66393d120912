"""Other boxes for the same frame 0: a model that only continues what frame 0 suggests keeps to the set's boxes, and not to these."""

from __future__ import annotations

from dataclasses import replace

from ..trajectory import Trajectory
from ..trajectory.model import TrackedObject
from .clip_set import BenchClip


def turned(clip: BenchClip) -> BenchClip:
    """The clip with every object going the opposite way from where it starts; there is no real clip of that, and no masks."""
    return BenchClip(clip.name, turned_document(clip.trajectory))


def turned_document(trajectory: Trajectory) -> Trajectory:
    """Every object's path mirrored at its first keyframe, which frame 0 shows; centres stay in the frame. Sizes and times are kept."""
    return replace(trajectory, objects=tuple(_turned(tracked) for tracked in trajectory.objects))


def _turned(tracked: TrackedObject) -> TrackedObject:
    start = tracked.keyframes[0]
    keyframes = tuple(
        replace(key, x=_mirrored(key.x, start.x), y=_mirrored(key.y, start.y)) for key in tracked.keyframes
    )
    return replace(tracked, keyframes=keyframes)


def _mirrored(value: float, start: float) -> float:
    """Start stays as it is, wherever it is; what would leave the frame stops at its border."""
    return start if value == start else min(max(2 * start - value, 0.0), 1.0)
