"""A clip's trajectory as the adapter and the losses see it: two control maps, and a map of where its objects are."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.trajectory import Sampled, object_color, render, sample
from flashmotion_core.trajectory.drawing.control_map import Mode
from flashmotion_core.video.frames import Frames
from flashmotion_core.wan.config import SPATIAL_STRIDE, TEMPORAL_STRIDE

from .sources import SourceClip

FirstFrame = Literal["masks", "boxes"]


def control_maps(clip: SourceClip, style: MapStyle, first_frame: FirstFrame = "masks") -> tuple[Frames, Frames]:
    """The control map with boxes and the one with masks, uint8 ``[T, H, W, 3]`` each, as the nodes render them.

    Both show filled masks on frame 0, or filled boxes if the clip has no masks. On later frames the first map shows outlines, and the second
    one the exact masks; if only those of frame 0 are known, they move with their boxes. An object is not drawn on a frame where it is
    hidden, or where its mask is known and empty.

    Args:
        clip: the clip with its trajectory and masks.
        style: opacity and thickness; its mode is ignored, as both are rendered.
        first_frame: what the map with boxes shows on frame 0 if masks are known.
    """
    sampled = sample(clip.trajectory)
    if clip.labels_THW is None:
        return _render(sampled, None, "box", style), _render(sampled, None, "mask", style)
    first_NHW = clip.masks_at(0)
    visible_TN = sampled.visible_TN.copy()
    visible_TN[0] &= first_NHW.any(axis=(1, 2))
    sampled = replace(sampled, visible_TN=visible_TN)
    boxes = _render(sampled, None if first_frame == "boxes" else first_NHW, "box", style)
    if len(clip.labels_THW) == 1:
        return boxes, _render(sampled, first_NHW, "mask", style)
    return boxes, _paint_labels(clip.labels_THW, visible_TN, style.opacity)


def _render(sampled: Sampled, masks_NHW: NDArray[np.bool_] | None, mode: Mode, style: MapStyle) -> Frames:
    return render(sampled, masks_NHW, mode=mode, opacity=style.opacity, thickness=style.thickness)


def _paint_labels(labels_THW: NDArray[np.uint8], visible_TN: NDArray[np.bool_], opacity: float) -> Frames:
    """Each pixel in the control map's colour of its object; background and hidden objects are black."""
    frames, objects = visible_TN.shape
    colors_TK3 = np.zeros((frames, objects + 1, 3), dtype=np.uint8)
    for n in range(objects):
        colors_TK3[visible_TN[:, n], n + 1] = object_color(n, opacity=opacity)
    return np.stack([colors_K3[labels_HW] for colors_K3, labels_HW in zip(colors_TK3, labels_THW, strict=True)])


def inside_map(sampled: Sampled) -> NDArray[np.uint8]:
    """Where the objects are, uint8 ``[1, F, H, W]`` at the latent's size.

    A cell (16 x 16 pixels) is 1 if the box of any visible object covers its centre on any pixel frame of its latent frame (the first latent
    frame has one, the others four each). Left and top edges belong to a box. A box smaller than a cell may cover no centre.
    """
    width, height = sampled.size
    x_W = (np.arange(width // SPATIAL_STRIDE) + 0.5) * SPATIAL_STRIDE
    y_H = (np.arange(height // SPATIAL_STRIDE) + 0.5) * SPATIAL_STRIDE
    left, top, wide, high = (edge_TN[..., None] for edge_TN in np.moveaxis(sampled.boxes_TN4, -1, 0))
    across_TNW = (left <= x_W) & (x_W < left + wide) & sampled.visible_TN[..., None]
    down_TNH = (top <= y_H) & (y_H < top + high)
    inside_THW = (down_TNH[..., None] & across_TNW[:, :, None]).any(axis=1)
    later_FHW = inside_THW[1:].reshape(-1, TEMPORAL_STRIDE, *inside_THW.shape[1:]).any(axis=1)
    return np.concatenate([inside_THW[:1], later_FHW])[None].astype(np.uint8)
