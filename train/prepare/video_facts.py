"""What a video and its name say before it is cut: the clip's size, and documents of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from flashmotion_core.trajectory import Trajectory

from ..data.video_files import TRACK_SUFFIXES
from .found_objects import FoundObjects
from .scan import Scan
from .windows import Window

LONGEST_SIDE = 4096
"""The largest side of a document, in pixels."""


def clip_size(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) of a prepared clip: as large as `wanted` needs and never enlarged, in the video's own aspect, both even.

    Raises:
        ValueError: the video is too narrow or too long for a document.
    """
    scale = min(1.0, max(wanted[0] / size[0], wanted[1] / size[1]))
    width, height = (2 * max(1, round(side * scale / 2 + 0.24)) for side in size)
    if min(width, height) < 32 or max(width, height) > LONGEST_SIDE:
        raise ValueError(
            f"it has {size[0]} x {size[1]} pixels, which no clip with sides of 32 to {LONGEST_SIDE} can show; scale it"
        )
    return width, height


def own_document(video: Path, name: str) -> Path | None:
    """A maker's document or tracks for one clip of a video."""
    return next((path for path in (video.with_name(f"{name}{end}") for end in TRACK_SUFFIXES) if path.is_file()), None)


def own_starts(own_clips: Mapping[Path, int]) -> list[int]:
    """Where clips begin that have a document of the maker's, in milliseconds."""
    return sorted({start for path, start in own_clips.items() if path.suffix in TRACK_SUFFIXES})


def checked_document(document: Trajectory, used: FoundObjects) -> Trajectory:
    """A found document, unless an object lacks pixels on frame 0 where its box is drawn."""
    for n in range(len(document.objects)):
        if not (used.labels_THW[0] == n + 1).any():
            raise ValueError(f"object {n + 1} has no mask on the first frame")
    return document


def cut_notes(window: Window, shots: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """What a reviewer should know of a clip across shots."""
    inside = any(first <= window.taken[0] and window.taken[-1] <= last for first, last in shots)
    return () if inside else ("there is a cut in it",)


def no_window(found: Scan, shots: Sequence[tuple[int, int]], frames: int, fps: float) -> str:
    """Why a video has no clip: its longest shot is shorter than one."""
    times = found.shown.times
    longest = max((float(times[last] - times[first]) for first, last in shots), default=0.0)
    damaged = f"; {found.problem}" if found.problem else ""
    return f"its longest shot has {longest:.2f} s, but {frames} frames at data.fps={fps:g} take {frames / fps:.2f} s{damaged}"
