"""How well one clip, or each of several, keeps to a trajectory: figures, a text and a picture for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metrics import ControlScores, box_iou, control_scores, mean_of_clip, means_by_frame
from ..metrics.keeping import clipped, counting
from ..reports.box_overlay import asked_and_found
from ..reports.contact_sheets import contact_sheet
from ..reports.line_plot import COLORS, Line, line_plot
from ..trajectory import Sampled, TrackedObject, from_bounding_boxes, sample
from ..video.frames import Frames
from .object_tracker import Tracked

Array = NDArray[np.float64]

SAME = 0.1
"""Least IoU on frame 0 of a connected box and an object that it belongs to."""
UNSURE = 0.5
"""Below this, the text asks to look at the picture."""
PICTURES, ACROSS = 6, 1152
"""Frames in the picture, and its width in pixels."""


@dataclass(frozen=True, eq=False)
class ClipScore:
    """Figures of one clip.

    Attributes:
        control: by object.
        box_iou, centre_error, lost: mean over the objects that count, 0 to 1; centre error is a share of the diagonal, 1 if nothing was found.
        sure: how sure the tracker was, mean over the frames that count, 0 to 1.
        found: where the objects were found.
    """

    control: ControlScores
    box_iou: float
    centre_error: float
    lost: float
    sure: float
    found: Tracked


def score_clip(found: Tracked, asked: Sampled) -> ClipScore:
    """The figures of a clip, by the rules of `metrics.keeping`.

    Raises:
        ValueError: no object counts: all are hidden on frame 0, or on every later frame.
    """
    control = control_scores(found.boxes_TN4, asked.boxes_TN4, asked.visible_TN, asked.size)
    counts_TN = counting(asked.boxes_TN4, asked.visible_TN, asked.size)
    iou, error, lost = (mean_of_clip(values) for values in (control.box_iou_N, control.centre_error_N, control.lost_N))
    if iou is None or lost is None:
        raise ValueError(
            "no object of the trajectory can be scored; give it at least 2 frames and one object that shows on frame 0 and later."
        )
    sure = float(found.sure_TN[counts_TN].mean())
    return ClipScore(control, iou, 1.0 if error is None else error, lost, sure, found)


def best_of(scores: Sequence[ClipScore]) -> int:
    """The clip of the highest box IoU; the first of equals."""
    return max(range(len(scores)), key=lambda number: scores[number].box_iou)


def tracked_boxes(bboxes: object, asked: Sampled) -> Tracked:
    """BOUNDING_BOX values of a clip (a list over its frames, in pixels of its size) as what was found of the objects.

    Each object takes the connected box that overlaps its own most on frame 0, at least by `SAME`; without one it is lost, and all are where
    nothing was found on any frame.

    Raises:
        ValueError: another number of frames, or values that are not boxes.
    """
    frames = len(asked.visible_TN)
    given = len(bboxes) if isinstance(bboxes, (list, tuple)) else 1
    if given != frames:
        raise ValueError(
            f"the boxes are of {given} frames, but the clip has {frames}; connect one list of boxes per frame."
        )
    if isinstance(bboxes, (list, tuple)) and all(
        frame is None or (isinstance(frame, (list, tuple)) and not frame) for frame in bboxes
    ):
        return owned(np.full((frames, 0, 4), np.nan), asked)
    sampled = sample(from_bounding_boxes(bboxes, size=asked.size, notes=[]))
    return owned(np.where(sampled.visible_TN[..., None], sampled.boxes_TN4, np.nan), asked)


def owned(seen_TM4: Array, asked: Sampled, *, listed: bool = False) -> Tracked:
    """What was found of the objects, where M things were seen: each takes the one that overlaps it most on frame 0, as `tracked_boxes` says.

    Args:
        seen_TM4: boxes in pixels of `asked`; NaN where a thing was not seen.
        asked: the objects.
        listed: things are listed as the objects are, so one that frame 0 does not show belongs to the object in its place.
    """
    frames, count = asked.visible_TN.shape
    boxes_TN4 = np.full((frames, count, 4), np.nan)
    owners = matched(clipped(asked.boxes_TN4[0], asked.size), clipped(seen_TM4[0], asked.size))
    for n, owner in enumerate(owners):
        if listed and owner is None and np.isnan(seen_TM4[0, n]).any():
            owner = n
        if owner is not None:
            boxes_TN4[:, n] = seen_TM4[:, owner]
    return Tracked(boxes_TN4, np.isfinite(boxes_TN4[..., 0]).astype(np.float64))


def matched(asked_N4: Array, seen_M4: Array) -> list[int | None]:
    """For each asked box the number of the seen box that is its own: pairs of the highest IoU first, each box once."""
    iou_NM = box_iou(*np.broadcast_arrays(asked_N4[:, None], seen_M4[None]))
    owners: list[int | None] = [None] * len(asked_N4)
    for place in np.argsort(-iou_NM, axis=None, kind="stable"):
        n, m = (int(index) for index in np.unravel_index(int(place), iou_NM.shape))
        if iou_NM[n, m] >= SAME and owners[n] is None and m not in owners:
            owners[n] = m
    return owners


def score_text(scores: Sequence[ClipScore], objects: Sequence[TrackedObject], tracker: str) -> str:
    """What the figures say, a line each: the (best) clip, its objects, and the other clips."""
    best = best_of(scores)
    score = scores[best]
    lines = [
        f"Box IoU {score.box_iou:.3f}, centre error {score.centre_error:.1%} of the diagonal, lost on {score.lost:.0%} of the frames.",
        f"Tracker: {tracker}; how sure: {score.sure:.2f}.",
    ]
    if score.sure < UNSURE:
        lines.append("That is hardly sure: look at the picture before you trust the figures.")
    if len(scores) > 1:
        listed = ", ".join(f"{number}: {other.box_iou:.3f}" for number, other in enumerate(scores))
        lines.insert(0, f"Clip {best} of {len(scores)}, counted from 0, is the best. Box IoU of each: {listed}.")
    for n, name in enumerate(names_of(objects)):
        control = score.control
        if not control.frames_N[n]:
            lines.append(f"{name}: not scored, as frame 0 or all later frames do not show it.")
            continue
        error = control.centre_error_N[n]
        lines.append(
            f"{name}: box IoU {control.box_iou_N[n]:.3f}, centre error {'-' if np.isnan(error) else f'{error:.1%}'}, "
            f"lost on {control.lost_N[n]:.0%} of {control.frames_N[n]} frames."
        )
    return "\n".join(lines)


def names_of(objects: Sequence[TrackedObject]) -> list[str]:
    """The objects' labels, with their number where a label is missing or stands twice."""
    labels = [tracked.label.strip() for tracked in objects]
    return [
        label if label and labels.count(label) == 1 else f"{label} {n}".strip() if label else f"object {n}"
        for n, label in enumerate(labels)
    ]


def score_picture(
    frames_THWC: Frames, scores: Sequence[ClipScore], objects: Sequence[TrackedObject], asked: Sampled
) -> Frames:
    """Frames of the best clip with asked boxes (full) and found ones (dashed), above box IoU over time: of its objects, or of all clips.

    Args:
        frames_THWC: the best clip, uint8.
        scores, objects, asked: of the clips, of the trajectory.

    Returns: uint8 RGB [height, `ACROSS`, 3].
    """
    best = best_of(scores)
    found_TN4 = scores[best].found.boxes_TN4
    chosen = np.unique(np.linspace(0, len(frames_THWC) - 1, PICTURES).round().astype(int))
    width = ACROSS // PICTURES
    shown = [
        _scaled(asked_and_found(frames_THWC[t], asked.boxes_TN4[t], asked.visible_TN[t], found_TN4[t]), width - 4)
        for t in chosen.tolist()
    ]
    sheet = contact_sheet([shown])
    if len(scores) > 1:
        lines = [
            Line(
                f"clip {number}" + (" (best)" if number == best else ""),
                means_by_frame(score.control.box_iou_TN),
                COLORS[number % len(COLORS)],
            )
            for number, score in enumerate(scores)
        ]
    else:
        lines = [
            Line(name, scores[0].control.box_iou_TN[:, n], COLORS[n % len(COLORS)])
            for n, name in enumerate(names_of(objects))
        ]
    plot = line_plot(lines, size=(ACROSS, 360), title=f"Box IoU by frame, mean {scores[best].box_iou:.3f}")
    above = np.full((sheet.shape[0], ACROSS, 3), 235, dtype=np.uint8)
    above[:, : min(sheet.shape[1], ACROSS)] = sheet[:, :ACROSS]
    return np.concatenate([above, plot])


def _scaled(picture_HWC: Frames, width: int) -> Frames:
    from PIL import Image

    height = max(round(picture_HWC.shape[0] * width / picture_HWC.shape[1]), 1)
    kind = Image.Resampling.BOX if picture_HWC.shape[1] > width else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture_HWC).resize((width, height), kind))
