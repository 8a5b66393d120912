"""MOT Challenge tables: frame, id, left, top, width, height, conf, class or -1, visibility or -1, -1; no header; 1-based.

The same columns are written by trackers, by CVAT ("MOT 1.1") and by DarkLabel, some of which count frames from 0 or put
a class name at the end.
"""

from __future__ import annotations

from ..field_checks import TrajectoryError, fail
from .delimited import Cells
from .headed_tables import Columns, read_rows
from .track_table import Notice, TrackRow, TrackTable, are_fractions, counted, first_frame

_ROLES = ("frame", "id", "x", "y", "w", "h")
_CONFIDENCE, _VISIBILITY = 6, 8


def is_mot(cells: Cells) -> bool:
    """Whether the first row has at least six columns and the first six are numbers, frame and id whole ones (YOLO's second is none)."""
    first = cells.rows[0][1] if cells.rows else ()
    numbers = [cells.number(cell) for cell in first[: len(_ROLES)]]
    whole = all(number is not None and number.is_integer() for number in numbers[:2])
    return len(numbers) == len(_ROLES) and whole and None not in numbers


def read_mot(cells: Cells) -> TrackTable:
    """The boxes of a MOT table.

    Rows whose seventh column is 0 are ignored by the benchmark and left out, unless all are 0. A visibility of 0 hides.

    Raises `TrajectoryError` naming line and column.
    """
    weights = {line: cells.number(row[_CONFIDENCE]) for line, row in cells.rows if len(row) > _CONFIDENCE}
    some_count = any(weights.values())
    taken, ignored = [], []
    labels: dict[str, str] = {}
    unseen: set[str] = set()
    for line, row in cells.rows:
        place = f"line {line}"
        if len(row) < len(_ROLES):
            fail(place, f"{len(row)} columns", "give frame, id, left, top, width and height")
        number = cells.number(row[1])
        if number == -1:
            fail(
                f"{place}, id", row[1], "give each object a number by running a tracker; -1 is a detection without one"
            )
        if some_count and weights.get(line) == 0:
            ignored.append(place)
            continue
        is_whole = number is not None and number.is_integer() and abs(number) < 1e15
        name = str(int(number or 0)) if is_whole else row[1]
        if len(row) > len(_ROLES) and cells.number(row[-1]) is None:
            labels.setdefault(place, row[-1].strip())
        if len(row) > _VISIBILITY and cells.number(row[_VISIBILITY]) == 0:
            unseen.add(place)
        taken.append((line, (row[0], name, *row[2:6])))
    columns = Columns({role: index for index, role in enumerate(_ROLES)}, ("x", "y", "w", "h"), len(_ROLES))
    found, missing, last = read_rows(cells, taken, columns)
    if not found:
        raise TrajectoryError("table has no row with a box: give one row per frame and object.", "table")
    rows = [_marked(row, labels.get(row.place, ""), row.place not in unseen) for row in found]
    notices: list[Notice] = []
    counted(notices, "ignored", ignored)
    counted(notices, "left_out", missing)
    return TrackTable(
        "MOT",
        tuple(rows),
        counted_from=first_frame(rows, 1),
        fractions=are_fractions(rows),
        last_frame=last,
        notices=tuple(notices),
    )


def _marked(row: TrackRow, label: str, visible: bool) -> TrackRow:
    return row._replace(label=label, visible=visible)
