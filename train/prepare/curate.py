"""Which clips and which of their objects are fit for training, by the rules of MagicData, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.data_settings import Prepare
from .found_objects import Boxes, FoundObjects

CROWD = 4
"""More things than this many times the largest number of objects cannot be told apart."""
SCATTERED = 0.15
"""An object that fills less of its own box is a scatter of spots: leaves, water, noise."""
INSIDE = 0.5
"""Share of a box that has to be inside the picture that is trained on, for the object to count as seen."""


@dataclass(frozen=True)
class ObjectFacts:
    """What is known about an object of a clip.

    Attributes:
        name: what it is; may be empty.
        area: mean share of the frame that its mask covers.
        speed: see `motion_measures.speeds`.
        seen: share of the frames on which it is seen.
        problem: why it is not used; "" if it is.
    """

    name: str
    area: float
    speed: float
    seen: float
    problem: str = ""

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        numbers = {"area": round(self.area, 5), "speed": round(self.speed, 3), "seen": round(self.seen, 3)}
        return {"name": self.name, **numbers, "problem": self.problem}


@dataclass(frozen=True)
class Verdict:
    """What becomes of a clip.

    Attributes:
        chosen: the numbers of the objects that are used, the largest first.
        objects: all that were found.
        camera: how fast the camera moves, in diagonals per second.
        reason: why the clip is rejected; "" if it is kept.
        notes: what its maker should know all the same.
    """

    chosen: tuple[int, ...]
    objects: tuple[ObjectFacts, ...]
    camera: float
    reason: str
    notes: tuple[str, ...]


def crop_of(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part (left, top, right, bottom) of a picture of `size` that is left when it covers `wanted`, in its own pixels."""
    scale = max(wanted[0] / size[0], wanted[1] / size[1])
    wide, tall = wanted[0] / scale, wanted[1] / scale
    left, top = (size[0] - wide) / 2, (size[1] - tall) / 2
    return left, top, left + wide, top + tall


def judge(
    found: FoundObjects, speeds_N: NDArray[np.float64], camera: float, wanted: tuple[int, int], rules: Prepare
) -> Verdict:
    """Choose objects and decide about a clip.

    Args:
        found: all objects, with masks at the size of the clip's frames.
        speeds_N, camera: see `motion_measures.speeds`.
        wanted: (width, height) that clips are cropped to.
        rules: the thresholds.
    """
    height, width = found.labels_THW.shape[1:]
    left, top, right, bottom = (round(edge) for edge in crop_of((width, height), wanted))
    part_THW = found.labels_THW[:, top:bottom, left:right]
    seen_TN = found.seen_TN & (_inside(found.boxes_TN4, (left, top, right, bottom)) >= INSIDE)
    objects = []
    for n, name in enumerate(found.names):
        mask_THW = part_THW == n + 1
        sizes_T = mask_THW.sum(axis=(1, 2))[seen_TN[:, n]]
        area = float(sizes_T.mean()) / part_THW[0].size if sizes_T.size else 0.0
        boxes = found.boxes_TN4[seen_TN[:, n], n]
        fill = float(sizes_T.sum() / max(1.0, float((boxes[:, 2] * boxes[:, 3]).sum())))
        facts = ObjectFacts(name, area, float(speeds_N[n]), float(seen_TN[:, n].mean()))
        starts = bool(seen_TN[0, n]) and bool(mask_THW[0].any())
        objects.append(ObjectFacts(name, facts.area, facts.speed, facts.seen, _problem(facts, fill, starts, rules)))
    fit = sorted((n for n, one in enumerate(objects) if not one.problem), key=lambda n: -objects[n].area)
    most = rules.objects[1]
    notes = []
    if len(fit) > most:
        notes.append(f"{len(fit)} objects are fit; the {most} largest are used")
    reason = _reason(objects, fit, camera, rules)
    return Verdict(tuple(fit[:most]), tuple(objects), camera, reason, tuple(notes))


def _problem(facts: ObjectFacts, fill: float, starts: bool, rules: Prepare) -> str:
    smallest, largest = rules.area
    if not starts:
        return "is not seen on the first frame"
    if facts.seen < rules.seen:
        return f"is seen on {facts.seen:.0%} of the frames, below data.prepare.seen ({rules.seen:.0%})"
    if facts.area < smallest:
        return f"covers {facts.area:.2%} of the frame, below data.prepare.area ({smallest:.2%})"
    if facts.area > largest:
        return f"covers {facts.area:.0%} of the frame, above data.prepare.area ({largest:.0%})"
    if facts.speed < rules.motion:
        return f"moves {facts.speed:.2f} pixels per frame, below data.prepare.motion ({rules.motion:g})"
    if fill < SCATTERED:
        return f"fills {fill:.0%} of its box: spots without a shape"
    return ""


def _reason(objects: list[ObjectFacts], fit: list[int], camera: float, rules: Prepare) -> str:
    fewest, most = rules.objects
    if camera > rules.camera:
        return f"the camera moves {camera:.2f} diagonals a second, above data.prepare.camera ({rules.camera:g})"
    if not objects:
        return "nothing in it moves by itself, or is what data.prepare.words name"
    if len(fit) < fewest:
        nearest = max(objects, key=lambda one: (not one.problem, one.seen * one.area))
        best = f"; the best, {nearest.name or 'a moving thing'}, {nearest.problem}" if nearest.problem else ""
        return f"{len(fit)} of {len(objects)} objects are fit, below data.prepare.objects ({fewest}){best}"
    if len(objects) > CROWD * most:
        return f"{len(objects)} things move, which are too many to tell apart"
    return ""


def _inside(boxes_TN4: Boxes, crop: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """The share of each box that the crop leaves; 0 where there is no box."""
    boxes = np.nan_to_num(boxes_TN4)
    left, top = boxes[..., 0], boxes[..., 1]
    wide = np.minimum(left + boxes[..., 2], crop[2]) - np.maximum(left, crop[0])
    tall = np.minimum(top + boxes[..., 3], crop[3]) - np.maximum(top, crop[1])
    share: NDArray[np.float64] = (
        np.maximum(wide, 0) * np.maximum(tall, 0) / np.maximum(boxes[..., 2] * boxes[..., 3], 1e-9)
    )
    return share
