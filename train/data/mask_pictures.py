"""Pictures in which each object has a colour of its own, as labels and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import dumps, from_boxes, rounded
from flashmotion_core.video_reader import look
from flashmotion_core.whole_file import write_whole

MOST = 64
"""Objects that a trajectory document holds."""


def convert_masks(pictures: Sequence[Path], video: Path, labels: Path, document: Path) -> None:
    """Write a label picture for each mask picture, and a document with the boxes around the labels.

    Args:
        pictures: one for each frame of the video, in order; black or index 0 is the background.
        video: whose frames they are.
        labels: the folder for ``00000.png`` ...
        document: the file for the trajectory.

    Raises:
        ValueError: a picture is not a mask, has another size, or shows nothing.
        OSError: a file cannot be read or written.
    """
    from PIL import Image

    shown = look(video, frames=len(pictures))
    known: dict[int, int] = {}
    boxes: list[dict[int, tuple[int, int, int, int]]] = []
    labels.mkdir(parents=True)
    for number, path in enumerate(pictures):
        with Image.open(path) as picture:
            colors_HW = _colors(picture)
        if colors_HW.shape[::-1] != shown.size:
            raise ValueError(
                f"{path.name} has {colors_HW.shape[1]} x {colors_HW.shape[0]} pixels, but the video has {shown.size[0]} x {shown.size[1]}"
            )
        labels_HW = np.zeros(colors_HW.shape, np.uint8)
        boxes.append({})
        for color in np.unique(colors_HW).tolist():
            if not color:
                continue
            label = known.setdefault(color, len(known) + 1)
            if label > MOST:
                raise ValueError(f"{path.name} has more than {MOST} colours and is not a mask")
            labels_HW[colors_HW == color] = label
            boxes[-1][label] = _box(colors_HW == color)
        Image.fromarray(labels_HW).save(labels / f"{number:05d}.png")
    if not known:
        raise ValueError(f"its {len(pictures)} masks are empty")
    boxes_TN4 = np.full((len(boxes), len(known), 4), np.nan)
    visible_TN = np.zeros(boxes_TN4.shape[:2], dtype=bool)
    for t, found in enumerate(boxes):
        for label, box in found.items():
            boxes_TN4[t, label - 1], visible_TN[t, label - 1] = box, True
    ids = [f"o{label}" for label in known.values()]
    fps = (len(shown.ticks) - 1) / shown.times[-1] if len(shown.ticks) > 1 else 24.0
    drawn = from_boxes(boxes_TN4, visible_TN, size=shown.size, fps=min(fps, 240.0), ids=ids, labels=[""] * len(ids))
    write_whole(document, dumps(rounded(drawn)))


def _colors(picture: object) -> NDArray[np.int64]:
    """The colour of each pixel ``[H, W]`` as one number; of a grey or palette picture its value."""
    from PIL import Image

    assert isinstance(picture, Image.Image)
    if picture.mode in ("P", "L", "1", "I", "I;16"):
        return np.asarray(picture).astype(np.int64)
    rgb_HWC = np.asarray(picture.convert("RGB")).astype(np.int64)
    colors: NDArray[np.int64] = (rgb_HWC * (1 << 16, 1 << 8, 1)).sum(axis=-1)
    return colors


def _box(inside_HW: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = np.flatnonzero(inside_HW.any(axis=0)), np.flatnonzero(inside_HW.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
