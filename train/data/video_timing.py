"""Which frames of a video make up a clip: the ones shown at the clip's own, even times, so that motion keeps its speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.video.video_reader import Shown, look

FPS_SLACK = 0.99  # 23.976 counts as 24: a frame is shown twice every 40 seconds
REPEATS = 25  # one frame of this many may be shown twice, as phones drop a frame now and then
UNEVEN = 1.5  # a gap this many times as long as the usual one is not jitter


def timing(
    video: Path, frames: int, fps: float | None, *, repeat_frames: bool = False
) -> tuple[Shown, tuple[int, ...], float]:
    """What a video shows, the numbers of the `frames` frames to take of it, ascending, and their rate in frames per second.

    Frame k of the clip is the one whose time is nearest to k / `fps`. Without `fps`, a video of even times gives all its frames, and one
    whose rate varies is taken at its slowest rate, so that no frame is repeated. `repeat_frames` allows a video
    slower than `fps`.

    Raises:
        ValueError: see `video_reader.look`; or the video is too short or too slow.
    """
    if fps is None:
        shown = look(video, frames=frames)
        if _is_even(shown.times[:frames]):
            _check_count(len(shown.ticks), frames)
            return shown, tuple(range(frames)), _even_rate(shown, frames)
        shown = look(video)
        fps = _slowest(shown.times, frames)
    else:
        shown = look(video, seconds=(frames + 1) / fps)
    return shown, _nearest(shown.times, frames, fps, repeat_frames), fps


def _is_even(times_T: NDArray[np.float64]) -> bool:
    gaps = np.diff(times_T)
    return not len(gaps) or bool(gaps.max() < UNEVEN * np.median(gaps))


def _even_rate(shown: Shown, frames: int) -> float:
    """The rate by the frames' times, or as the container states it, if they differ by rounding only."""
    measured = (frames - 1) / shown.times[frames - 1]
    stated = shown.rate
    return stated if stated and abs(stated / measured - 1) < 0.01 else float(measured)


def _slowest(times_T: NDArray[np.float64], frames: int) -> float:
    """The highest rate at which no frame of a clip is repeated: one frame per longest gap in the clip. A lower rate makes a longer clip."""
    gaps, longest = np.diff(times_T), 0.0
    while True:
        within = gaps[times_T[:-1] <= (frames - 1) * longest]
        if within.max() <= longest:
            break
        longest = float(within.max())
    return _rate(longest)


def _rate(gap: float) -> float:
    """Frames per second of a gap in seconds; mkv rounds times to milliseconds."""
    rate = 1 / gap
    whole = max(round(rate), 1)
    return float(whole) if abs(rate / whole - 1) < 0.005 else rate


def _nearest(times_T: NDArray[np.float64], frames: int, fps: float, repeat_frames: bool) -> tuple[int, ...]:
    if len(times_T) < 2:
        _check_count(len(times_T), frames)
    wanted_T = np.arange(frames) / fps
    gaps = np.diff(times_T)
    usual = float(np.median(gaps[times_T[:-1] <= wanted_T[-1]]))
    if 1 / usual < fps * FPS_SLACK and not repeat_frames:
        raise ValueError(
            f"it has {1 / usual:.4g} frames per second, but data.fps is {fps:g}; lower data.fps, or allow data.repeat_frames"
        )
    if wanted_T[-1] >= times_T[-1] + usual / 2:
        raise ValueError(
            f"it has {len(times_T)} frames in {times_T[-1] + usual:.2f} s, but {frames} frames at data.fps={fps:g} take {frames / fps:.2f} s; "
            "remove it, or lower data.frames"
        )
    # Ties go to the later frame. A thousandth of a gap is rounding.
    middles = (times_T[:-1] + times_T[1:]) / 2 - usual / 1000
    taken = np.searchsorted(middles, wanted_T, side="right")
    repeated = frames - len(np.unique(taken))
    if repeated > max(1, frames // REPEATS) and not repeat_frames:
        longest = int(np.argmax(np.where(times_T[:-1] <= wanted_T[-1], gaps, 0)))
        raise ValueError(
            f"it shows one frame for {gaps[longest]:.2f} s at {times_T[longest]:.2f} s, so {repeated} of {frames} frames would be repeated at "
            f"data.fps={fps:g}; lower data.fps to {_rate(gaps[longest]):.3g}, or allow data.repeat_frames"
        )
    return tuple(taken.tolist())


def _check_count(count: int, frames: int) -> None:
    if count < frames:
        raise ValueError(f"it has {count} frames, but {frames} are needed; remove it, or lower data.frames")
