"""Trajectories to and from CSV tables and motion deltas. Pixels of `size`; (x, y) is the box's top-left corner."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_numpy, refuse_shape
from ..document import MAX_TEXT
from ..field_checks import TrajectoryError
from ..keyframes import from_boxes
from ..model import DEFAULT_FPS, TrackedObject, Trajectory
from ..sample import Sampled
from ..tracks.delimited import split_cells
from ..tracks.headed_tables import CSV_HEADER, read_headed
from ..tracks.track_table import to_trajectory


def to_csv(sampled: Sampled, objects: Sequence[TrackedObject]) -> str:
    """CSV text with the columns frame, id, label, x, y, w, h, visible: one row per frame and object, hidden ones too.

    frame is 0-based; x, y, w, h are pixels of `sampled.size` with (x, y) the top-left corner, written so that reading
    them gives the same doubles; visible is 1 or 0. Lines end with CR LF. `objects`: the trajectory's, in the order of
    `sampled`.
    """
    table = io.StringIO()
    # RFC 4180's line end; with "\n" alone the writer would leave a carriage return in a label unquoted.
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(CSV_HEADER)
    rows = zip(sampled.boxes_TN4.tolist(), sampled.visible_TN.tolist(), strict=True)
    for frame, (boxes_N4, visible_N) in enumerate(rows):
        for tracked, box, shown in zip(objects, boxes_N4, visible_N, strict=True):
            writer.writerow([frame, tracked.id, tracked.label, *map(repr, box), int(shown)])
    return table.getvalue()


def from_csv(table: str, *, size: Sequence[int], fps: float = DEFAULT_FPS, tolerance: float = 0.0) -> Trajectory:
    """A trajectory from CSV text as `to_csv` writes it (untrusted; rows and columns in any order, any separator).

    The clip ends with the highest frame. An object is hidden on frames without a row; on rows with visible 0 it is
    hidden and the box still counts. The label is taken from an object's first row. `tolerance`: see `from_boxes`.
    Coordinates are pixels and frames count from 0; `read_tracks` reads tables of which that is not known.

    Raises `TrajectoryError` naming the line and column.
    """
    if len(table) > MAX_TEXT:
        raise TrajectoryError(f"table is a text of {len(table)} characters: give at most {MAX_TEXT}.", "table")
    found = read_headed(split_cells(table), strict=True)
    return to_trajectory(found, size=size, fps=fps, tolerance=tolerance).trajectory


def to_deltas(sampled: Sampled) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Motion as MagicMotion's planners take it: the boxes of frame 0 [N, 4] and (dx, dy, dw, dh) [T - 1, N, 4] in pixels.

    Box k + 1 = box k + delta k. The form cannot hide an object. Raises `TrajectoryError` when one is hidden.
    """
    hidden = np.argwhere(~sampled.visible_TN)
    if len(hidden):
        frame, n = hidden[0].tolist()
        raise TrajectoryError(
            f"objects[{n}] is hidden on frame {frame}: remove its hidden frames, which deltas cannot express."
        )
    return sampled.boxes_TN4[0].copy(), np.diff(sampled.boxes_TN4, axis=0)


def from_deltas(
    first_N4: object, deltas_SN4: object, *, size: Sequence[int], fps: float = DEFAULT_FPS, tolerance: float = 0.0
) -> Trajectory:
    """A trajectory from the boxes of frame 0 [N, 4] and S deltas [S, N, 4]; the clip has S + 1 frames.

    (MagicMotion's scripts keep an unused entry for frame 0 in their lists: leave it out.) `tolerance`: see `from_boxes`.
    """
    boxes_N4 = as_numpy(first_N4, "first_N4").astype(np.float64)
    steps_SN4 = as_numpy(deltas_SN4, "deltas_SN4").astype(np.float64)
    if boxes_N4.ndim != 2 or boxes_N4.shape[1] != 4:
        refuse_shape("first_N4", boxes_N4, "[objects, 4] with x, y, w, h")
    if steps_SN4.ndim != 3 or steps_SN4.shape[1:] != boxes_N4.shape:
        refuse_shape("deltas_SN4", steps_SN4, f"[frames - 1, {len(boxes_N4)}, 4] with dx, dy, dw, dh")
    boxes_TN4 = np.concatenate([boxes_N4[None], steps_SN4]).cumsum(axis=0)
    return from_boxes(boxes_TN4, np.ones(boxes_TN4.shape[:2], dtype=np.bool_), size=size, fps=fps, tolerance=tolerance)
