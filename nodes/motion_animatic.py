"""MotionAnimatic: picture + trajectory (+ masks) -> the picture's own objects moved along their boxes, and where they are."""

from __future__ import annotations

from typing import Any

import comfy.utils
import torch
from comfy_api.latest import io
from torch import Tensor
from typing_extensions import override

from ..flashmotion_core.trajectory import AnimaticFrame, animatic, parse, sample
from .draw_trajectory import SHAPES_BOXES, SHAPES_GRABCUT
from .input_checks import checked
from .trajectory_inputs import fill_frame, grabcut_shapes, one_mask_each

OBJECTS, HOLES, BOTH = "objects", "holes", "objects and holes"


class MotionAnimatic(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="MotionAnimatic",
            display_name="Motion Animatic",
            category="FlashMotion",
            description=(
                "The motion without a model: cuts the objects out of the picture, moves and scales them along their boxes "
                "and fills the holes softly. For a look before the run, inpainting, VACE and cut-and-drag guides."
            ),
            search_aliases=[
                "FlashMotion",
                "animatic",
                "cut and drag",
                "time to move",
                "motion brush",
                "cut-out",
                "copy and paste",
                "VACE",
                "few step",
            ],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The picture of frame 0. Scaled to cover the clip and cropped about its centre, as for the "
                    "clip itself; of a batch, the first.",
                ),
                io.String.Input(
                    "trajectory",
                    force_input=True,
                    tooltip="The trajectory document (JSON) from DrawTrajectory. Gives the clip's size and length.",
                ),
                io.Combo.Input(
                    "mask_shows",
                    options=[OBJECTS, HOLES, BOTH],
                    default=OBJECTS,
                    tooltip="What the mask output marks. objects: where they are now. holes: what was filled behind them. "
                    "objects and holes: all that is not the picture.",
                ),
                io.Combo.Input(
                    "first_frame_shapes",
                    options=[SHAPES_BOXES, SHAPES_GRABCUT],
                    default=SHAPES_BOXES,
                    advanced=True,
                    tooltip="Shapes where no mask is drawn or connected. boxes: with a soft border. grabcut: cut out of "
                    "the picture (needs opencv-python).",
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Each object's shape in the first frame, one mask per object in order. Wins over "
                    "first_frame_shapes; a mask that is the filled box counts as none.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="frames", tooltip="One picture per frame, in the clip's size. Frame 0 is the picture."
                ),
                io.Mask.Output(display_name="mask", tooltip="One soft mask per frame, 0 to 1: see mask_shows."),
            ],
        )

    @classmethod
    @override
    @checked
    def execute(
        cls,
        image: Tensor,
        trajectory: Any,
        mask_shows: str,
        first_frame_shapes: str,
        masks: Tensor | None = None,
    ) -> io.NodeOutput:
        """Cut out, then draw frame by frame into the batch; cancel works between frames."""
        document = parse(trajectory)
        if not document.objects:
            raise ValueError("MotionAnimatic: the trajectory has no objects, so nothing moves; add one.")
        sampled = sample(document)
        picture_HWC = fill_frame(image[:1], sampled.size)[0].clamp(0, 1)
        shapes_NHW = one_mask_each("MotionAnimatic", masks, sampled.size, len(document.objects))
        if shapes_NHW is None and first_frame_shapes == SHAPES_GRABCUT:
            shapes_NHW = grabcut_shapes(sampled, picture_HWC)
        width, height = sampled.size
        frames_THWC = torch.empty((document.frames, height, width, 3))
        mask_THW = torch.empty((document.frames, height, width))
        progress = comfy.utils.ProgressBar(document.frames)
        for t, frame in enumerate(animatic(picture_HWC, sampled, shapes_NHW)):
            frames_THWC[t] = torch.from_numpy(frame.picture_HWC)
            mask_THW[t] = torch.from_numpy(_shown(frame, mask_shows))
            progress.update(1)
        return io.NodeOutput(frames_THWC, mask_THW)


def _shown(frame: AnimaticFrame, mask_shows: str) -> Any:
    """The mask [H, W] of a frame."""
    if mask_shows == BOTH:
        return (frame.objects_HW + frame.holes_HW).clip(0, 1)
    return frame.holes_HW if mask_shows == HOLES else frame.objects_HW
