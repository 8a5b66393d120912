"""How DrawTrajectory reads connected inputs, and the pictures it shows: functions of tensors and documents."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import comfy.utils
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from ..flashmotion_core.trajectory import (
    Sampled,
    Trajectory,
    chosen_numbers,
    cover,
    default_thickness,
    from_bounding_boxes,
    from_coordinates,
    from_frame_masks,
    from_object_mask,
    from_tracks,
    is_coordinates,
    moves_as_one,
    parse,
    put_shapes,
    refine_masks_grabcut,
    render,
    to_frame_masks,
)
from ..flashmotion_core.trajectory.drawing.crop import crop_to_cover

PER_OBJECT, PER_FRAME, STILL_OBJECTS = "one mask per object", "one mask per frame", "still objects, one mask each"
FEWEST_FRAMES = 5  # of a clip that moves: fewer masks are objects
PREVIEW_FRAMES, PREVIEW_SIDE = 16, 512
START_FRAMES, START_SIDE = 16, 1280


@dataclass(frozen=True)
class Reading:
    """How connected objects become keyframes, and the sentences about what was left out of them."""

    track_size: float  # of the height of the picture
    simplify: float  # pixels of the picture
    choose: str
    notes: list[str] = field(default_factory=list)

    def box_around(self, size: tuple[int, int]) -> tuple[float, float]:
        """The box around a point of a picture of this size, in pixels."""
        return self.track_size * size[1], self.track_size * size[1]


def drawn_document(
    trajectory: Any, size: tuple[int, int], picture: tuple[int, int] | None, reading: Reading
) -> Trajectory:
    """What the input `trajectory` holds: a document, as text or object, or the coordinates of a spline editor.

    Coordinates do not say on which picture they were drawn. It is the start image (`picture`, width and height), or else a picture of the
    clip's `size` (0: not given).

    Raises:
        ValueError: neither, or coordinates without a picture.
    """
    if not is_coordinates(trajectory):
        return parse(trajectory)
    on = picture or size
    if not all(on):
        raise ValueError(
            "DrawTrajectory's trajectory is a list of points that does not say how large its picture is; connect start_image, or set "
            "width and height."
        )
    document = from_coordinates(
        trajectory,
        size=on,
        box_size=reading.box_around(on),
        tolerance=reading.simplify,
        choose=reading.choose,
        notes=reading.notes,
    )
    return cover(document, (size[0] or on[0], size[1] or on[1]))


def connected_objects_of(picture: tuple[int, int], boxes: Any, tracks: Any, reading: Reading) -> list[Trajectory]:
    """Documents of connected boxes and tracks, in pixels of the picture ``(width, height)`` they were found on."""
    options: dict[str, Any] = {
        "size": picture,
        "tolerance": reading.simplify,
        "choose": reading.choose,
        "notes": reading.notes,
    }
    found = [] if boxes is None else [from_bounding_boxes(boxes, **options)]
    return found if tracks is None else [*found, from_tracks(tracks, box_size=reading.box_around(picture), **options)]


def objects_of_masks(
    masks_BHW: Tensor, mask_batch: str, lengths: set[int], reading: Reading
) -> tuple[Trajectory, Tensor]:
    """The document of masks that are connected alone, and those of them that are its objects' shapes in the first frame.

    Args:
        masks_BHW: the batch.
        mask_batch: the choice of the node.
        lengths: frame counts of the clip and of the start image.
        reading: takes a note where the batch itself decides.

    Raises:
        ValueError: it does not say which of the two it is; see also the readers of masks.
    """
    count = len(masks_BHW)
    one = mask_batch == PER_FRAME
    if mask_batch == PER_OBJECT and count >= FEWEST_FRAMES:
        moves = moves_as_one(masks_BHW)
        if moves != (count in lengths):
            reason = (
                "each overlaps the one before as one moving object's would, but the clip has another number of frames"
                if moves
                else "which is as many as there are frames, but they do not overlap from one to the next as one moving object's would"
            )
            raise ValueError(
                f"DrawTrajectory got {count} masks, {reason}; set mask_batch to {PER_FRAME} if they show one object that moves, or to "
                f"{STILL_OBJECTS} if they show {count} objects."
            )
        one = moves
        if one:
            reading.notes.append(
                f"masks: {count} masks for {count} frames count as one object that moves (see mask_batch)."
            )
    if one:
        return from_object_mask(masks_BHW, tolerance=reading.simplify, notes=reading.notes), masks_BHW[:1]
    kept_NHW = masks_BHW[list(chosen_numbers(count, reading.choose, "masks"))]
    return from_frame_masks(kept_NHW), kept_NHW


def shapes_of(masks_BHW: Tensor, mask_batch: str, lengths: set[int], objects: int) -> Tensor:
    """The masks that give `objects` their first-frame shapes: of one object's masks frame by frame, the first."""
    if mask_batch == STILL_OBJECTS:
        return masks_BHW
    count = len(masks_BHW)
    by_itself = objects == 1 and count >= FEWEST_FRAMES and count in lengths and moves_as_one(masks_BHW)
    return masks_BHW[:1] if mask_batch == PER_FRAME or by_itself else masks_BHW


def fill_frame(image_BHWC: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale to cover the clip and crop the centre, as Wan22ImageToVideoLatent does with a start image.

    Raises:
        ValueError: a picture so thin that nothing would be left of it.
    """
    crop_to_cover((image_BHWC.shape[2], image_BHWC.shape[1]), size)
    out: Tensor = comfy.utils.common_upscale(image_BHWC.movedim(-1, 1), *size, "bilinear", "center").movedim(1, -1)
    return out


def shapes_in_first_frame(sampled: Sampled, masks_BHW: Tensor | None, cut_from: Tensor | None) -> Tensor:
    """Shape of each object in the first frame, float32 ``[N, H, W]``: connected masks, else drawn shapes, cut-outs, the boxes."""
    objects = sampled.boxes_TN4.shape[1]
    if masks_BHW is not None:
        if len(masks_BHW) != objects:
            raise ValueError(
                f"DrawTrajectory got {len(masks_BHW)} masks for {objects} objects; connect one mask per object in the objects' order, set "
                f"mask_batch to {PER_FRAME} if they show one object that moves, or disconnect them."
            )
        return (fill_frame(masks_BHW[..., None].float(), sampled.size)[..., 0] > 0.5).float()
    if cut_from is not None:
        return grabcut_shapes(sampled, cut_from[0])
    return to_frame_masks(sampled)


def one_mask_each(node: str, masks_BHW: Tensor | None, size: tuple[int, int], objects: int) -> Tensor | None:
    """Connected masks of frame 0, scaled to the clip, ``[N, H, W]``.

    Raises:
        ValueError: not one for each object of the trajectory.
    """
    if masks_BHW is None:
        return None
    if len(masks_BHW) != objects:
        raise ValueError(
            f"{node} got {len(masks_BHW)} masks for {objects} objects; connect one mask per object in the objects' order, or disconnect them."
        )
    return fill_frame(masks_BHW[..., None], size)[..., 0]


def grabcut_shapes(sampled: Sampled, picture_HWC: Tensor) -> Tensor:
    """What GrabCut finds in each object's box on frame 0, float32 ``[N, H, W]``; the shapes of objects that have one stay."""
    bytes_HWC = (picture_HWC.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return put_shapes(sampled, torch.from_numpy(refine_masks_grabcut(bytes_HWC, sampled.boxes_TN4[0])).float())


def preview_pictures(sampled: Sampled, shapes_NHW: Tensor, image_1HWC: Tensor | None) -> Tensor:
    """A few frames of the control map over the start image, float32 ``[T, h, w, 3]``, longest side 512 pixels at most.

    Drawn at twice that side at most, whatever the clip's size, in full colour and with outlines that survive the smaller picture.
    """
    frames = sampled.boxes_TN4.shape[0]
    chosen = np.unique(np.linspace(0, frames - 1, min(frames, PREVIEW_FRAMES)).round().astype(int))
    size, canvas = (_within(sampled.size, side) for side in (PREVIEW_SIDE, 2 * PREVIEW_SIDE))
    ratio = np.array(canvas) / sampled.size
    drawn = replace(sampled, boxes_TN4=sampled.boxes_TN4 * np.tile(ratio, 2), size=canvas)
    # Not a mean: what is thin stays, and no shape becomes empty.
    masks_NHW = functional.adaptive_max_pool2d(shapes_NHW[:, None], (canvas[1], canvas[0]))[:, 0].numpy() > 0.5
    line = max(default_thickness(canvas), math.ceil(2 * canvas[0] / size[0]))
    pictures = []
    for frame in chosen:
        map_1HWC = render(drawn, masks_NHW, opacity=1.0, thickness=line, frames=slice(frame, frame + 1))
        pictures.append(_area(torch.from_numpy(map_1HWC) / 255, size))
    preview = torch.cat(pictures)
    if image_1HWC is not None:
        under = _area(image_1HWC, size)
        preview = torch.where(preview.amax(-1, keepdim=True) > 0.02, 0.5 * under + 0.6 * preview, 0.65 * under)
    return preview.clamp(0, 1)


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size of the same shape whose longest side is at most ``side``."""
    scale = min(1.0, side / max(size))
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def _area(pictures_BHWC: Tensor, size: tuple[int, int]) -> Tensor:
    smaller: Tensor = comfy.utils.common_upscale(pictures_BHWC.movedim(-1, 1), *size, "area", "disabled")
    return smaller.movedim(1, -1)


def start_pictures(image_BHWC: Tensor) -> tuple[Tensor, list[int]]:
    """What the editor shows of a start image: float32 ``[n, h, w, 3]`` and the frame of each.

    Uncropped, so that it stays right when the clip's size changes. At most `START_FRAMES` frames of a batch, spread evenly; the longest
    side is at most `START_SIDE` pixels, of several pictures `PREVIEW_SIDE`.
    """
    frames = len(image_BHWC)
    chosen = np.unique(np.linspace(0, frames - 1, min(frames, START_FRAMES)).round().astype(int)).tolist()
    height, width = image_BHWC.shape[1:3]
    size = _within((width, height), START_SIDE if frames == 1 else PREVIEW_SIDE)
    return _area(image_BHWC[chosen, ..., :3].float(), size).clamp(0, 1), chosen
