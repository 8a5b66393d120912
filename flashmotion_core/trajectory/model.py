"""The types of a trajectory document, its limits, and its plain JSON form. Conventions: see `document.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

VERSION = 2
MAX_OBJECTS = 64
MAX_KEYFRAMES = 512
MAX_SHAPE_SIDE = 512  # cells
MAX_RUNS = 4096  # of a shape: 13 kB of text at most
MAX_FRAMES = 1025
MIN_SIDE, MAX_SIDE = 32, 4096
MIN_CENTRE, MAX_CENTRE = -4.0, 5.0
# Not 0, so that it can be a divisor. A millionth of the frame is far below a pixel; overshooting eases stop here too.
MIN_EXTENT, MAX_EXTENT = 1e-6, 4.0
DEFAULT_FPS = 24.0
EASE_NAMES = ("linear", "hold", "in", "out", "in-out")
PATHS = ("linear", "smooth")

Bezier: TypeAlias = tuple[float, float, float, float]
Ease: TypeAlias = Literal["linear", "hold", "in", "out", "in-out"] | Bezier
Interval: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A box (centre and size, fractions of the frame) at a 0-based frame; `ease` shapes the segment that starts here.

    `ease` is a name or the (x1, y1, x2, y2) of a CSS cubic-bezier with x in [0, 1] and y in [-2, 3].
    """

    frame: int
    x: float
    y: float
    w: float
    h: float
    ease: Ease = "linear"


@dataclass(frozen=True, slots=True)
class FirstShape:
    """What an object fills of its box in frame 0: `columns` x `rows` cells, as run lengths (see `first_shape`)."""

    columns: int
    rows: int
    runs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """An object and the box that it follows: 1 to 512 keyframes with strictly increasing frames.

    `path` is how the centre travels between keyframes (`smooth`: Catmull-Rom, see `sample`). `hidden` holds inclusive
    0-based frame intervals, sorted and merged by `parse`. `color` ("#rrggbb") is for the editor only. `shape`: what it
    fills of its box in frame 0, None for all of it.
    """

    id: str
    keyframes: tuple[Keyframe, ...]
    label: str = ""
    color: str | None = None
    path: Literal["linear", "smooth"] = "linear"
    hidden: tuple[Interval, ...] = ()
    shape: FirstShape | None = None


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A parsed document: `size` is (width, height) in pixels, `frames` the clip's length, `fps` its rate."""

    size: tuple[int, int]
    frames: int
    objects: tuple[TrackedObject, ...] = ()
    fps: float = DEFAULT_FPS


def to_mapping(trajectory: Trajectory) -> dict[str, Any]:
    """The document as plain JSON values (new lists and dicts), in canonical field order.

    Its version is the oldest that can hold it, so that older FlashMotions read what they can: 2 with a shape, else 1.
    """
    shaped = any(tracked.shape is not None for tracked in trajectory.objects)
    return {
        "version": VERSION if shaped else 1,
        "size": list(trajectory.size),
        "frames": trajectory.frames,
        "fps": _plain(trajectory.fps),
        "objects": [
            {
                "id": tracked.id,
                "label": tracked.label,
                **({"color": tracked.color} if tracked.color is not None else {}),
                "path": tracked.path,
                "hidden": [list(interval) for interval in tracked.hidden],
                **({} if tracked.shape is None else {"shape": _shape_mapping(tracked.shape)}),
                "keyframes": [
                    {
                        "frame": key.frame,
                        **{name: _plain(getattr(key, name)) for name in ("x", "y", "w", "h")},
                        "ease": key.ease if isinstance(key.ease, str) else [_plain(value) for value in key.ease],
                    }
                    for key in tracked.keyframes
                ],
            }
            for tracked in trajectory.objects
        ],
    }


def merge_intervals(intervals: list[Interval]) -> tuple[Interval, ...]:
    """The same set of frames as sorted, disjoint and non-adjacent inclusive intervals."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _shape_mapping(shape: FirstShape) -> dict[str, Any]:
    return {"columns": shape.columns, "rows": shape.rows, "runs": list(shape.runs)}


def _plain(value: float) -> float | int:
    """Whole floats as integers, as JavaScript writes them; `parse` judges anything else."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
