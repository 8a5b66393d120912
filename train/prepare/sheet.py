"""The picture of a clip for the preview: frames with boxes, frames with masks, and the control map as it will be trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flashmotion_core.adapters import MapStyle
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.reports.contact_sheets import Picture, contact_sheet, with_boxes
from flashmotion_core.trajectory import object_color
from flashmotion_core.video.frames import Frames

from ..data.control import FirstFrame, control_maps
from ..data.sources import SourceClip

COLUMNS = 6
TILE = 240
"""Pixels of a tile's longer side."""


def clip_sheet(clip: SourceClip, style: MapStyle, first_frame: FirstFrame) -> Picture:
    """Six moments of a clip from left to right, in three rows (two if it has no objects)."""
    chosen = np.linspace(0, len(clip.frames_THWC) - 1, COLUMNS).round().astype(int).tolist()
    rows = [with_boxes(clip.frames_THWC, clip.trajectory)[chosen], _with_masks(clip)[chosen]]
    if clip.trajectory.objects:
        rows.append(control_maps(clip, style, first_frame)[0][chosen])
    return contact_sheet([[_tile(picture) for picture in row] for row in rows])


def _with_masks(clip: SourceClip) -> Frames:
    """Frames with each object's mask in its colour over it; masks of frame 0 alone are shown there only."""
    out: Frames = clip.frames_THWC.copy()
    for t, labels_HW in enumerate(clip.labels_THW if clip.labels_THW is not None else ()):
        for n in range(len(clip.trajectory.objects)):
            inside = labels_HW == n + 1
            color = np.array(object_color(n, opacity=1.0), dtype=np.uint16)
            out[t][inside] = ((out[t][inside].astype(np.uint16) + color) // 2).astype(np.uint8)
    return out


def _tile(picture: Picture) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    tile: Picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return tile


def write_jpeg(path: Path, picture: Picture) -> None:
    """Write a picture as JPEG."""
    from PIL import Image

    write_whole(path, lambda part: Image.fromarray(picture).save(part, format="JPEG", quality=80))
