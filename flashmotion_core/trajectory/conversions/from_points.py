"""Points that move, without a size -> boxes of one size around them: ComfyUI's TRACKS, and the coordinate strings of spline editors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numpy, refuse_shape
from ..document import decode
from ..field_checks import TrajectoryError, fail, items, number
from ..model import DEFAULT_FPS, MAX_FRAMES, Trajectory
from .found import Found, counted, document_of, tell

_MAX_TRACKS = 1000
_MAX_PIXELS = 1e6
# Several lists one after the other, as nodes that join texts write them.
_NEXT_LIST = re.compile(r"\]\s*,?\s*\[")


def from_tracks(
    tracks: object,
    *,
    size: Sequence[int],
    box_size: Sequence[float],
    fps: float = DEFAULT_FPS,
    tolerance: float = 0.0,
    choose: str = "",
    notes: list[str] | None = None,
) -> Trajectory:
    """A trajectory from TRACKS: each point becomes the centre of a box of `box_size` (width, height) pixels.

    "track_path" is [T, N, 2]; "track_visibility" is [T, N], or [T, 1] for all tracks together (ComfyUI writes both), or
    missing (all visible). Both may stand in a batch of one. Positions on invisible frames are not used.

    Left out, counted and said: visible points that are NaN or infinite, and tracks without any visible point.

    Args:
        tracks: the value.
        size: (width, height) in pixels of the picture that the points were found on.
        box_size: (width, height) in pixels of every box.
        fps, tolerance, choose: see `found.document_of`.
        notes: takes the sentence about what was left out; logged when None.
    """
    data = tracks if isinstance(tracks, Mapping) else {}
    if "track_path" not in data:
        fail("tracks", tracks, 'give a TRACKS value with "track_path" and "track_visibility"')
    path_TN2 = _unbatched(as_numpy(data["track_path"], "track_path"), 3).astype(np.float64)
    if path_TN2.ndim != 3 or path_TN2.shape[2] != 2 or 0 in path_TN2.shape:
        refuse_shape("track_path", path_TN2, "[frames, tracks, 2]")
    seen = data.get("track_visibility")
    if seen is None:
        seen = np.ones(path_TN2.shape[:2], dtype=bool)
    visible = _unbatched(as_numpy(seen, "track_visibility"), 2) > 0.5
    if visible.ndim != 2 or visible.shape[0] != path_TN2.shape[0] or visible.shape[1] not in (1, path_TN2.shape[1]):
        refuse_shape("track_visibility", visible, "[frames, tracks] or [frames, 1]")
    path_TN2[~np.broadcast_to(visible, path_TN2.shape[:2])] = np.nan
    lost = int((~np.isfinite(path_TN2).all(axis=2) & visible).sum())
    return _boxes_around(
        path_TN2,
        counted(lost, "visible point that is not finite", "visible points that are not finite"),
        what="tracks", size=size, box_size=box_size, fps=fps, tolerance=tolerance, choose=choose, notes=notes,
    )  # fmt: skip


def is_coordinates(value: object) -> TypeGuard[str | list[Any]]:
    """Whether a value of the input `trajectory` is a list of points, as KJNodes' spline editor writes it, and not a document."""
    if isinstance(value, str):
        return re.match(r"[\s\[]*\[\s*\{\s*['\"][xy]['\"]", value[:1000]) is not None
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(value, list) and isinstance(first, Mapping) and {"x", "y"} <= first.keys()


def from_coordinates(
    source: str | list[Any],
    *,
    size: Sequence[int],
    box_size: Sequence[float],
    fps: float = DEFAULT_FPS,
    tolerance: float = 0.0,
    choose: str = "",
    notes: list[str] | None = None,
) -> Trajectory:
    """A trajectory from coordinate strings: `[{"x": 100, "y": 200}, ...]`, one point per frame, one list or several.

    Coordinates are pixels of `size`. Where all of them lie in 0..1 and are not all whole, they are fractions of it, and a note says so.
    A list of one point stands still. A list that is shorter than the longest is hidden after its end, and a note counts those.

    Args and errors: see `from_tracks`.
    """
    lists = _lists(source)
    frames = max(map(len, lists))
    path_TN2 = np.full((frames, len(lists), 2), np.nan)
    for n, points in enumerate(lists):
        path_TN2[: len(points), n] = points
        if len(points) == 1:
            path_TN2[:, n] = points[0]
    known = path_TN2[np.isfinite(path_TN2)]
    if known.min() >= 0 and known.max() <= 1 and (known % 1).any():
        path_TN2 *= np.array(size, dtype=np.float64)
        if notes is not None:
            notes.append("trajectory: its coordinates lie between 0 and 1, so they count as fractions of the picture.")
    short = sum(1 < len(points) < frames for points in lists)
    lists_are = f"{short} shorter list{'s' if short > 1 else ''}"
    ends = [f"the frames after the end of {lists_are} (the longest has {frames} points)"] if short else []
    return _boxes_around(
        path_TN2, ends,
        what="trajectory", size=size, box_size=box_size, fps=fps, tolerance=tolerance, choose=choose, notes=notes,
    )  # fmt: skip


def _boxes_around(
    path_TN2: NDArray[np.float64],
    parts: list[str],
    *,
    what: str,
    size: Sequence[int],
    box_size: Sequence[float],
    fps: float,
    tolerance: float,
    choose: str,
    notes: list[str] | None,
) -> Trajectory:
    """The document of boxes around points, NaN where hidden; `parts` says what the reader has left out before."""
    width, height = items(box_size, "box_size", 2, 2, "numbers, (width, height) in pixels")
    extent_2 = np.array([number(side, "box_size", 0, 16384, "pixels", above=True) for side in (width, height)])
    path_TN2[~np.isfinite(path_TN2).all(axis=2)] = np.nan
    shown = np.flatnonzero(~np.isnan(path_TN2[..., 0]).all(axis=0))
    count = path_TN2.shape[1]
    if not len(shown):
        raise TrajectoryError(
            f"{what} hold {count} track{'s' if count > 1 else ''} without a visible, finite point: connect tracks that are seen.",
            what,
        )
    never = counted(count - len(shown), "track without a visible point", "tracks without a visible point")
    tell(notes, what, [*parts, *never], f" of {count} track{'s' if count > 1 else ''} on {len(path_TN2)} frames")
    path_TN2 = path_TN2[:, shown]
    boxes_TN4 = np.concatenate([path_TN2 - extent_2 * 0.5, np.broadcast_to(extent_2, path_TN2.shape)], axis=2)
    boxes_TN4[np.isnan(path_TN2[..., 0])] = np.nan
    wide, high = items(size, "size", 2, 2, "whole numbers, (width, height) in pixels")
    found = Found(boxes_TN4, ("",) * len(shown), (wide, high), tuple(shown.tolist()))
    return document_of(found, what, fps=fps, tolerance=tolerance, choose=choose)


def _lists(source: str | list[Any]) -> list[list[tuple[float, float]]]:
    """The points of each list, checked."""
    data: Any = source
    if isinstance(source, str):
        text = _NEXT_LIST.sub("],[", source.strip())
        data = decode(f"[{text}]" if text.startswith("[") and not re.match(r"\[\s*\[", text) else text)
    elif source and isinstance(source[0], Mapping):
        data = [source]
    lists = items(data, "trajectory", 1, _MAX_TRACKS, "lists of points")
    return [
        [
            _point(point, f"trajectory[{n}][{t}]")
            for t, point in enumerate(items(points, f"trajectory[{n}]", 1, MAX_FRAMES, "points, one per frame"))
        ]
        for n, points in enumerate(lists)
    ]


def _point(point: object, field: str) -> tuple[float, float]:
    if not isinstance(point, Mapping) or not {"x", "y"} <= point.keys():
        fail(field, point, "give an object with x and y in pixels")
    x, y = (number(point[name], f"{field}.{name}", -_MAX_PIXELS, _MAX_PIXELS, "pixels") for name in ("x", "y"))
    return x, y


def _unbatched(array: NDArray[Any], dimensions: int) -> NDArray[Any]:
    """Without a leading batch of one, as point trackers write it."""
    return array[0] if array.ndim == dimensions + 1 and array.shape[0] == 1 else array
