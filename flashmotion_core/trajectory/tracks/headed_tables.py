"""Tables whose first line names the columns: FlashMotion's own CSV in any order, and corner tables (x1, y1, x2, y2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..field_checks import TrajectoryError, fail, text
from .delimited import Cells, is_nothing
from .track_table import Notice, TrackRow, TrackTable, are_fractions, counted

CSV_HEADER = ("frame", "id", "label", "x", "y", "w", "h", "visible")
_NO_LETTERS = re.compile(r"[^a-z0-9]")
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "frame": (
        *("frame", "frameid", "framenumber", "frameno", "framenum", "frameidx", "frameindex", "framenr", "fn", "f"),
    ),
    "id": (
        *("id", "objectid", "objid", "object", "obj", "trackid", "track", "trackingid", "trackerid", "instanceid"),
        *("targetid", "personid", "tid", "oid"),
    ),
    "label": ("label", "class", "classname", "cname", "category", "categoryname", "name", "type", "classlabel"),
    "x": ("x", "x1", "xmin", "xtl", "left", "bbleft", "bboxleft", "boxleft", "bboxx", "bboxx1", "bboxxmin"),
    "y": ("y", "y1", "ymin", "ytl", "top", "bbtop", "bboxtop", "boxtop", "bboxy", "bboxy1", "bboxymin"),
    "w": ("w", "width", "bbwidth", "bboxwidth", "boxwidth", "bboxw"),
    "h": ("h", "height", "bbheight", "bboxheight", "boxheight", "bboxh"),
    "x2": ("x2", "xmax", "xbr", "right", "bbright", "bboxright", "boxright", "bboxx2", "bboxxmax"),
    "y2": ("y2", "ymax", "ybr", "bottom", "bbbottom", "bboxbottom", "boxbottom", "bboxy2", "bboxymax"),
    "cx": ("cx", "xc", "xcenter", "xcentre", "centerx", "centrex"),
    "cy": ("cy", "yc", "ycenter", "ycentre", "centery", "centrey"),
    "visible": ("visible", "visibility", "isvisible", "vis"),
    "hidden": ("hidden", "outside", "lost", "invisible"),
}
_ROLES = {name: role for role, names in _SYNONYMS.items() for name in names}
_TRUE, _FALSE = ("true", "yes", "y", "t"), ("false", "no", "n", "f")
_LAYOUTS = (("x", "y", "w", "h"), ("x", "y", "x2", "y2"), ("cx", "cy", "w", "h"))
_REMEDY = f"give the header {','.join(CSV_HEADER)}, or x1,y1,x2,y2 in place of x,y,w,h"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns are: `roles` maps a role to its index, `layout` names the four numbers of a box."""

    roles: Mapping[str, int]
    layout: tuple[str, str, str, str]
    count: int
    unused: tuple[str, ...] = ()


def has_header(cells: Cells) -> bool:
    """Whether the first row names columns: it has no number."""
    return bool(cells.rows) and not any(cells.number(cell) is not None for cell in cells.rows[0][1])


def read_headed(cells: Cells, *, strict: bool = False) -> TrackTable:
    """The boxes of a table with a header.

    `strict` reads FlashMotion's own table as it was written: spaces belong to ids, coordinates are pixels, frames count
    from 0, and a box without a value is an error. Otherwise units and first frame are recognised, and such boxes counted.

    Raises `TrajectoryError` naming line and column.
    """
    line, names = cells.rows[0] if cells.rows else (1, ())
    columns = _columns(names, f"line {line}", cells.separator)
    own = set(columns.roles) == set(CSV_HEADER)
    rows, missing, last = read_rows(cells, cells.rows[1:], columns, strict=strict)
    if not rows:
        if missing:
            raise TrajectoryError(f"{missing[0]} has no box, and no other row has one: give x, y, w and h.", "table")
        raise TrajectoryError("table has a header but no rows: give one row per frame and object.", "table")
    notices: list[Notice] = []
    counted(notices, "left_out", missing)
    if columns.unused:
        notices.append(Notice("columns", (", ".join(columns.unused),)))
    lowest = min(row.frame for row in rows)
    return TrackTable(
        "FlashMotion CSV" if own else "CSV with a header",
        tuple(rows),
        counted_from=1 if lowest == 1 and not own else 0,
        fractions=not strict and are_fractions(rows),
        last_frame=last,
        notices=tuple(notices),
    )


def read_rows(
    cells: Cells, rows: Sequence[tuple[int, tuple[str, ...]]], columns: Columns, *, strict: bool = False
) -> tuple[list[TrackRow], list[str], int]:
    """The boxes of rows, the places of rows without one, and the last frame of all."""
    found: list[TrackRow] = []
    missing: list[str] = []
    last = 0
    for line, row in rows:
        place = f"line {line}"
        if len(row) != columns.count and not (len(row) > columns.count and not any(row[columns.count :])):
            fail(place, f"{len(row)} columns", f"give {columns.count} columns, as line {cells.rows[0][0]} has")
        values = {role: row[index] for role, index in columns.roles.items()}
        frame = _whole(cells, values["frame"], f"{place}, frame")
        last = max(last, frame)
        label = _name(values.get("label", ""), strict)
        name = _name(values.get("id", values.get("label", "object")), strict)
        text(name, f"{place}, id", 1, 64, "the object's id")
        text(label, f"{place}, label", 0, 120, "the object's label")
        box = _box(cells, values, place, columns.layout, strict)
        if box is None:
            missing.append(place)
        else:
            found.append(TrackRow(place, frame, name, label, box, _shown(cells, values, place)))
    return found if strict else _apart(found), missing, last


def _columns(names: Sequence[str], place: str, separator: str) -> Columns:
    roles: dict[str, int] = {}
    unused = []
    for index, name in enumerate(names):
        role = _ROLES.get(_NO_LETTERS.sub("", name.lower()))
        if role in roles and role not in ("id", "label"):
            fail(
                f"{place}, column {index + 1}",
                name.strip(),
                f"keep one column of this kind, as {names[roles[role]].strip()} is",
            )
        if role is None or role in roles:
            unused.append(name.strip())
        else:
            roles[role] = index
    layout = next((layout for layout in _LAYOUTS if set(layout) <= roles.keys()), None)
    if layout is None or "frame" not in roles:
        fail(place, separator.join(names), _REMEDY)
    extra = {"x", "y", "w", "h", "x2", "y2", "cx", "cy"} - set(layout)
    unused += [names[index].strip() for role, index in roles.items() if role in extra]
    used = {role: index for role, index in roles.items() if role not in extra}
    # An empty name is a column that pandas writes for its row numbers, or one that a spreadsheet left behind.
    return Columns(used, layout, len(names), tuple(name for name in unused if name))


def _whole(cells: Cells, cell: str, field: str) -> int:
    value = cells.number(cell)
    if value is None or not value.is_integer() or not 0 <= value < 10**9:
        fail(field, cell, "give a whole number from 0 (the frame)")
    return int(value)


def _name(cell: str, strict: bool) -> str:
    return cell if strict else cell.strip()


def _shown(cells: Cells, values: Mapping[str, str], place: str) -> bool:
    shown = True
    for role in ("visible", "hidden"):
        if role not in values:
            continue
        cell = values[role].strip().lower()
        value = cells.number(cell)
        if cell in _TRUE or (value is not None and 0 < value <= 1):
            said = True
        elif cell in _FALSE or value == 0:
            said = False
        else:
            meaning = "1 (visible) or 0 (hidden)" if role == "visible" else "1 (hidden) or 0 (visible)"
            fail(f"{place}, {role}", values[role], f"give {meaning}")
        shown &= said == (role == "visible")
    return shown


def _box(
    cells: Cells, values: Mapping[str, str], place: str, layout: tuple[str, str, str, str], strict: bool
) -> tuple[float, float, float, float] | None:
    if not strict and any(is_nothing(values[role]) for role in layout):
        return None
    a, b, c, d = (_pixels(cells, values[role], f"{place}, {role}") for role in layout)
    if layout == ("x", "y", "x2", "y2"):
        w, h = c - a, d - b
    else:
        w, h = c, d
    for role, extent in zip(layout[2:], (w, h), strict=True):
        if extent < 0 or (strict and extent == 0):
            wanted = f"above {role[0]}1" if role in ("x2", "y2") else "above 0"
            fail(f"{place}, {role}", values[role], f"give a finite number {wanted}")
    if w == 0 or h == 0:
        return None
    return (a - w / 2, b - h / 2, w, h) if layout[0] == "cx" else (a, b, w, h)


def _pixels(cells: Cells, cell: str, field: str) -> float:
    value = cells.number(cell)
    if value is None or not -1e6 <= value <= 1e6:
        fail(field, cell, "give a finite number from -1e+06 to 1e+06")
    return value + 0.0


def _apart(rows: list[TrackRow]) -> list[TrackRow]:
    """The same rows; where ids count within a label (two boxes of a frame share one), the label becomes part of the id."""
    seen: dict[tuple[int, str], str] = {}
    for row in rows:
        if seen.setdefault((row.frame, row.id), row.label) != row.label:
            return [row._replace(id=f"{row.label} {row.id}") for row in rows]
    return rows
