"""Bring objects of several documents together on one clip. Conventions: see `document.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .model import MAX_OBJECTS, TrackedObject, Trajectory
from .sample import Fit
from .transform import resize, retime, trim


def fit(trajectory: Trajectory, size: Sequence[int], frames: int, how: Fit) -> Trajectory:
    """The document on another clip: boxes keep their place in the frame; time is stretched (`retime`) or cut (`trim`).

    Raises `TrajectoryError` for a size or length outside the limits.
    """
    resized = resize(trajectory, size)
    if frames == trajectory.frames:
        return resized
    return retime(resized, frames) if how == "retime" else trim(resized, frames)


def cover(trajectory: Trajectory, size: Sequence[int]) -> Trajectory:
    """The document after its picture was scaled to cover `size` (width, height) and cropped around the centre.

    That is what ComfyUI's latent nodes do with a start image of another shape; boxes found on the picture move with it and
    may end up outside.
    """
    (width0, height0), (width, height) = trajectory.size, size
    scale = max(width / width0, height / height0)
    zoom_x, zoom_y = width0 * scale / width, height0 * scale / height
    objects = tuple(
        replace(
            tracked,
            keyframes=tuple(
                replace(
                    key,
                    x=0.5 + (key.x - 0.5) * zoom_x,
                    y=0.5 + (key.y - 0.5) * zoom_y,
                    w=key.w * zoom_x,
                    h=key.h * zoom_y,
                )
                for key in tracked.keyframes
            ),
        )
        for tracked in trajectory.objects
    )
    return resize(replace(trajectory, objects=objects), size)


def merge(base: Trajectory, others: Iterable[Trajectory]) -> Trajectory:
    """`base` with the objects of the others after its own; an id that is taken gets a number.

    Raises ValueError when there are more objects than a document can hold.
    """
    objects: list[TrackedObject] = list(base.objects)
    taken = {tracked.id for tracked in objects}
    for other in others:
        for tracked in other.objects:
            name, number = tracked.id, 2
            while name in taken:
                name, number = f"{tracked.id}-{number}", number + 1
            taken.add(name)
            objects.append(replace(tracked, id=name))
    if len(objects) > MAX_OBJECTS:
        raise ValueError(
            f"there are {len(objects)} objects together, but at most {MAX_OBJECTS} are possible; connect fewer boxes or tracks, "
            "or name those to use in choose."
        )
    return replace(base, objects=tuple(objects))
