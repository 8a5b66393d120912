"""BOUNDING_BOX, ComfyUI's value for what a detector found, and boxes like it -> a trajectory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..field_checks import TrajectoryError, fail, items, number, plain
from ..model import DEFAULT_FPS, MAX_FRAMES, Trajectory
from .found import Found, counted, document_of, tell
from .matching import Box, match

# ComfyUI limits a picture's side to 16384; a box may reach outside, and the document's own limits are checked later.
_MAX_PIXELS = 1e6
_SIDES = ("x", "y", "width", "height")


def from_bounding_boxes(
    bboxes: object,
    *,
    size: Sequence[int],
    fps: float = DEFAULT_FPS,
    tolerance: float = 0.0,
    choose: str = "",
    notes: list[str] | None = None,
) -> Trajectory:
    """A trajectory from BOUNDING_BOX: a list over frames of lists of boxes, a flat list (one frame), or one box.

    Boxes are objects with "x", "y", "width", "height" (numbers of Python, numpy or torch) and an optional "label" (text or number);
    other fields (score, metadata) are ignored. In a list over frames, a frame may also be one box alone. Detectors sort by score, so a
    box's place in the list means nothing: see `matching.match` for how boxes of different frames become one object. An object is hidden
    on the frames that lack it.

    Left out, counted and said: frames that are None or empty, boxes that are None, have no width or height, or have a coordinate that is
    NaN or infinite.

    Args:
        bboxes: the value.
        size: (width, height) in pixels of the picture that the boxes were found on.
        fps, tolerance, choose: see `found.document_of`.
        notes: takes the sentence about what was left out; logged when None.
    """
    frames = _frames_of(bboxes)
    left_out: Counter[str] = Counter()
    boxes: list[list[Box]] = []
    labels: list[list[str]] = []
    for t, frame in enumerate(frames):
        if isinstance(frame, Mapping):
            frame = [frame]
        entries = () if frame is None else items(frame, f"bboxes[{t}]", 0, 1000, "boxes")
        if not entries:
            left_out["None" if frame is None else "empty"] += 1
        read = [(_box(entry, f"bboxes[{t}][{n}]", left_out), entry) for n, entry in enumerate(entries)]
        boxes.append([box for box, _ in read if box])
        labels.append([_label(entry) for box, entry in read if box])
    parts = [
        *counted(left_out["None"], "frame that is None", "frames that are None"),
        *counted(left_out["empty"], "frame without boxes", "frames without boxes"),
        *counted(left_out["box"], "box that is None", "boxes that are None"),
        *counted(left_out["flat"], "box without width or height", "boxes without width or height"),
        *counted(
            left_out["NaN"], "box with a coordinate that is not finite", "boxes with a coordinate that is not finite"
        ),
    ]
    things = match(boxes, labels)
    if not things:
        if left_out["flat"] + left_out["NaN"] + left_out["box"]:
            raise TrajectoryError(f"bboxes hold only {' and '.join(parts)}: give at least one whole box.", "bboxes")
        fail("bboxes", bboxes, "give at least one box (the detector found nothing)")
    tell(notes, "boxes", parts, f" of {len(frames)} frame{'s' if len(frames) > 1 else ''}")
    boxes_TN4 = np.full((len(frames), len(things), 4), np.nan)
    for n, thing in enumerate(things):
        for t, index in thing.places:
            boxes_TN4[t, n] = boxes[t][index]
    width, height = items(size, "size", 2, 2, "whole numbers, (width, height) in pixels")
    names = tuple(thing.label for thing in things)
    found = Found(boxes_TN4, names, (width, height), tuple(range(len(things))))
    return document_of(found, "bboxes", fps=fps, tolerance=tolerance, choose=choose)


def _frames_of(bboxes: object) -> Sequence[Any]:
    """A list over frames. A flat list of boxes is one frame, as in ComfyUI's own nodes; with a list or None in it, it is one over frames."""
    if isinstance(bboxes, Mapping):
        return [[bboxes]]
    if isinstance(bboxes, (list, tuple)) and bboxes and all(isinstance(entry, Mapping) for entry in bboxes):
        return [bboxes]
    return items(bboxes, "bboxes", 1, MAX_FRAMES, "frames, each a list of boxes")


def _box(entry: object, field: str, left_out: Counter[str]) -> Box | None:
    """The box, or None where it is counted among what is left out."""
    if entry is None:
        left_out["box"] += 1
        return None
    if not isinstance(entry, Mapping) or not set(_SIDES) <= entry.keys():
        fail(field, entry, "give an object with x, y, width and height in pixels")
    values = [plain(entry[name]) for name in _SIDES]
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        left_out["NaN"] += 1
        return None
    x, y, w, h = (
        number(value, f"{field}.{name}", -_MAX_PIXELS, _MAX_PIXELS, "pixels")
        for name, value in zip(_SIDES, values, strict=True)
    )
    if w <= 0 or h <= 0:
        left_out["flat"] += 1
        return None
    return x, y, w, h


def _label(entry: Mapping[str, Any]) -> str:
    """The label, as text; "" where there is none. Trackers also write numbers."""
    label = plain(entry.get("label"))
    if isinstance(label, str):
        return label
    if isinstance(label, int) and not isinstance(label, bool) and label.bit_length() <= 64:
        return str(label)
    return ""
