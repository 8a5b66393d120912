"""Tracks from any tool: a text is recognised by what it holds, never by its file's name, and becomes a trajectory."""

from __future__ import annotations

from collections.abc import Sequence

from ...files.texts import without_mark
from ..document import decode_json, parse
from ..field_checks import TrajectoryError, shorten
from ..model import DEFAULT_FPS
from .coco_json import is_coco, read_coco
from .cvat_xml import read_cvat
from .darklabel import is_darklabel, read_darklabel
from .delimited import split_cells
from .headed_tables import has_header, read_headed
from .mot import is_mot, read_mot
from .track_table import ImportedTracks, TrackTable, to_trajectory

MAX_TABLE = 50_000_000
"""Characters of a text of tracks."""
_REMEDY = (
    "give a trajectory document, a table whose first line names frame, id, x, y, w, h, "
    "a MOT or DarkLabel table, CVAT's XML for video or COCO JSON"
)


def read_tracks(
    source: str,
    *,
    size: Sequence[int] | None = None,
    frames: int | None = None,
    fps: float = DEFAULT_FPS,
    tolerance: float | None = None,
    objects: Sequence[str] | None = None,
    counted_from: int | None = None,
    fractions: bool | None = None,
) -> ImportedTracks:
    """A trajectory from an untrusted text: our document, a table, MOT, DarkLabel, CVAT's XML for video, or COCO JSON.

    A document is returned as it is; the arguments are for the other kinds and mean what they do in `to_trajectory`. The
    notices say what was recognised and what was left out.

    Raises `TrajectoryError` (a `ValueError`): one sentence that names the place, the value and what to do.
    """
    found = recognise(source, size)
    if found is None:
        return ImportedTracks(parse(source))
    return to_trajectory(
        found,
        size=size,
        frames=frames,
        fps=fps,
        tolerance=tolerance,
        objects=objects,
        counted_from=counted_from,
        fractions=fractions,
    )


def recognise(source: str, size: Sequence[int] | None = None) -> TrackTable | None:
    """The table in a text, or None when the text is a trajectory document (or JSON of another kind).

    `size` is the picture's (width, height) in pixels, if known; it helps to tell corners from extents.
    """
    if len(source) > MAX_TABLE:
        raise TrajectoryError(f"table is a text of {len(source)} characters: give at most {MAX_TABLE}.", "table")
    source = without_mark(source)
    start = source.lstrip(" \t\r\n")[:1]
    if not start:
        raise TrajectoryError(f"table is empty: {_REMEDY}.", "table")
    if start in "{[":
        # A document is small; looking for COCO's words first spares decoding it twice.
        if '"annotations"' not in source:
            return None
        data = decode_json(source, "table")
        return read_coco(data) if is_coco(data) else None
    if start == "<":
        return read_cvat(source)
    cells = split_cells(source)
    if not cells.rows:
        raise TrajectoryError(f"table is empty: {_REMEDY}.", "table")
    if is_mot(cells):
        return read_mot(cells)
    if is_darklabel(cells):
        return read_darklabel(cells, size)
    if has_header(cells):
        return read_headed(cells)
    line, row = cells.rows[0]
    raise TrajectoryError(f"line {line} is {shorten(cells.separator.join(row))}: {_REMEDY}.", "table")
