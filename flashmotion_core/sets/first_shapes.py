"""Masks of frame 0 as the shapes of a document's objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..trajectory import FirstShape, Trajectory, from_cells, sample
from ..trajectory.model import MAX_RUNS, MAX_SHAPE_SIDE


def with_shapes(trajectory: Trajectory, labels_HW: NDArray[np.uint8]) -> Trajectory:
    """The document with the shape of each object whose box holds pixels of its label (n, from 1) on frame 0; others keep theirs."""
    sampled = sample(trajectory)
    objects = []
    for n, tracked in enumerate(trajectory.objects):
        shape = shape_in(labels_HW == n + 1, sampled.boxes_TN4[0, n]) if sampled.visible_TN[0, n] else None
        objects.append(tracked if shape is None else replace(tracked, shape=shape))
    return replace(trajectory, objects=tuple(objects))


def shape_in(mask_HW: NDArray[np.bool_], box_4: NDArray[np.float64]) -> FirstShape | None:
    """What a mask fills of a box (x, y, w, h) in pixels, a cell per pixel where limits allow; None if it fills nothing of it."""
    x, y, wide, high = box_4.tolist()
    columns, rows = (min(MAX_SHAPE_SIDE, max(1, round(side))) for side in (wide, high))
    while True:
        across = np.floor(x + (np.arange(columns) + 0.5) * wide / columns).astype(np.int64)
        down = np.floor(y + (np.arange(rows) + 0.5) * high / rows).astype(np.int64)
        inside_W, inside_H = (across >= 0) & (across < mask_HW.shape[1]), (down >= 0) & (down < mask_HW.shape[0])
        cells = np.zeros((rows, columns), dtype=np.bool_)
        cells[np.ix_(inside_H, inside_W)] = mask_HW[np.ix_(down[inside_H], across[inside_W])]
        if not cells.any():
            return None
        if np.count_nonzero(np.diff(cells.ravel())) + 2 <= MAX_RUNS:
            return from_cells(cells)
        columns, rows = max(1, columns // 2), max(1, rows // 2)
