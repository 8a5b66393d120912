"""DAVIS (2016, 2017): ``JPEGImages/480p/NAME/00000.jpg`` ..., ``Annotations/480p/NAME/00000.png`` ..., ``ImageSets/2017/val.txt``, as
davis2017-evaluation reads them; the unsupervised download has ``Annotations_unsupervised`` instead.

Annotations are palette pictures with the index of the object (2017) or black and white (2016); grey of 16 bits and one colour per object, as other
programs save them, are read too. 255, or its colour, beside other values is unclear, and counts as background. Pictures have no frame rate; 24 is
written.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files.texts import read_text
from ..video.pictures import picture_files, read_labels
from .colored_masks import boxes_document, boxes_of_labels, read_colors_of, renumbered
from .listed_names import check_listed
from .read_clip import FPS, GivenClip, ReadClip, picture_frames

PICTURES, LISTS = "JPEGImages", "ImageSets"
MASKS = ("Annotations", "Annotations_unsupervised")
"""The first that is there counts."""
RESOLUTION, PART = "480p", "2017/val"
PICTURE_FILES = (".jpg", ".jpeg", ".png")
UNCLEAR = (255, 224 << 16 | 224 << 8 | 192)
"""The index, and the colour that DAVIS gives it."""


def is_davis(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / PICTURES).is_dir() and _masks(folder).is_dir()


def _masks(folder: Path) -> Path:
    there = [folder / name for name in MASKS]
    return next((path for path in there if path.is_dir()), there[0])


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
        GivenClip(name, "", partial(_read, folder, resolution, name), partial(_files_of, folder, resolution, name))
        for name in _names(folder, resolution, listed)
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
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        words = line.split()
        if words and "/" in words[0]:  # 2016: "/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png"
            check_listed(words[0].lstrip("/"), f"{file}, line {number}")
            names.append(Path(words[0]).parent.name)
        elif words:
            names.append(words[0])
    return list(dict.fromkeys(names))


def _read(folder: Path, resolution: str, name: str, frames: int | None) -> ReadClip:
    source = folder / PICTURES / resolution / name
    pictures = picture_files(source, PICTURE_FILES)
    if not pictures:
        raise ValueError(f"there are no pictures in {PICTURES}/{resolution}/{name}")
    frames_THWC = picture_frames(pictures, frames)
    masks = {path.stem: path for path in picture_files(_masks(folder) / resolution / name)}
    missing = [path.stem for path in pictures[:frames] if path.stem not in masks]
    if missing:
        raise ValueError(f"{len(missing)} of {len(frames_THWC)} frames have no annotation, such as {missing[0]}")
    height, width = frames_THWC.shape[1:3]
    labels_THW = _counted(np.stack([_labels(masks[path.stem], (width, height)) for path in pictures[:frames]]))
    document = boxes_document([boxes_of_labels(labels_HW) for labels_HW in labels_THW], (width, height), FPS)
    return ReadClip(frames_THWC, document, labels_THW, source=source if len(frames_THWC) == len(pictures) else None)


def _labels(path: Path, size: tuple[int, int]) -> NDArray[np.int32]:
    """Whole numbers [H, W]: the objects' labels, or a number for each colour."""
    labels_HW = read_labels(path)
    found_HW: NDArray[np.int32] = (read_colors_of(path) if labels_HW is None else labels_HW).astype(np.int32)
    if found_HW.shape[::-1] != size:
        raise ValueError(
            f"the annotation {path.name} has the size {found_HW.shape[1]} x {found_HW.shape[0]}, its picture {size[0]} x {size[1]}"
        )
    return found_HW


def _counted(ids_THW: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Labels from 1 without gaps, in their order."""
    known = [value for value in np.unique(ids_THW).tolist() if value]
    return renumbered(ids_THW, UNCLEAR if len(known) > 1 else ())


def _files_of(folder: Path, resolution: str, name: str) -> list[Path]:
    pictures = picture_files(folder / PICTURES / resolution / name, PICTURE_FILES)
    return pictures + picture_files(_masks(folder) / resolution / name)
