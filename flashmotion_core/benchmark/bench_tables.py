"""The benchmark's tables: headers and cells from its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..metrics.titles import TITLES
from ..reports.cells import Value, figure

WITH_INTERVAL = ("box_iou", "mask_iou", "endpoint_error", "sharpness")

Cells = list[list[Value]]


def figures_table(found: Mapping[str, Any], names: Sequence[str]) -> tuple[list[str], Cells]:
    """Headers and rows of figures of clips; columns in which no row has a value are left out."""
    return _table(
        found,
        [
            (title, [figure(row[name], row[f"{name}_95"] if name in WITH_INTERVAL else None) for row in found["rows"]])
            for name, title in TITLES.items()
            if name in names
        ],
    )


def distances_table(found: Mapping[str, Any]) -> tuple[list[str], Cells]:
    """The same of the distances to the real clips, in all extractors' features."""
    columns: list[_Column] = []
    for name, titles in found["extractors"].items():
        measured = [row["distances"][name] or {} for row in found["rows"]]
        columns.append((titles["frechet"], [figure(one.get("frechet"), one.get("frechet_95")) for one in measured]))
        columns.append((titles["kernel"], [figure(one.get("kernel")) for one in measured]))
    return _table(found, columns)


_Column = tuple[str, list[Value]]
"""Title and cells."""


def _table(found: Mapping[str, Any], columns: Sequence[_Column]) -> tuple[list[str], Cells]:
    headers = ["row", "clips"]
    rows: Cells = [[row["title"], row["measured"]] for row in found["rows"]]
    for title, values in columns:
        if all(value is None for value in values):
            continue
        headers.append(title)
        for cells, value in zip(rows, values, strict=True):
            cells.append(value)
    return headers, rows
