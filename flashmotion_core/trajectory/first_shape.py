"""An object's shape in frame 0: a small picture of cells, stretched over the box that the object has there.

Cells are fractions of the box, so whatever moves, resizes or crops the box does the same to the shape. In the document they
are run lengths, row by row, beginning with the cells outside (0 of them if the first cell is inside).

A pixel (column, row) of the picture is inside where the cell floor((column + 0.5 - x) * columns / w + 2**-20), likewise in y,
is, with (x, y, w, h) the unclipped box in pixels. Where that leaves no pixel inside the picture, the shape counts as the
filled rectangle that `control_map` draws. `web/editor/model/first_shape.js` is the same, held to the same golden vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .field_checks import fail, fields, items, whole
from .model import MAX_RUNS, MAX_SHAPE_SIDE, FirstShape


def parse_shape(value: object, field: str) -> FirstShape:
    """A shape from its JSON object. Raises `TrajectoryError`."""
    data: Mapping[str, Any] = fields(value, field, ("columns", "rows", "runs"), ())
    columns = whole(data["columns"], f"{field}.columns", 1, MAX_SHAPE_SIDE, "cells across the box")
    rows = whole(data["rows"], f"{field}.rows", 1, MAX_SHAPE_SIDE, "cells down the box")
    cells = MAX_SHAPE_SIDE**2
    runs = tuple(
        whole(run, f"{field}.runs[{index}]", 1 if index else 0, cells, "cells outside, inside, outside ...")
        for index, run in enumerate(items(data["runs"], f"{field}.runs", 2, MAX_RUNS, "numbers of cells"))
    )
    if sum(runs) != columns * rows:
        fail(f"{field}.runs", runs, f"make them add up to columns * rows, {columns * rows}, they are {sum(runs)}")
    return FirstShape(columns, rows, runs)


def to_cells(shape: FirstShape) -> NDArray[np.bool_]:
    """The cells that are inside, bool [rows, columns]."""
    inside = np.arange(len(shape.runs)) % 2 == 1
    return np.repeat(inside, shape.runs).reshape(shape.rows, shape.columns)


def from_cells(cells_HW: NDArray[np.bool_]) -> FirstShape:
    """The shape of cells [rows, columns], each side 1 to 512. Raises `TrajectoryError` as `parse_shape`, also if none is inside."""
    flat = np.asarray(cells_HW, dtype=np.bool_).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    runs = [0, *runs] if len(flat) and flat[0] else runs
    return parse_shape({"columns": cells_HW.shape[1], "rows": cells_HW.shape[0], "runs": runs}, "shape")


def inside_picture(
    shape: FirstShape, box_4: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.bool_], int, int]:
    """Its pixels in a picture: bool [h, w], and where they begin (left, top); h or w may be 0, and none may be inside."""
    columns, x = _cells_seen(box_4[0], box_4[2], shape.columns, size[0])
    rows, y = _cells_seen(box_4[1], box_4[3], shape.rows, size[1])
    if not len(columns) or not len(rows):
        return np.zeros((0, 0), dtype=np.bool_), 0, 0
    return to_cells(shape)[y][:, x], int(columns[0]), int(rows[0])


def _cells_seen(start: float, extent: float, count: int, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Along one axis: the pixels that see a cell, and the cell that each sees."""
    first, last = max(int(np.floor(start)) - 1, 0), min(int(np.ceil(start + extent)) + 1, limit)
    pixels = np.arange(first, max(last, first))
    cells = np.floor((pixels + 0.5 - start) * count / extent + 2.0**-20).astype(np.int64)
    seen = (cells >= 0) & (cells < count)
    return pixels[seen], cells[seen]
