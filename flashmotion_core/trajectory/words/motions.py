"""What one object does in the frame, event by event: it comes, moves, pauses, turns back, leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .legs import Motion, noticeable, stretch, way_of

# Of the box's area, or of the frame's where that is smaller: less of an object is not noticed.
SEEN = 0.1
# Seconds. Shorter gaps are a detector's, shorter rests nobody sees.
GAP, REST = 0.2, 0.5
# Of the smallest move worth a word: 7 pixels of 1280 x 704, more than a detector jitters, less than a slow end creeps.
STILL = 0.125
# How much coarser to look while there is too much to tell.
COARSER = (1, 2, 4)
_RESTS = ("still", "wait", "pause", "stop")


def motions_of(
    boxes_T4: NDArray[np.float64], visible_T: NDArray[np.bool_], size: tuple[int, int], fps: float
) -> tuple[tuple[Motion, ...], ...]:
    """What an object does, in order, told ever more coarsely; empty when it is never seen. See `shortened`.

    Args:
        boxes_T4: (x, y, w, h) in pixels, (x, y) the top-left corner, w and h above 0.
        visible_T: False on hidden frames.
        size: (width, height) of the frame in pixels.
        fps: frames per second.
    """
    seen_T = _seen(boxes_T4, visible_T, size)
    if not seen_T.any():
        return ()
    for first, last in _runs(~seen_T):
        if first > 0 and last < len(seen_T) - 1 and last - first + 1 < GAP * fps:
            seen_T[first : last + 1] = True
    path_T4 = noticeable(boxes_T4, size)
    centres_T2 = (boxes_T4[:, :2] + boxes_T4[:, 2:] * 0.5) / np.array(size)
    return tuple(
        tuple(_polished(_events(path_T4 / coarser, centres_T2, seen_T, visible_T, fps))) for coarser in COARSER
    )


def shortened(tellings: tuple[tuple[Motion, ...], ...], limit: int) -> tuple[Motion, ...]:
    """The finest telling of at most `limit` (1 or more) motions; if there is none, the coarsest without those before its last."""
    for told in tellings:
        if len(told) <= limit:
            return told
    told = tellings[-1]
    if limit == 1:
        return (next((motion for motion in told if motion.kind not in _RESTS), told[0]),)
    head = told[: limit - 1]
    return (*(head[:-1] if head[-1].kind == "pause" else head), told[-1])


def _seen(boxes_T4: NDArray[np.float64], visible_T: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    limits_2 = np.array(size, dtype=np.float64)
    shown_T2 = np.minimum(boxes_T4[:, :2] + boxes_T4[:, 2:], limits_2) - np.maximum(boxes_T4[:, :2], 0.0)
    possible_T = np.minimum(boxes_T4[:, 2:].prod(axis=1), limits_2.prod())
    seen_T: NDArray[np.bool_] = visible_T & (np.maximum(shown_T2, 0.0).prod(axis=1) >= SEEN * possible_T)
    return seen_T


def _runs(flags_T: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags_T, [False]]).astype(np.int8)))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]


def _events(
    path_T4: NDArray[np.float64],
    centres_T2: NDArray[np.float64],
    seen_T: NDArray[np.bool_],
    visible_T: NDArray[np.bool_],
    fps: float,
) -> list[Motion]:
    """Comings, moves, rests (kind "pause") and goings, as they happen."""
    told: list[Motion] = []
    last_frame = len(seen_T) - 1
    for first, last in _runs(seen_T):
        again = "re" if told else ""
        if first > 0:
            outside = bool(visible_T[first - 1])
            told.append(Motion(f"{again}enter", _side(centres_T2[first - 1])) if outside else Motion(f"{again}appear"))
        told += _while_seen(path_T4[first : last + 1], centres_T2[first : last + 1], fps)
        if last < last_frame:
            outside = bool(visible_T[last + 1])
            told.append(Motion("leave", _side(centres_T2[last + 1])) if outside else Motion("disappear"))
    return told


def _side(centre_2: NDArray[np.float64]) -> int:
    """Beyond which side or corner of the frame a centre lies, as a way."""
    right, down = ((centre_2 > 1).astype(int) - (centre_2 < 0)).tolist()
    return way_of(right, down)


def _while_seen(path_T4: NDArray[np.float64], centres_T2: NDArray[np.float64], fps: float) -> list[Motion]:
    told: list[Motion] = []
    moving_from = 0
    for first, last in [*_rests(path_T4, fps), (len(path_T4) - 1, len(path_T4) - 1)]:
        told += stretch(path_T4[moving_from : first + 1], centres_T2[moving_from : first + 1])
        is_rest = last > first
        if is_rest and (not told or told[-1].kind != "pause"):
            told.append(Motion("pause"))
        moving_from = last
    return told or [Motion("pause")]


def _rests(path_T4: NDArray[np.float64], fps: float) -> list[tuple[int, int]]:
    """First and last frame of every rest."""
    steps = max(2, round(REST * fps))
    if len(path_T4) <= steps:
        return []
    windows_WCS = sliding_window_view(path_T4, steps + 1, axis=0)
    still_W = ((windows_WCS.max(axis=2) - windows_WCS.min(axis=2)) <= STILL).all(axis=1)
    resting_T = np.zeros(len(path_T4), dtype=np.bool_)
    for first, last in _runs(still_W):
        resting_T[first : last + steps + 1] = True
    # A slow drift is still in every window, but not as a whole.
    return [(a, b) for a, b in _runs(resting_T) if (np.ptp(path_T4[a : b + 1], axis=0) < 1).all()]


def _polished(told: list[Motion]) -> list[Motion]:
    """The events as one would tell them: what says the same is said once, and what refers back does."""
    told = _flags(_without_doubles(told))
    last = len(told) - 1
    polished: list[Motion] = []
    for index, motion in enumerate(told):
        if motion.kind == "pause":
            if index == 0:
                motion = Motion("still" if last == 0 else "wait")
            elif told[index - 1].kind in ("appear", "reappear"):
                continue
            elif index == last:
                motion = Motion("stop")
        polished.append(motion)
    return polished


def _without_doubles(told: list[Motion]) -> list[Motion]:
    """A move that only brings an object into the frame, or out of it, goes without saying."""
    kept: list[Motion] = []
    for motion in told:
        before = kept[-1] if kept else Motion("")
        moves_on = before.kind == "move" and before.depth == 0 and before.way is not None
        if motion.kind == "leave" and moves_on and before.way == motion.way:
            kept.pop()
            before = kept[-1] if kept else Motion("")
        if motion.kind == "leave" and before.kind == "enter" and before.way == _opposite(motion.way):
            kept[-1] = Motion("cross", motion.way)
            continue
        kept.append(motion)
    lean: list[Motion] = []
    for motion in kept:
        comes = bool(lean) and lean[-1].kind.endswith("enter")
        if comes and motion.kind == "move" and motion.way == _opposite(lean[-1].way):
            if motion.depth == 0 and not motion.across:
                continue
            motion = replace(motion, across=False)
        lean.append(motion)
    return lean


def _flags(told: list[Motion]) -> list[Motion]:
    """Moves that continue after a pause, or unseen, or back, as such."""
    flagged: list[Motion] = []
    before: Motion | None = None
    for motion in told:
        if motion.kind == "move":
            if before and (motion.way, motion.depth) == (before.way, before.depth):
                flagged.append(replace(motion, kind="continue", across=False))
            elif before and _is_back(motion, before):
                flagged.append(replace(motion, kind="return", across=False))
            else:
                flagged.append(motion)
            before = motion
            continue
        if motion.kind.endswith("enter"):
            before = Motion("move", _opposite(motion.way))
        elif motion.kind not in ("pause", "disappear", "reappear"):
            before = None
        flagged.append(motion)
    return flagged


def _is_back(motion: Motion, before: Motion) -> bool:
    if motion.way is None:
        return before.way is None and motion.depth == -before.depth
    return before.way is not None and motion.way == _opposite(before.way)


def _opposite(way: int | None) -> int | None:
    return None if way is None else (way + 4) % 8
