"""Which of several results is best: that which keeps to the boxes and is still sharp. Likeness to the real clip (PSNR) favours blur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def score(figures: Mapping[str, Any]) -> float | None:
    """Box IoU times sharpness, which counts as a ratio to the real clip's up to 1: neither blur nor noise gains. None without box IoU.

    Args:
        figures: a row of metrics.json, or a validation's values; ``box_iou`` and ``sharpness`` may be None.
    """
    box_iou, sharpness = figures.get("box_iou"), figures.get("sharpness")
    return None if box_iou is None else float(box_iou) * (1.0 if sharpness is None else min(1.0, float(sharpness)))


def best_of(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row of the highest score; the first of equals. Rows that nothing was tracked in come last, the sharpest of them first."""

    def rank(row: Mapping[str, Any]) -> tuple[float, float]:
        found = score(row)
        return (-1.0 if found is None else found), min(1.0, float(row["sharpness"] or 0.0))

    return max(rows, key=rank)
