"""How DrawTrajectory reads connected inputs, and the pictures it shows: functions of tensors and documents."""

from __future__ import annotations

import math
from typing import Any

import comfy.utils
import numpy as np
import torch
from torch import Tensor

from ..flashmotion_core.trajectory import (
    Sampled,
    Trajectory,
    default_thickness,
    from_bounding_boxes,
    from_tracks,
    refine_masks_grabcut,
    render,
    to_frame_masks,
)

PREVIEW_FRAMES, PREVIEW_SIDE = 16, 512
START_FRAMES, START_SIDE = 16, 1280


def connected_objects_of(picture: tuple[int, int], boxes: Any, tracks: Any, track_size: float) -> list[Trajectory]:
    """Documents of connected boxes and tracks, in pixels of the picture ``(width, height)`` they were found on."""
    side = track_size * picture[1]
    found = [] if boxes is None else [from_bounding_boxes(boxes, size=picture)]
    return found if tracks is None else [*found, from_tracks(tracks, size=picture, box_size=(side, side))]


def fill_frame(image_BHWC: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale to cover the clip and crop the centre, as Wan22ImageToVideoLatent does with a start image."""
    out: Tensor = comfy.utils.common_upscale(image_BHWC.movedim(-1, 1), *size, "bilinear", "center").movedim(1, -1)
    return out


def shapes_in_first_frame(sampled: Sampled, masks_BHW: Tensor | None, cut_from: Tensor | None) -> Tensor:
    """Shape of each object in the first frame, float32 ``[N, H, W]``: connected masks, else cut-outs, else the boxes."""
    objects = sampled.boxes_TN4.shape[1]
    if masks_BHW is not None:
        if len(masks_BHW) != objects:
            raise ValueError(
                f"DrawTrajectory got {len(masks_BHW)} masks for {objects} objects; connect one mask per object in the objects' order, or none."
            )
        return (fill_frame(masks_BHW[..., None].float(), sampled.size)[..., 0] > 0.5).float()
    if cut_from is not None:
        picture_HWC = (cut_from[0].clamp(0, 1) * 255).round().byte().cpu().numpy()
        return torch.from_numpy(refine_masks_grabcut(picture_HWC, sampled.boxes_TN4[0])).float()
    return to_frame_masks(sampled)


def preview_pictures(sampled: Sampled, shapes_NHW: Tensor, image_1HWC: Tensor | None) -> Tensor:
    """A few frames of the control map over the start image, float32 ``[T, h, w, 3]``, longest side 512 pixels at most."""
    frames = sampled.boxes_TN4.shape[0]
    chosen = np.unique(np.linspace(0, frames - 1, min(frames, PREVIEW_FRAMES)).round().astype(int))
    scale = min(1.0, PREVIEW_SIDE / max(sampled.size))
    size = (round(sampled.size[0] * scale), round(sampled.size[1] * scale))
    pictures = []
    for frame in chosen:
        # One full-size frame at a time, in full colour and with outlines that survive the smaller picture.
        drawn_1HWC = render(
            sampled,
            masks_NHW=shapes_NHW.numpy() > 0.5,
            opacity=1.0,
            thickness=max(default_thickness(sampled.size), math.ceil(2 / scale)),
            frames=slice(frame, frame + 1),
        )
        map_1HWC = torch.from_numpy(drawn_1HWC) / 255
        pictures.append(comfy.utils.common_upscale(map_1HWC.movedim(-1, 1), *size, "area", "disabled").movedim(1, -1))
    preview = torch.cat(pictures)
    if image_1HWC is not None:
        under = comfy.utils.common_upscale(image_1HWC.movedim(-1, 1), *size, "area", "disabled").movedim(1, -1)
        preview = torch.where(preview.amax(-1, keepdim=True) > 0.02, 0.5 * under + 0.6 * preview, 0.65 * under)
    return preview.clamp(0, 1)


def start_pictures(image_BHWC: Tensor) -> tuple[Tensor, list[int]]:
    """What the editor shows of a start image: float32 ``[n, h, w, 3]`` and the frame of each.

    Uncropped, so that it stays right when the clip's size changes. At most `START_FRAMES` frames of a batch, spread evenly; the longest
    side is at most `START_SIDE` pixels, of several pictures `PREVIEW_SIDE`.
    """
    frames = len(image_BHWC)
    chosen = np.unique(np.linspace(0, frames - 1, min(frames, START_FRAMES)).round().astype(int)).tolist()
    height, width = image_BHWC.shape[1:3]
    scale = min(1.0, (START_SIDE if frames == 1 else PREVIEW_SIDE) / max(width, height))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small: Tensor = comfy.utils.common_upscale(
        image_BHWC[chosen, ..., :3].float().movedim(-1, 1), *size, "area", "disabled"
    ).movedim(1, -1)
    return small.clamp(0, 1), chosen
