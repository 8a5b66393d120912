"""Which parts of a video become clips: windows of the wanted length inside its shots, at times that have names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.video_timing import FPS_SLACK, REPEATS
from .cuts import Shot


@dataclass(frozen=True)
class Window:
    """A part of a video.

    Attributes:
        start_ms: when it begins after the video's first frame, in whole milliseconds.
        taken: the numbers of the video's frames that are shown, one for each frame of the clip, ascending.
        given: whether a maker's own document says that there is a clip here.
    """

    start_ms: int
    taken: tuple[int, ...]
    given: bool = False

    def name(self, stem: str) -> str:
        """The name of the clip, such as ``dog-12400ms``."""
        return f"{stem}-{self.start_ms}ms"


def windows(
    times_T: NDArray[np.float64],
    shots: Sequence[Shot],
    frames: int,
    fps: float,
    given_ms: Sequence[int] = (),
    *,
    repeat_frames: bool = False,
) -> list[Window]:
    """Windows in order: those that begin at given times, and as many others as fit into the shots side by side.

    Args:
        times_T: seconds of the video's frames, from the first one on.
        shots: first and last frame of each shot; a window lies in one shot, a given one need not.
        frames: of a clip.
        fps: of a clip.
        given_ms: where given windows begin.
        repeat_frames: whether a video may have fewer frames a second, which are then repeated.

    Raises:
        ValueError: the video has fewer frames a second than `fps`, or a given window does not fit.
    """
    if not repeat_frames:
        check_rate(times_T, fps)
    found = [_given(times_T, start_ms, frames, fps) for start_ms in sorted(given_ms)]
    blocked = [(window.taken[0], window.taken[-1]) for window in found]
    for first, last in shots:
        start = first
        while start <= last:
            taken = _taken(times_T, start, last, frames, fps)
            if taken is None:
                break
            over = [end for begin, end in blocked if begin <= taken[-1] and taken[0] <= end]
            if over:
                start = max(over) + 1
                continue
            if repeat_frames or frames - len(set(taken)) <= max(1, frames // REPEATS):
                found.append(Window(round(1000 * times_T[start]), taken))
            start = max(taken[-1], start) + 1
    return sorted(found, key=lambda window: window.start_ms)


def check_rate(times_T: NDArray[np.float64], fps: float) -> None:
    """Raises ValueError for a video with fewer frames a second than a clip."""
    if len(times_T) > 1 and 1 / float(np.median(np.diff(times_T))) < FPS_SLACK * fps:
        rate = 1 / float(np.median(np.diff(times_T)))
        raise ValueError(
            f"it has {rate:.4g} frames per second, but data.fps is {fps:g}; lower data.fps, or allow data.repeat_frames"
        )


def _given(times_T: NDArray[np.float64], start_ms: int, frames: int, fps: float) -> Window:
    start = int(np.argmin(np.abs(times_T - start_ms / 1000)))
    taken = _taken(times_T, start, len(times_T) - 1, frames, fps)
    if taken is None:
        raise ValueError(
            f"a clip from {start_ms / 1000:.3f} s on has its own document, but {frames} frames at data.fps={fps:g} do not fit before the "
            "video's end; remove the document or lower data.frames"
        )
    return Window(start_ms, taken, given=True)


def _taken(times_T: NDArray[np.float64], start: int, last: int, frames: int, fps: float) -> tuple[int, ...] | None:
    """The frames nearest to the clip's even times; None if these do not end before the shot does."""
    wanted_T = times_T[start] + np.arange(frames) / fps
    gap = float(np.median(np.diff(times_T))) if len(times_T) > 1 else 1 / fps
    if wanted_T[-1] >= times_T[last] + gap / 2:
        return None
    middles = (times_T[:-1] + times_T[1:]) / 2 - gap / 1000
    taken = np.searchsorted(middles, wanted_T, side="right")
    return tuple(int(number) for number in taken)
