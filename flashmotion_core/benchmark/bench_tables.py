"""The benchmark's tables: headers and cells from its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = {
    "box_iou": "box IoU",
    "centre_error": "centre error",
    "lost": "lost",
    "lost_objects": "lost objects",
    "mask_iou": "mask IoU",
    "sharpness": "sharpness",
    "motion": "motion",
    "flicker": "flicker",
    "dynamic_degree": "dynamic",
    "first_frame_jump": "jump",
    "psnr": "PSNR",
}
WITH_INTERVAL = ("box_iou", "sharpness")

Cells = list[list[str | float | None]]


def figures_table(found: Mapping[str, Any], names: Sequence[str]) -> tuple[list[str], Cells]:
    """Headers and rows of figures of clips; columns in which no row has a value are left out."""
    return _table(
        found,
        [
            (title, [(row[name], row[f"{name}_95"]) for row in found["rows"]], name in WITH_INTERVAL)
            for name, title in COLUMNS.items()
            if name in names
        ],
    )


def distances_table(found: Mapping[str, Any]) -> tuple[list[str], Cells]:
    """The same of the distances to the real clips, in all extractors' features."""
    columns: list[_Column] = []
    for name, titles in found["extractors"].items():
        measured = [row["distances"][name] or {} for row in found["rows"]]
        columns.append((titles["frechet"], [(one.get("frechet"), one.get("frechet_95")) for one in measured], True))
        columns.append((titles["kernel"], [(one.get("kernel"), None) for one in measured], False))
    return _table(found, columns)


_Column = tuple[str, list[tuple[float | None, list[float] | None]], bool]
"""Title, values with their intervals, and whether these are shown."""


def _table(found: Mapping[str, Any], columns: Sequence[_Column]) -> tuple[list[str], Cells]:
    headers = ["row", "clips"]
    rows: Cells = [[row["title"], row["measured"]] for row in found["rows"]]
    for title, values, interval in columns:
        if all(value is None for value, _ in values):
            continue
        headers += [title, *(["95 %"] if interval else [])]
        for cells, (value, ends) in zip(rows, values, strict=True):
            cells.append(value)
            if interval:
                cells.append(None if ends is None else between(ends))
    return headers, rows


def between(ends: Sequence[float]) -> str:
    """An interval; large numbers need fewer decimals."""
    return " to ".join(f"{end:.3f}" if abs(end) < 10 else f"{end:.1f}" for end in ends)
