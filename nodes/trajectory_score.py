"""TrajectoryScore: generated clips + the trajectory they were asked to follow -> how well they do, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comfy.utils
import numpy as np
import torch
from comfy_api.latest import io
from torch import Tensor
from typing_extensions import override

from ..flashmotion_core.tracking import Tracked
from ..flashmotion_core.tracking.appearance import AppearanceTracker
from ..flashmotion_core.tracking.clip_score import (
    ClipScore,
    best_of,
    owned,
    score_clip,
    score_picture,
    score_text,
    tracked_boxes,
)
from ..flashmotion_core.tracking.label_masks import boxes_of_masks
from ..flashmotion_core.trajectory import Sampled, Trajectory, parse, sample
from .input_checks import checked

OF_MASKS, OF_BOXES = "the connected masks", "the connected boxes"


class TrajectoryScore(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="TrajectoryScore",
            display_name="Trajectory Score",
            category="FlashMotion",
            description=(
                "How well generated clips keep to their boxes: box IoU and centre error of each object. Of several clips "
                "(a batch of seeds) it passes on the best. Without a tracker it follows the objects by colour and pattern."
            ),
            search_aliases=[
                "FlashMotion",
                "score",
                "evaluate",
                "best of",
                "box IoU",
                "tracking",
                "seed search",
                "few step",
            ],
            inputs=[
                io.Image.Input(
                    "frames",
                    tooltip="The generated frames, as many as the trajectory has; twice as many are two clips, one after the "
                    "other, and so on.",
                ),
                io.String.Input(
                    "trajectory",
                    force_input=True,
                    tooltip="The trajectory document (JSON) from DrawTrajectory that the clips were asked to follow.",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="The objects' masks on every frame, from a tracker: all frames of object 0, then of object 1. Wins "
                    "over boxes.",
                ),
                io.BoundingBox.Input(
                    "boxes",
                    optional=True,
                    force_input=True,
                    tooltip="The objects' boxes on every frame, in pixels, from a detector or tracker. Each object takes the one "
                    "that it overlaps on frame 0.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="text", tooltip="The figures of the best clip and of each of its objects, in words."
                ),
                io.Float.Output(
                    display_name="box_iou",
                    tooltip="Of the best clip, 0 to 1: 1 where found boxes equal those asked for, 0 where lost. Frame 0 does not count.",
                ),
                io.Float.Output(
                    display_name="centre_error",
                    tooltip="Of the best clip: distance between box centres as a share of the frame's diagonal, where found; 1 if never.",
                ),
                io.Float.Output(
                    display_name="sure",
                    tooltip="How sure the tracker is, 0 to 1; below 0.5 look at the picture. 1 wherever connected masks or boxes show the object.",
                ),
                io.Image.Output(
                    display_name="picture",
                    tooltip="Frames with the boxes asked for (full) and found (dashed), above box IoU over time.",
                ),
                io.Image.Output(display_name="best_frames", tooltip="The frames of the best clip, unchanged."),
                io.Int.Output(
                    display_name="best_number", tooltip="Which clip of the batch is the best, counted from 0."
                ),
            ],
        )

    @classmethod
    @override
    @checked
    def execute(cls, frames: Tensor, trajectory: Any, masks: Tensor | None = None, boxes: Any = None) -> io.NodeOutput:
        """Find the objects in each clip, score, and choose; cancel works between frames."""
        document = parse(trajectory)
        if not document.objects:
            raise ValueError("TrajectoryScore: the trajectory has no objects, so there is nothing to score; add one.")
        clips = _clips(frames, document.frames)
        asked = sample(document, size=(frames.shape[2], frames.shape[1]))
        if masks is not None:
            name, found = OF_MASKS, _of_masks(masks, len(clips), document, asked)
        elif boxes is not None:
            name, found = OF_BOXES, _of_boxes(boxes, len(clips), asked)
        else:
            progress = comfy.utils.ProgressBar(len(frames))
            tracker = AppearanceTracker(lambda: progress.update(1))
            first_N4 = np.where(asked.visible_TN[0][:, None], asked.boxes_TN4[0], np.nan)
            name, found = tracker.protocol, [tracker(_bytes(clip), first_N4) for clip in clips]
        scores: list[ClipScore] = [score_clip(tracked, asked) for tracked in found]
        best = best_of(scores)
        picture = score_picture(_bytes(clips[best]), scores, document.objects, asked)
        return io.NodeOutput(
            score_text(scores, document.objects, name),
            scores[best].box_iou,
            scores[best].centre_error,
            scores[best].sure,
            torch.from_numpy(picture).float()[None] / 255,
            clips[best],
            best,
        )


def _clips(frames_BHWC: Tensor, length: int) -> Sequence[Tensor]:
    """The clips of a batch."""
    if len(frames_BHWC) % length:
        raise ValueError(
            f"TrajectoryScore got {_counted(len(frames_BHWC), 'frame')}, but the trajectory has {length}; connect as many, or a multiple for several "
            "clips."
        )
    return list(torch.split(frames_BHWC, length))


def _bytes(frames_THWC: Tensor) -> Any:
    """One by one: three copies of a long clip in float32 would take gigabytes."""
    return np.stack([(frame_HWC.clamp(0, 1) * 255).round().byte().numpy() for frame_HWC in frames_THWC])


def _of_masks(masks_BHW: Tensor, clips: int, document: Trajectory, asked: Sampled) -> list[Tracked]:
    """What masks of a tracker show: clip by clip, thing by thing, frame by frame; scaled to the clip's size where theirs is another.

    A tracker may list things in another order than the trajectory does, so each object takes those that overlap it on frame 0.
    """
    frames, objects = document.frames, len(document.objects)
    if len(masks_BHW) != clips * objects * frames:
        raise ValueError(
            f"TrajectoryScore got {_counted(len(masks_BHW), 'mask')} for {_counted(clips, 'clip')} of {_counted(objects, 'object')} on {frames} "
            f"frames; connect one mask for each, {clips * objects * frames} in all, or disconnect them."
        )
    height, width = masks_BHW.shape[1:]
    scale = np.array([asked.size[0] / width, asked.size[1] / height] * 2)
    found = []
    for masks_NTHW in (masks_BHW > 0.5).reshape(clips, objects, frames, height, width).numpy():
        boxes_TN4 = boxes_of_masks(masks_NTHW).swapaxes(0, 1) * scale
        found.append(owned(boxes_TN4, asked, listed=True))
    return found


def _of_boxes(boxes: Any, clips: int, asked: Sampled) -> list[Tracked]:
    """What boxes of a detector or tracker show, clip by clip."""
    frames = len(asked.boxes_TN4)
    if not isinstance(boxes, (list, tuple)) or len(boxes) != clips * frames:
        given = len(boxes) if isinstance(boxes, (list, tuple)) else 1
        raise ValueError(
            f"TrajectoryScore got boxes of {_counted(given, 'frame')}, but there are {clips * frames}; connect a list of boxes for every frame."
        )
    return [tracked_boxes(boxes[start : start + frames], asked) for start in range(0, len(boxes), frames)]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("s" if count != 1 else "")
