"""How closely the objects of a clip followed their boxes, measured with the exact sprite tracker.

Runs inside the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashmotion_core.metrics import box_iou
from flashmotion_core.trajectory import Trajectory, sample
from train.world.sprite_tracker import track

from .overlay import Box
from .scenes import Scene

# A first box whose IoU with a sprite's own box is lower is meant for something else.
SAME = 0.3


class NotMeasurableError(Exception):
    """The clip cannot be measured; the text says why and completes a sentence."""


@dataclass(frozen=True)
class Followed:
    """One clip's result. `box_iou`: 0 to 1, the mean over the frames after the first, then over objects; a lost sprite
    counts as 0. `static`: the same if the objects stood still. `lost`: how many of the `boxes` had no sprite.
    `objects`: how many objects were measured."""

    box_iou: float
    static: float
    lost: int
    boxes: int
    objects: int

    def sentence(self) -> str:
        """The result in plain words."""
        who = "the object" if self.objects == 1 else f"the {self.objects} objects"
        lost = f"; in {self.lost} of {self.boxes} boxes the object was not found" if self.lost else ""
        return (
            f"Box IoU between where {who} went and the boxes: {self.box_iou:.2f} on average "
            f"(1 is exact, standing still would give {self.static:.2f}{lost})."
        )


def measure(frames: Sequence[Image.Image], scene: Scene, asked: Trajectory) -> Followed:
    """Find the sprites of `scene` in the `frames` made from its picture, and compare them with the boxes of `asked`.

    Each object of `asked` is the sprite inside its first box. Raises NotMeasurableError.
    """
    size = scene.clip.motion.size
    if asked.size != size:
        raise NotMeasurableError(f"the trajectory is for {_by(asked.size)} pixels and the scene for {_by(size)}")
    if len(frames) != asked.frames or frames[0].size != size:
        raise NotMeasurableError(f"the video has {len(frames)} frames of {_by(frames[0].size)}")
    if not asked.objects:
        raise NotMeasurableError("the trajectory has no object")
    sampled = sample(asked)
    order = _sprites_of(asked, sampled.boxes_TN4[0], scene)
    sprites = tuple(scene.clip.sprites[index] for index in order)
    tracks = track(np.stack([np.asarray(frame) for frame in frames]), sprites, scene.clip.poses_TN4[0, order])
    counts_TN = sampled.visible_TN.copy()
    counts_TN[0] = False
    if not counts_TN.any():
        raise NotMeasurableError("every box is hidden after the first frame")
    boxes_TN4 = sampled.boxes_TN4
    still_TN4 = np.broadcast_to(scene.clip.boxes_TN4[0, order], boxes_TN4.shape)
    return Followed(
        box_iou=_mean(box_iou(tracks.boxes_TN4, boxes_TN4), counts_TN),
        static=_mean(box_iou(still_TN4, boxes_TN4), counts_TN),
        lost=int((counts_TN & ~tracks.found_TN).sum()),
        boxes=int(counts_TN.sum()),
        objects=int(counts_TN.any(axis=0).sum()),
    )


def requested_boxes(document: Trajectory, size: tuple[int, int]) -> list[list[Box | None]]:
    """Per frame, per object: the requested box in pixels of a video of `size` (width, height), None where hidden."""
    sampled = sample(document, size=size)
    return [
        [tuple(box) if seen else None for box, seen in zip(boxes, visible, strict=True)]
        for boxes, visible in zip(sampled.boxes_TN4.tolist(), sampled.visible_TN.tolist(), strict=True)
    ]


def _sprites_of(asked: Trajectory, first_N4: NDArray[np.float64], scene: Scene) -> list[int]:
    """The number of each object's sprite; the pairs that overlap most are matched first."""
    own_S4 = scene.clip.boxes_TN4[0]
    pairs_NS = np.stack([box_iou(np.broadcast_to(box_4, own_S4.shape), own_S4) for box_4 in first_N4])
    found: dict[int, int] = {}
    while len(found) < len(asked.objects):
        n, s = (int(value) for value in np.unravel_index(np.argmax(pairs_NS), pairs_NS.shape))
        if pairs_NS[n, s] < SAME:
            left = next(entry for index, entry in enumerate(asked.objects) if index not in found)
            raise NotMeasurableError(
                f"the first box of {left.label or left.id!r} does not surround an object of the scene"
            )
        found[n] = s
        pairs_NS[n], pairs_NS[:, s] = -1.0, -1.0
    return [found[index] for index in range(len(asked.objects))]


def _mean(values_TN: NDArray[np.float64], counts_TN: NDArray[np.bool_]) -> float:
    columns = [n for n in range(values_TN.shape[1]) if counts_TN[:, n].any()]
    return float(np.mean([values_TN[counts_TN[:, n], n].mean() for n in columns]))


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
