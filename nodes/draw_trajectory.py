"""DrawTrajectory: the editor's document (and boxes, tracks, masks from elsewhere) -> trajectory and native outputs."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor
from typing_extensions import override

from ..flashmotion_core.trajectory import describe, dumps, rounded, sample, to_bounding_boxes, to_tracks
from ..flashmotion_core.trajectory.resolve import cover, fit, merge
from ..flashmotion_core.trajectory.sample import Fit
from ..flashmotion_core.wan.conditioning import check_size
from .input_checks import checked
from .trajectory_inputs import (
    PER_FRAME,
    PER_OBJECT,
    STILL_OBJECTS,
    Reading,
    connected_objects_of,
    drawn_document,
    fill_frame,
    objects_of_masks,
    preview_pictures,
    shapes_in_first_frame,
    shapes_of,
    start_pictures,
)

DEFAULT_DOCUMENT = '{"version":1,"size":[1280,704],"frames":121,"fps":24,"objects":[]}'
IF_NOTHING_DRAWN, ADD, IGNORE = "if nothing is drawn", "add to drawn", "ignore"
RETIME, TRIM = "retime", "trim"
# Pixels. Of a straight motion over 1,025 frames with normal noise of 1 pixel, 4 leaves 3 or 4 keyframes, 3 about 50 and 2 about 450.
SIMPLIFY = 4.0
SHAPES_BOXES, SHAPES_GRABCUT = "boxes", "grabcut"
# Since 0.30: keeps the preview when the page is reloaded, without making this an output node. Older versions lose it.
_KEEP_PREVIEW = (
    {"has_intermediate_output": True} if any(f.name == "has_intermediate_output" for f in fields(io.Schema)) else {}
)


class DrawTrajectory(io.ComfyNode):
    """See the module."""

    @classmethod
    @override
    def define_schema(cls) -> io.Schema:
        """Ids, types and texts of the node."""
        return io.Schema(
            node_id="DrawTrajectory",
            display_name="Draw Trajectory",
            category="FlashMotion",
            description=(
                "Where objects go: boxes with keyframes over a picture. Outputs the resolved document for "
                "ApplyFastAdapter, and the same motion as ComfyUI's boxes, tracks and masks."
            ),
            search_aliases=[
                "FlashMotion",
                "motion brush",
                "bbox",
                "drag",
                "trajectory",
                "path",
                "spline",
                "keyframes",
                "track",
                "few step",
            ],
            inputs=[
                io.String.Input(
                    "trajectory",
                    multiline=True,
                    default=DEFAULT_DOCUMENT,
                    tooltip="The trajectory document (JSON): size, frames, fps, objects with keyframes. x, y is a box's "
                    "centre, as a fraction of the frame. Format: help page.",
                ),
                io.Combo.Input(
                    "connected_objects",
                    options=[IF_NOTHING_DRAWN, ADD, IGNORE],
                    default=IF_NOTHING_DRAWN,
                    tooltip="Connected boxes, tracks and masks. if nothing is drawn: used when the document has no "
                    "objects. add to drawn: both, drawn first. ignore: unused.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    step=32,
                    advanced=True,
                    tooltip="Width of the clip in pixels, a multiple of 32. 0: as in the document. Boxes keep their "
                    "place in the frame.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    step=32,
                    advanced=True,
                    tooltip="Height of the clip in pixels, a multiple of 32. 0: as in the document.",
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=1025,
                    step=1,
                    advanced=True,
                    tooltip="Frames in the clip, 4k + 1 (such as 81 or 121). 0: as in the document.",
                ),
                io.Combo.Input(
                    "length_change",
                    options=[RETIME, TRIM],
                    default=RETIME,
                    advanced=True,
                    tooltip="If length differs from the document. retime: the whole motion is stretched or squeezed. "
                    "trim: it is cut off, or holds its last box.",
                ),
                io.Combo.Input(
                    "mask_batch",
                    options=[PER_OBJECT, PER_FRAME, STILL_OBJECTS],
                    default=PER_OBJECT,
                    advanced=True,
                    tooltip="How masks are read: one per object, or one per frame of one object. As many as frames, each overlapping "
                    "the last, count as frames.",
                ),
                io.Float.Input(
                    "track_size",
                    default=0.15,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Side of the box around a connected track, as a fraction of the frame's height.",
                ),
                io.Combo.Input(
                    "first_frame_shapes",
                    options=[SHAPES_BOXES, SHAPES_GRABCUT],
                    default=SHAPES_BOXES,
                    advanced=True,
                    tooltip="First-frame shapes where no mask is drawn or connected. boxes: filled boxes. grabcut: "
                    "cut out of start_image (needs opencv-python).",
                ),
                io.Image.Input(
                    "start_image",
                    optional=True,
                    tooltip="Shown under the preview and used by grabcut. Connected boxes and tracks are in its pixels; "
                    "without it, in pixels of the document's size.",
                ),
                io.BoundingBox.Input(
                    "boxes",
                    optional=True,
                    force_input=True,
                    tooltip="Boxes from a detector or tracker, in pixels: a list per frame, or one frame's boxes, "
                    "which stand still. The same label means the same object.",
                ),
                io.Tracks.Input(
                    "tracks", optional=True, tooltip="Point tracks in pixels; each point becomes a box of track_size."
                ),
                io.Mask.Input(
                    "masks",
                    optional=True,
                    tooltip="Object shapes, see mask_batch. Beside other objects they are first-frame shapes and win "
                    "over first_frame_shapes; alone they become the objects.",
                ),
                io.Float.Input(
                    "simplify",
                    default=SIMPLIFY,
                    min=0.0,
                    max=512.0,
                    step=0.5,
                    optional=True,
                    advanced=True,
                    tooltip="Connected objects: pixels by which centre and size may differ, so that few keyframes follow a "
                    "jittering detector. 0: exact.",
                ),
                io.String.Input(
                    "choose",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Which connected objects to use, when there are too many: numbers from 0, ranges and labels, such "
                    "as 0-15, 20, dog. Empty: all.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="trajectory", tooltip="The resolved document (JSON), for ApplyFastAdapter."
                ),
                io.Image.Output(
                    display_name="preview",
                    tooltip="Small pictures of the control map over the start image, at most 16 frames.",
                ),
                io.Mask.Output(
                    display_name="masks", tooltip="Shape of each object in the first frame, one mask per object."
                ),
                io.BoundingBox.Output(
                    display_name="boxes",
                    tooltip="The boxes in pixels, one list per frame; hidden objects are left out.",
                ),
                io.Tracks.Output(display_name="tracks", tooltip="The centres of the boxes in pixels, with visibility."),
                io.Int.Output(display_name="width", tooltip="Pixels, for the latent node."),
                io.Int.Output(display_name="height", tooltip="Pixels, for the latent node."),
                io.Int.Output(display_name="length", tooltip="Frames, for the latent node."),
                io.Float.Output(display_name="fps", tooltip="Frames per second, for CreateVideo."),
                io.String.Output(
                    display_name="prompt",
                    tooltip="The named objects and their motions in words, to join to the prompt. Chinese if a label holds Chinese "
                    "characters, else English.",
                ),
            ],
            **_KEEP_PREVIEW,
        )

    @classmethod
    @override
    @checked
    def execute(
        cls,
        trajectory: Any,
        connected_objects: str,
        width: int,
        height: int,
        length: int,
        length_change: Fit,
        mask_batch: str,
        track_size: float,
        first_frame_shapes: str,
        start_image: Tensor | None = None,
        boxes: Any = None,
        tracks: Any = None,
        masks: Tensor | None = None,
        simplify: float = SIMPLIFY,
        choose: str = "",
    ) -> io.NodeOutput:
        """Resolve the document, then derive everything else from it."""
        if connected_objects == IGNORE:
            boxes = tracks = masks = None
        reading = Reading(track_size, simplify, choose)
        picture = None if start_image is None else (start_image.shape[2], start_image.shape[1])
        drawn = drawn_document(trajectory, (width, height), picture, reading)
        size, frames = (width or drawn.size[0], height or drawn.size[1]), length or drawn.frames
        check_size(*size, frames)
        document = fit(drawn, size, frames, length_change)
        lengths = {frames, drawn.frames, 1 if start_image is None else len(start_image)}
        shapes_BHW = None
        if not drawn.objects or connected_objects == ADD:
            found = connected_objects_of(picture or drawn.size, boxes, tracks, reading)
            if not found and not drawn.objects and masks is not None:
                of_masks, shapes_BHW = objects_of_masks(masks, mask_batch, lengths, reading)
                found = [of_masks]
            document = merge(document, [fit(cover(other, size), size, frames, length_change) for other in found])
        if not document.objects:
            raise ValueError(
                "DrawTrajectory has no objects; draw a box in the node, connect boxes, tracks or masks, or send a document with one, such as "
                '{"id": "dog", "keyframes": [{"frame": 0, "x": 0.3, "y": 0.5, "w": 0.2, "h": 0.3}, '
                '{"frame": 120, "x": 0.7, "y": 0.5, "w": 0.2, "h": 0.3}]}.'
            )
        if first_frame_shapes == SHAPES_GRABCUT and start_image is None and masks is None:
            raise ValueError(
                "DrawTrajectory's first_frame_shapes is grabcut, but no start_image is connected to cut objects out of; "
                "connect one, or choose boxes."
            )
        if shapes_BHW is None and masks is not None:
            shapes_BHW = shapes_of(masks, mask_batch, lengths, len(document.objects))
        image = None if start_image is None else fill_frame(start_image[:1], size)
        sampled = sample(document)
        shapes_NHW = shapes_in_first_frame(
            sampled,
            shapes_BHW,
            image if first_frame_shapes == SHAPES_GRABCUT else None,
        )
        if reading.notes:
            logging.warning("DrawTrajectory: %s", " ".join(reading.notes))
        preview_THWC = preview_pictures(sampled, shapes_NHW, image)
        resolved = dumps(rounded(document, drawn.objects))
        return io.NodeOutput(
            resolved,
            preview_THWC,
            shapes_NHW,
            to_bounding_boxes(sampled, document.objects),
            to_tracks(sampled),
            *size,
            frames,
            float(document.fps),
            describe(document),
            # For the editor alone: it offers connected objects as keyframes, and shows the start image that the node got.
            ui={"trajectory": [resolved], "notes": reading.notes, **_start_image(start_image, cls)},
        )


def _start_image(image_BHWC: Tensor | None, cls: type[io.ComfyNode]) -> dict[str, list[str]]:
    """Names of the start image's pictures for the editor, and the frame of each."""
    if image_BHWC is None:
        return {"start_image": [], "start_image_frames": []}
    shown_BHWC, frames = start_pictures(image_BHWC)
    return {"start_image": _saved(shown_BHWC, cls), "start_image_frames": [str(frame) for frame in frames]}


def _saved(pictures_BHWC: Tensor, cls: type[io.ComfyNode]) -> list[str]:
    """Names of the pictures in ComfyUI's temporary folder, as loaders write them: ``name.png [temp]``.

    Plain texts, not the entries of ``ui.PreviewImage``: API clients and the page's queue list a prompt's output files, would take those
    for results and could show them in place of the video.
    """
    entries = ui.PreviewImage(pictures_BHWC, cls=cls).as_dict()["images"]
    return [f"{Path(entry['subfolder'], entry['filename']).as_posix()} [temp]" for entry in entries]
