"""Objects that other nodes found, frame by frame, on their way into a document: which to take, and how to write them down.

Every reader of ComfyUI's values (`from_detections`, `from_points`, `from_masks`) ends here. What a reader leaves out, it counts and says
in a note: a sentence in the caller's list, or in the log when the caller gives none.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..field_checks import TrajectoryError, fail, shorten
from ..keyframes import from_boxes
from ..model import MAX_OBJECTS, MAX_SIDE, Trajectory

_SHOWN_LABELS = 6
_RANGE = re.compile(r"([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?")


@dataclass(frozen=True, eq=False)
class Found:
    """Objects with a box per frame, before any limit of a document applies.

    Attributes:
        boxes_TN4: float64, (x, y, w, h) in pixels of `size`, (x, y) the top-left corner; NaN on frames without the object.
        labels: one per object, "" where there is none.
        size: (width, height) in pixels of the picture in which they were found.
        numbers: what `choose` calls the objects; 0, 1, 2 ... when the reader left none out.
    """

    boxes_TN4: NDArray[np.float64]
    labels: tuple[str, ...]
    size: tuple[int, int]
    numbers: tuple[int, ...]


def document_of(
    found: Found, what: str, *, fps: float, tolerance: float, choose: str = "", limit: int = MAX_OBJECTS
) -> Trajectory:
    """The document of the objects that `choose` names ("" names all), with as few keyframes as `tolerance` (pixels) allows.

    A picture with a side above 4096 pixels is described by a smaller one of the same shape: a document holds fractions of the frame.

    Raises `TrajectoryError` when more than `limit` objects are left, when `choose` names one that is not there, and as `from_boxes`.
    """
    found = chosen(found, choose, what)
    if len(found.labels) > limit:
        remedy = f"name those to use in choose, such as {_example(found)}, or let the node before find fewer"
        raise TrajectoryError(f"{what} hold {_listed(found)}, but at most {limit} are possible: {remedy}.", what)
    scale = min(1.0, MAX_SIDE / max(found.size))
    size = (round(found.size[0] * scale), round(found.size[1] * scale)) if scale < 1 else found.size
    visible_TN = ~np.isnan(found.boxes_TN4[..., 0])
    return from_boxes(
        found.boxes_TN4 * scale, visible_TN, size=size, fps=fps, tolerance=tolerance * scale, labels=found.labels
    )


def chosen(found: Found, choose: str, what: str) -> Found:
    """The objects that `choose` names: numbers, ranges (0-15) and labels, separated by commas. They keep their order.

    Raises `TrajectoryError` for an entry that names no object.
    """
    taken: set[int] = set()
    for entry in filter(None, (part.strip() for part in choose.split(","))):
        numbers = _RANGE.fullmatch(entry)
        if numbers:
            first, last = int(numbers[1]), int(numbers[2] or numbers[1])
            matching = {n for n, number in enumerate(found.numbers) if first <= number <= last}
        else:
            matching = {n for n, label in enumerate(found.labels) if label.casefold() == entry.casefold()}
        if not matching:
            fail("choose", entry, f"name objects that {what} hold: {_listed(found)}")
        taken |= matching
    if not taken:
        return found
    kept = sorted(taken)
    return Found(
        found.boxes_TN4[:, kept],
        tuple(found.labels[n] for n in kept),
        found.size,
        tuple(found.numbers[n] for n in kept),
    )


def chosen_numbers(count: int, choose: str, what: str) -> tuple[int, ...]:
    """Which of `count` objects without labels `choose` names. Raises as `chosen`."""
    return chosen(Found(np.empty((0, count, 4)), ("",) * count, (1, 1), tuple(range(count))), choose, what).numbers


def tell(notes: list[str] | None, what: str, parts: Sequence[str], ending: str) -> None:
    """Say in one sentence what was left out of `what`; nothing where there are no parts."""
    if not parts:
        return
    sentence = f"{what}: left out {', '.join(parts)}{ending}."
    if notes is None:
        logging.getLogger(__name__).warning(sentence)
    else:
        notes.append(sentence)


def counted(number: int, one: str, several: str) -> list[str]:
    """["1 frame"], ["3 frames"], or nothing for 0."""
    return [f"{number} {one if number == 1 else several}"] if number else []


def _listed(found: Found) -> str:
    """`3 objects, numbered 0 to 2 ("cat" x 2, "dog")`."""
    count = len(found.numbers)
    span = f"{found.numbers[0]} to {found.numbers[-1]}" if count > 1 else f"{found.numbers[0]}"
    amounts = Counter(label for label in found.labels if label).most_common()
    words = [f"{shorten(label)} x {amount}" if amount > 1 else shorten(label) for label, amount in amounts]
    if len(words) > _SHOWN_LABELS:
        words = [*words[:_SHOWN_LABELS], f"and {len(words) - _SHOWN_LABELS} more labels"]
    return f"{count} object{'s' if count > 1 else ''}, numbered {span}" + (f" ({', '.join(words)})" if words else "")


def _example(found: Found) -> str:
    label = Counter(found.labels).most_common(1)[0][0]
    return f"0-{MAX_OBJECTS - 1}" + (
        f" or {label}" if label and "," not in label and len(set(found.labels)) > 1 else ""
    )
