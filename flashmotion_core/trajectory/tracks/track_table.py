"""Boxes as a tool's table lists them, and the trajectory that they make. (Which tools: see `import_tracks.py`.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..field_checks import TrajectoryError, fail, shorten, text, whole
from ..keyframes import checked_size, from_boxes
from ..model import DEFAULT_FPS, MAX_FRAMES, MAX_OBJECTS, Trajectory

_MOST_SHOWN = 12
# Tried one after the other, in pixels, when exact boxes need more keyframes than an object may have.
_TOLERANCES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

NOTICES = {
    "read_as": "It is read as {0} (objects: {1}, frames: {2}).",
    "counted_from": "Its frames are counted from {0}.",
    "fractions": "Its coordinates are taken as fractions of the frame.",
    "pixels": "Its coordinates are taken as pixels of {0} x {1}.",
    "chosen": "Objects taken: {0} of {1}.",
    "left_out": "Boxes left out, because they have no value or no extent: {0} (the first is {1}).",
    "ignored": "Boxes left out, because the file marks them as ignored: {0} (the first is {1}).",
    "columns": "Columns not used: {0}.",
    "occluded": "Boxes marked as occluded, which stay visible: {0}.",
    "shapes": "Shapes left out, because they are not boxes: {0} ({1}).",
    "by_name": "Its pictures have no frame numbers and are taken in the order of their file names.",
    "by_id": "Its pictures have no frame numbers and are taken in the order of their ids.",
    "simplified": "Its boxes are simplified within {0} pixels, because an object needs more than 512 keyframes otherwise.",
}
"""What an import may say, by name; the editor has the same names in its languages."""


class Notice(NamedTuple):
    """Something that a reader decided or left out: a key of `NOTICES` and its values."""

    name: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return NOTICES[self.name].format(*self.values)


class TrackRow(NamedTuple):
    """One box: its place in the file, the frame as the file counts it, (x, y, w, h) with the top-left corner."""

    place: str
    frame: int
    id: str
    label: str
    box: tuple[float, float, float, float]
    visible: bool = True


@dataclass(frozen=True, slots=True)
class TrackTable:
    """What a file says.

    Attributes:
        format: the kind of file, for people.
        rows: in the file's order; not empty.
        counted_from: 0 or 1, the number of the file's first frame.
        fractions: coordinates are fractions of the frame, not pixels.
        size: (width, height) of the picture in pixels, if the file says it.
        last_frame: the clip's last frame as the file counts it, if the file says it.
        holds: a box moves straight to the next row's and stays after the last one; otherwise no row means hidden.
        notices: what the reader decided or left out.
    """

    format: str
    rows: tuple[TrackRow, ...]
    counted_from: int = 0
    fractions: bool = False
    size: tuple[int, int] | None = None
    last_frame: int | None = None
    holds: bool = False
    notices: tuple[Notice, ...] = ()


class ImportedTracks(NamedTuple):
    """An imported trajectory and what is to be said about the import."""

    trajectory: Trajectory
    notices: tuple[Notice, ...] = ()


def to_trajectory(
    table: TrackTable,
    *,
    size: Sequence[int] | None = None,
    frames: int | None = None,
    fps: float = DEFAULT_FPS,
    tolerance: float | None = None,
    objects: Sequence[str] | None = None,
    counted_from: int | None = None,
    fractions: bool | None = None,
) -> ImportedTracks:
    """The trajectory of a table's rows.

    Args:
        table: from a reader.
        size: (width, height) in pixels of the picture, used where the file does not say it.
        frames: the least length of the clip; objects are hidden where the file has no more rows.
        fps: frame rate to write into the document.
        tolerance: pixels, see `from_boxes`; None is exact where 512 keyframes suffice, else the smallest that fits.
        objects: ids of the objects to take; None takes all.
        counted_from: 0 or 1 in place of what the reader recognised.
        fractions: coordinates are fractions (True) or pixels (False), in place of what the reader recognised.

    Raises `TrajectoryError` naming the place in the file.
    """
    known = table.size or size
    if known is None:
        raise TrajectoryError(
            f"size is missing, and {table.format} does not say how large the picture is: give its width and height in pixels.",
            "size",
        )
    width, height = checked_size(known)
    first = table.counted_from if counted_from is None else counted_from
    scaled = table.fractions if fractions is None else fractions
    labels: dict[str, str] = {}
    for row in table.rows:
        labels.setdefault(row.id, row.label)
    chosen = _chosen(labels, objects)
    boxes: dict[str, dict[int, TrackRow]] = {name: {} for name in chosen}
    for row in table.rows:
        if row.id in boxes:
            frame = _frame(row.frame, row.place, first)
            if frame in boxes[row.id]:
                raise TrajectoryError(
                    f"{row.place} is a second box for frame {row.frame} of {shorten(row.id)}: keep one.", "table"
                )
            boxes[row.id][frame] = row
    length = 1 + max(frame for found in boxes.values() for frame in found)
    if table.last_frame is not None:
        length = max(length, min(table.last_frame - first + 1, MAX_FRAMES))
    if frames is not None:
        length = max(length, whole(frames, "frames", 1, MAX_FRAMES, "least length of the clip"))
    boxes_TN4 = np.full((length, len(chosen), 4), np.nan)
    visible_TN = np.zeros((length, len(chosen)), dtype=np.bool_)
    for n, found in enumerate(boxes.values()):
        for frame, row in found.items():
            boxes_TN4[frame, n] = row.box
            visible_TN[frame, n] = row.visible
        if table.holds:
            _hold(boxes_TN4[:, n], visible_TN[:, n], found)
    if scaled:
        boxes_TN4 *= np.array([width, height, width, height], dtype=np.float64)
    ids = [text(name, "id", 1, 64, "the object's id") for name in chosen]
    names = [text(labels[name], f"label of {shorten(name)}", 0, 120, "the object's label") for name in chosen]
    last: TrajectoryError | None = None
    for slack in _TOLERANCES if tolerance is None else (tolerance,):
        try:
            trajectory = from_boxes(
                boxes_TN4, visible_TN, size=(width, height), fps=fps, tolerance=slack, ids=ids, labels=names
            )
        except TrajectoryError as error:
            if "by raising tolerance" not in str(error):
                raise
            last = error
            continue
        notices = [Notice("read_as", (table.format, str(len(ids)), str(length))), Notice("counted_from", (str(first),))]
        if scaled:
            notices.append(Notice("fractions"))
        elif table.size is None:
            notices.append(Notice("pixels", (str(width), str(height))))
        if len(chosen) < len(labels):
            notices.append(Notice("chosen", (str(len(chosen)), str(len(labels)))))
        notices += table.notices
        if tolerance is None and slack:
            notices.append(Notice("simplified", (f"{slack:g}",)))
        return ImportedTracks(trajectory, tuple(notices))
    assert last is not None
    raise last


def are_fractions(rows: Sequence[TrackRow]) -> bool:
    """Whether no box is larger than 1 or reaches beyond 2: pixels would make boxes too small to see."""
    return all(w <= 1 and h <= 1 and x >= -1 and y >= -1 and x + w <= 2 and y + h <= 2 for x, y, w, h in _boxes(rows))


def first_frame(rows: Sequence[TrackRow], usual: int) -> int:
    """Where a file begins to count: at 0 if it has a frame 0, else where its format usually does."""
    return 0 if any(row.frame == 0 for row in rows) else usual


def counted(notices: list[Notice], name: str, places: Sequence[str]) -> None:
    """Append how many places were met, and the first of them; nothing if none was."""
    if places:
        notices.append(Notice(name, (str(len(places)), places[0])))


def _boxes(rows: Sequence[TrackRow]) -> list[tuple[float, float, float, float]]:
    return [row.box for row in rows]


def _frame(frame: int, place: str, first: int) -> int:
    last = MAX_FRAMES - 1 + first
    return whole(frame, f"{place}, frame", first, last, f"counted from {first}; cut a longer table") - first


def _chosen(labels: dict[str, str], objects: Sequence[str] | None) -> list[str]:
    """The ids to take, in the file's order."""
    wanted = list(labels) if objects is None else [name for name in labels if name in set(objects)]
    for name in objects or ():
        if name not in labels:
            fail("objects", name, f"choose from the file's {_listed(labels)}")
    if len(wanted) > MAX_OBJECTS:
        raise TrajectoryError(
            f"table has {len(wanted)} objects ({_listed(wanted)}): choose at most {MAX_OBJECTS} of them by their ids.",
            "objects",
        )
    if not wanted:
        raise TrajectoryError(f"objects is empty: choose from the file's {_listed(labels)}.", "objects")
    return wanted


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    shown = [shorten(name) for name in list(names)[:_MOST_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else "")


def _hold(boxes_T4: NDArray[np.float64], visible_T: NDArray[np.bool_], found: dict[int, TrackRow]) -> None:
    """Fill what lies between the rows: straight lines from visible boxes, nothing after hidden ones."""
    frames = sorted(found)
    for start, end in zip(frames, [*frames[1:], len(boxes_T4)], strict=True):
        if not visible_T[start]:
            continue
        for frame in range(start + 1, end):
            share = (frame - start) / (end - start)
            goal = boxes_T4[end] if end in found else boxes_T4[start]
            boxes_T4[frame] = boxes_T4[start] + (goal - boxes_T4[start]) * share
            visible_T[frame] = True
