"""CVAT's export "CVAT for video 1.1": tracks of boxes with outside, occluded and keyframe flags; frames count from 0."""

from __future__ import annotations

from collections.abc import Mapping

from ..field_checks import TrajectoryError, fail
from ..model import MAX_SIDE, MIN_SIDE
from .delimited import Cells
from .small_xml import XmlElement, read_xml
from .track_table import Notice, TrackRow, TrackTable, counted

_CELLS = Cells((), ",")
_SHAPES = ("polygon", "polyline", "points", "cuboid", "mask", "skeleton", "ellipse", "rectangle")


def read_cvat(source: str) -> TrackTable:
    """The tracks of a file. Between a track's boxes CVAT moves straight, and a box stays until one is outside.

    Raises `TrajectoryError` naming line and attribute.
    """
    rows: list[TrackRow] = []
    missing: list[str] = []
    shapes: dict[str, int] = {}
    sides: dict[str, int] = {}
    length: int | None = None
    occluded = images = 0
    track = ("", "")
    for part in read_xml(source):
        place = f"line {part.line}"
        if not isinstance(part, XmlElement):
            if part.path[:2] == ("annotations", "meta") and part.path[-2:-1] == ("original_size",):
                sides.setdefault(part.path[-1], _whole(part.text, f"{place}, {part.path[-1]}"))
            elif part.path[:2] == ("annotations", "meta") and part.path[-1] == "size" and len(part.path) == 4:
                length = _whole(part.text, f"{place}, size")
            continue
        if len(part.path) == 1 and part.path[0] != "annotations":
            fail(place, part.path[0], 'export the task as "CVAT for video 1.1", whose root is annotations')
        if part.path == ("annotations", "image"):
            images += 1
        elif part.path == ("annotations", "track"):
            track = (_attribute(part, "id"), part.attributes.get("label", ""))
        elif part.path == ("annotations", "track", "box"):
            row = _row(part, *track)
            if row is None:
                missing.append(place)
                continue
            rows.append(row)
            occluded += row.visible and _flag(part, "occluded")
        elif part.path[:2] == ("annotations", "track") and len(part.path) == 3 and part.path[2] in _SHAPES:
            shapes[part.path[2]] = shapes.get(part.path[2], 0) + 1
    if not rows:
        what = f"pictures instead of tracks (images: {images})" if images else "no boxes in tracks"
        raise TrajectoryError(
            f'table has {what}: draw tracks in CVAT and export them as "CVAT for video 1.1".',
            "table",
        )
    notices: list[Notice] = []
    counted(notices, "left_out", missing)
    if shapes:
        notices.append(Notice("shapes", (str(sum(shapes.values())), ", ".join(shapes))))
    if occluded:
        notices.append(Notice("occluded", (str(occluded),)))
    return TrackTable(
        "CVAT XML for video",
        tuple(rows),
        size=_size(sides),
        last_frame=length - 1 if length else None,
        holds=True,
        notices=tuple(notices),
    )


def _row(part: XmlElement, name: str, label: str) -> TrackRow | None:
    place = f"line {part.line}"
    left, top, right, bottom = (
        _pixels(_attribute(part, side), f"{place}, {side}") for side in ("xtl", "ytl", "xbr", "ybr")
    )
    frame = _whole(_attribute(part, "frame"), f"{place}, frame")
    for side, extent in (("xbr", right - left), ("ybr", bottom - top)):
        if extent < 0:
            fail(f"{place}, {side}", part.attributes[side], f"give a number that is not before {side[0]}tl")
    hidden = _flag(part, "outside")
    if right == left or bottom == top:
        return None
    return TrackRow(place, frame, name, label, (left, top, right - left, bottom - top), not hidden)


def _attribute(part: XmlElement, name: str) -> str:
    if name not in part.attributes:
        raise TrajectoryError(
            f'line {part.line}, {name} is missing in {part.path[-1]}: export the task as "CVAT for video 1.1".', "table"
        )
    return part.attributes[name]


def _flag(part: XmlElement, name: str) -> bool:
    value = part.attributes.get(name, "0")
    if value not in ("0", "1"):
        fail(f"line {part.line}, {name}", value, "give 1 or 0")
    return value == "1"


def _whole(cell: str, field: str) -> int:
    value = _CELLS.number(cell)
    if value is None or not value.is_integer() or not 0 <= value < 10**9:
        fail(field, cell, "give a whole number from 0")
    return int(value)


def _pixels(cell: str, field: str) -> float:
    value = _CELLS.number(cell)
    if value is None or not -1e6 <= value <= 1e6:
        fail(field, cell, "give a finite number from -1e+06 to 1e+06")
    return value + 0.0


def _size(sides: Mapping[str, int]) -> tuple[int, int] | None:
    if not {"width", "height"} <= sides.keys():
        return None
    for side in ("width", "height"):
        if not MIN_SIDE <= sides[side] <= MAX_SIDE:
            fail(f"{side} of the file", sides[side], f"export a video of {MIN_SIDE} to {MAX_SIDE} pixels a side")
    return sides["width"], sides["height"]
