"""Pictures of clips for validation and reports."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files.whole_file import write_whole
from ..trajectory import Trajectory, object_color, sample

Picture = NDArray[np.uint8]
GAP = 4


def contact_sheet(rows: Sequence[Sequence[Picture]], gap: int = GAP) -> Picture:
    """Pictures ``[H, W, 3]`` of one width, and of one height in each row, with a light gap of so many pixels between them."""
    width, columns = rows[0][0].shape[1], max(len(row) for row in rows)
    tall = gap + sum(row[0].shape[0] + gap for row in rows)
    sheet = np.full((tall, columns * (width + gap) + gap, 3), 235, dtype=np.uint8)
    y = gap
    for row in rows:
        height = row[0].shape[0]
        for j, picture in enumerate(row):
            x = gap + j * (width + gap)
            sheet[y : y + height, x : x + width] = picture
        y += height + gap
    return sheet


def with_boxes(frames_THWC: Picture, trajectory: Trajectory) -> Picture:
    """Frames ``[T, H, W, 3]`` with a trajectory's boxes drawn over them, each object in its control colour at full strength."""
    from PIL import Image, ImageDraw

    frames, height, width, _ = frames_THWC.shape
    sampled = sample(trajectory, frames, (width, height))
    line = max(1, round(min(width, height) / 100))
    out = np.empty_like(frames_THWC)
    for t in range(frames):
        picture = Image.fromarray(frames_THWC[t])
        draw = ImageDraw.Draw(picture)
        for k, (x, y, w, h) in enumerate(sampled.boxes_TN4[t].tolist()):
            if sampled.visible_TN[t, k]:
                draw.rectangle((x, y, x + w, y + h), outline=object_color(k, opacity=1.0), width=line)
        out[t] = np.asarray(picture)
    return out


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture as PNG; its folder is made."""
    from PIL import Image

    write_whole(path, partial(Image.fromarray(picture).save, format="PNG"))
