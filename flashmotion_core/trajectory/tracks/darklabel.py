"""Tables without a header whose second column is a name: DarkLabel's, and frame, label, x1, y1, x2, y2.

DarkLabel's own format for video is frame, class, id, x, y, w, h; its users also choose x1, y1, x2, y2. Which one it is must
show in the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..field_checks import TrajectoryError
from .delimited import Cells
from .headed_tables import Columns, read_rows
from .track_table import Notice, TrackTable, are_fractions, counted, first_frame

_CORNERS, _EXTENTS = ("x", "y", "x2", "y2"), ("x", "y", "w", "h")


def is_darklabel(cells: Cells) -> bool:
    """Whether the first row is a number, a name, perhaps an id, and four numbers."""
    first = cells.rows[0][1] if cells.rows else ()
    return (
        len(first) in (6, 7)
        and cells.number(first[0]) is not None
        and cells.number(first[1]) is None
        and all(cells.number(cell) is not None for cell in first[-4:])
    )


def read_darklabel(cells: Cells, size: Sequence[int] | None = None, corners: bool | None = None) -> TrackTable:
    """The boxes of such a table.

    Args:
        cells: the table.
        size: (width, height) of the picture in pixels, if known: boxes that reach outside it are corners.
        corners: the last two columns are a corner (True) or an extent (False); None asks the numbers.

    Raises `TrajectoryError` naming line and column, and when the numbers can mean both.
    """
    count = len(cells.rows[0][1])
    names = ("frame", "label", "x", "y") if count == 6 else ("frame", "label", "id", "x", "y")
    layout = _CORNERS if (_are_corners(cells, size) if corners is None else corners) else _EXTENTS
    columns = Columns({role: index for index, role in enumerate((*names, *layout[2:]))}, layout, count)
    rows, missing, last = read_rows(cells, cells.rows, columns)
    if not rows:
        raise TrajectoryError("table has no row with a box: give one row per frame and object.", "table")
    notices: list[Notice] = []
    counted(notices, "left_out", missing)
    kind = "DarkLabel" if count == 7 else "CSV without a header"
    return TrackTable(
        f"{kind} ({', '.join((*names, *layout[2:]))})",
        tuple(rows),
        counted_from=first_frame(rows, 0 if count == 7 else int(min(row.frame for row in rows) == 1)),
        fractions=are_fractions(rows),
        last_frame=last,
        notices=tuple(notices),
    )


def _are_corners(cells: Cells, size: Sequence[int] | None) -> bool:
    """Whether the last two columns are a corner. Raises `TrajectoryError` when they could also be an extent."""
    reach = [0.0, 0.0]
    for _, row in cells.rows:
        numbers = [cells.number(cell) for cell in row[-4:]]
        if len(numbers) < 4 or None in numbers:
            continue
        x, y, c, d = (value or 0.0 for value in numbers)
        if c <= x or d <= y:
            return False
        reach = [max(reach[0], x + c), max(reach[1], y + d)]
    if max(reach) <= 4:
        size = (1, 1)  # fractions of the frame
    if size is not None and (reach[0] > size[0] or reach[1] > size[1]):
        return True
    raise TrajectoryError(
        "table does not say whether its last two columns are a width and height or a corner: write a first line above it, "
        "frame,label,x,y,w,h or frame,label,x1,y1,x2,y2 (with id after label, if there is one).",
        "table",
    )
