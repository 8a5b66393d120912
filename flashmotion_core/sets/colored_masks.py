"""Pictures in which each object has a colour of its own, as labels and boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.whole_file import write_whole
from ..trajectory import Trajectory, dumps, from_boxes
from ..trajectory.model import MAX_OBJECTS
from ..video.video_reader import look

Labels = NDArray[np.uint8]


def convert_masks(pictures: Sequence[Path], video: Path, labels: Path, document: Path) -> None:
    """Write a label picture for each mask picture, and a document with the boxes around the labels.

    Args:
        pictures: one for each frame of the video, in order; black or index 0 is the background.
        video: whose frames they are.
        labels: the folder for ``00000.png`` ...
        document: the file for the trajectory.

    Raises:
        ValueError: a picture cannot be read, is not a mask, has another size, or shows nothing.
        OSError: a file cannot be written.
    """
    from PIL import Image

    shown = look(video, frames=len(pictures))
    boxes: list[dict[int, tuple[int, int, int, int]]] = []
    labels.mkdir(parents=True)
    for number, labels_HW in enumerate(read_colors(pictures, shown.size)):
        boxes.append(boxes_of_labels(labels_HW))
        Image.fromarray(labels_HW).save(labels / f"{number:05d}.png")
    fps = (len(shown.ticks) - 1) / shown.times[-1] if len(shown.ticks) > 1 else 24.0
    write_whole(document, dumps(boxes_document(boxes, shown.size, fps)))


def read_colors(pictures: Sequence[Path], size: tuple[int, int]) -> Iterator[Labels]:
    """Labels [H, W] of each picture, from 1 in the order in which their colours are met; 0 for black or index 0.

    Args:
        pictures: in order.
        size: (width, height) that each must have.

    Raises:
        ValueError: a picture cannot be read, is not a mask, or has another size.
    """
    known: dict[int, int] = {}
    for path in pictures:
        colors_HW = read_colors_of(path)
        if colors_HW.shape[::-1] != size:
            raise ValueError(
                f"{path.name} has {colors_HW.shape[1]} x {colors_HW.shape[0]} pixels, but the video has {size[0]} x {size[1]}"
            )
        labels_HW = np.zeros(colors_HW.shape, np.uint8)
        for color in np.unique(colors_HW).tolist():
            if not color:
                continue
            label = known.setdefault(color, len(known) + 1)
            if label > MAX_OBJECTS:
                raise ValueError(f"{path.name} has more than {MAX_OBJECTS} colours and is not a mask")
            labels_HW[colors_HW == color] = label
        yield labels_HW


def read_colors_of(path: Path) -> NDArray[np.int64]:
    """The colour of each pixel ``[H, W]`` of a picture as one number; of a grey or palette picture its value; 0 where it is transparent.

    Raises ValueError if it cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return _colors(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} cannot be read as a picture ({error})") from error


def renumbered(ids: NDArray[np.integer[Any]], ignored: Collection[int] = ()) -> Labels:
    """Labels from 1 without gaps for any whole numbers, in their order; 0 and those that are ignored are the background.

    Raises ValueError for more of them than a document may have objects.
    """
    known = [value for value in np.unique(ids).tolist() if value and value not in ignored]
    if len(known) > MAX_OBJECTS:
        raise ValueError(f"its masks show {len(known)} objects or levels, more than {MAX_OBJECTS}: they are not masks")
    labels = np.zeros(ids.shape, np.uint8)
    for label, value in enumerate(known, start=1):
        labels[ids == value] = label
    return labels


def boxes_of_labels(labels_HW: Labels) -> dict[int, tuple[int, int, int, int]]:
    """The rectangle (x, y, w, h) in pixels around each label of a picture."""
    found = {}
    for label in np.unique(labels_HW).tolist():
        if label:
            inside_HW = labels_HW == label
            columns, rows = np.flatnonzero(inside_HW.any(axis=0)), np.flatnonzero(inside_HW.any(axis=1))
            wide, high = int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
            found[label] = (int(columns[0]), int(rows[0]), wide, high)
    return found


def boxes_document(
    boxes: Sequence[dict[int, tuple[int, int, int, int]]], size: tuple[int, int], fps: float
) -> Trajectory:
    """The document of boxes by label, frame by frame; an object without a box on a frame is hidden there.

    Raises ValueError if there is no box at all, or for anything outside the document's limits.
    """
    count = max((max(found, default=0) for found in boxes), default=0)
    if not count:
        raise ValueError(f"its {len(boxes)} masks are empty")
    boxes_TN4 = np.full((len(boxes), count, 4), np.nan)
    visible_TN = np.zeros(boxes_TN4.shape[:2], dtype=bool)
    for t, found in enumerate(boxes):
        for label, box in found.items():
            boxes_TN4[t, label - 1], visible_TN[t, label - 1] = box, True
    ids = [f"o{n + 1}" for n in range(count)]
    return from_boxes(boxes_TN4, visible_TN, size=size, fps=min(fps, 240.0), ids=ids, labels=[""] * count)


def _colors(picture: Any) -> NDArray[np.int64]:
    if picture.mode in ("P", "L", "1", "I", "I;16"):
        return np.asarray(picture).astype(np.int64)
    rgba_HWC = np.asarray(picture.convert("RGBA")).astype(np.int64)
    colors: NDArray[np.int64] = (rgba_HWC[..., :3] * (1 << 16, 1 << 8, 1)).sum(axis=-1)
    return np.where(rgba_HWC[..., 3] > 127, colors, 0)
