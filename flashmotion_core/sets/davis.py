"""DAVIS (2016, 2017): ``JPEGImages/480p/NAME/00000.jpg`` ..., ``Annotations/480p/NAME/00000.png`` ..., ``ImageSets/2017/val.txt``.

Annotations are palette pictures with the index of the object (2017) or black and white (2016). 255 beside other values is unclear, and counts as
background. Pictures have no frame rate; 24 is written.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..pictures import read_labels, read_mask
from ..texts import read_text
from .colored_masks import boxes_document, boxes_of_labels
from .read_clip import FPS, GivenClip, ReadClip, picture_frames

PICTURES, MASKS, LISTS = "JPEGImages", "Annotations", "ImageSets"
RESOLUTION, PART = "480p", "2017/val"
UNCLEAR = 255


def is_davis(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / PICTURES).is_dir() and (folder / MASKS).is_dir()


def davis_clips(folder: Path, part: str | None) -> list[GivenClip]:
    """The sequences of a part.

    Args:
        folder: the set's.
        part: a list of ImageSets without its ending, such as ``2017/val`` or ``Full-Resolution/2017/train``; None for ``2017/val`` of
            480p, or all sequences where there are no lists.

    Raises:
        ValueError: there is no such list or resolution.
    """
    resolutions = sorted(path.name for path in (folder / PICTURES).iterdir() if path.is_dir())
    first, _, rest = (part or "").partition("/")
    resolution, listed = (first, rest) if first in resolutions else (RESOLUTION, part or "")
    if resolution not in resolutions:
        raise ValueError(
            f"{folder / PICTURES} has no resolution {resolution}, only {', '.join(resolutions) or 'nothing'}; name one in the part."
        )
    return [
        GivenClip(name, "", partial(_read, folder, resolution, name)) for name in _names(folder, resolution, listed)
    ]


def _names(folder: Path, resolution: str, listed: str) -> list[str]:
    file = folder / LISTS / f"{listed or PART}.txt"
    if not file.is_file():
        if listed:
            there = sorted(
                path.relative_to(folder / LISTS).with_suffix("").as_posix() for path in (folder / LISTS).rglob("*.txt")
            )
            raise ValueError(
                f"{folder / LISTS} has no list {listed}, only {', '.join(there) or 'nothing'}; choose one."
            )
        folders = (path for path in (folder / PICTURES / resolution).iterdir() if path.is_dir())
        return sorted(path.name for path in folders if not path.name.startswith("."))
    names = []
    for line in read_text(file).splitlines():
        words = line.split()
        if words:  # 2016: "/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png"
            names.append(Path(words[0]).parent.name if "/" in words[0] else words[0])
    return list(dict.fromkeys(names))


def _read(folder: Path, resolution: str, name: str, frames: int | None) -> ReadClip:
    source = folder / PICTURES / resolution / name
    pictures = _files(source, ("*.jpg", "*.jpeg", "*.png"))
    if not pictures:
        raise ValueError(f"there are no pictures in {PICTURES}/{resolution}/{name}")
    frames_THWC = picture_frames(pictures, frames)
    masks = {path.stem: path for path in _files(folder / MASKS / resolution / name, ("*.png",))}
    missing = [path.stem for path in pictures[:frames] if path.stem not in masks]
    if missing:
        raise ValueError(f"{len(missing)} of {len(frames_THWC)} frames have no annotation, such as {missing[0]}")
    height, width = frames_THWC.shape[1:3]
    labels_THW = np.stack([_labels(masks[path.stem], (width, height)) for path in pictures[:frames]])
    labels_THW = _counted(labels_THW)
    document = boxes_document([boxes_of_labels(labels_HW) for labels_HW in labels_THW], (width, height), FPS)
    return ReadClip(frames_THWC, document, labels_THW, source=source if len(frames_THWC) == len(pictures) else None)


def _labels(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    found = read_labels(path)
    labels_HW: NDArray[np.uint8] = (read_mask(path) if found is None else found).astype(np.uint8)
    if labels_HW.shape[::-1] != size:
        raise ValueError(
            f"the annotation {path.name} has the size {labels_HW.shape[1]} x {labels_HW.shape[0]}, its picture {size[0]} x {size[1]}"
        )
    return labels_HW


def _counted(labels_THW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels from 1 without gaps, in their order."""
    known = [label for label in np.unique(labels_THW).tolist() if label]
    if len(known) > 1 and known[-1] == UNCLEAR:
        known = known[:-1]
    table = np.zeros(256, np.uint8)
    table[known] = np.arange(1, len(known) + 1)
    return table[labels_THW]


def _files(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = [path for pattern in patterns for path in folder.glob(pattern)] if folder.is_dir() else []
    return sorted(path for path in found if not path.name.startswith("."))
