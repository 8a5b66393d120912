"""Clips in a folder: videos, folders of pictures, or arrays, each named after its document. Every problem is a ValueError of one sentence."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import numpy as np

from ..pictures import read_image
from ..sets.array_files import load_array
from ..video import Frames
from ..video_reader import look, pictures

VIDEOS = (".mp4", ".mov", ".webm", ".mkv")
PICTURES = (".png", ".jpg", ".jpeg")
ARRAY = ".npy"
MASKS = "_masks"
"""Ending of a folder with a clip's masks."""


def find_clip(folder: Path, name: str) -> Path | None:
    """The file or folder of a clip: ``name.mp4`` (or another video), ``name.npy``, or a folder ``name`` of PNG or JPEG files; None if there is none.

    Raises:
        ValueError: there are several.
    """
    there = [folder / f"{name}{suffix}" for suffix in (*VIDEOS, ARRAY)]
    found = [path for path in there if path.is_file()]
    found += [folder / name] if (folder / name).is_dir() else []
    if len(found) > 1:
        raise ValueError(f"{folder} holds {' and '.join(path.name for path in found)}; keep one of them.")
    return found[0] if found else None


def read_clip(path: Path, frames: int, size: tuple[int, int]) -> Frames:
    """A clip as uint8 RGB [T, H, W, 3].

    Args:
        path: see `find_clip`. An array is [T, H, W, 3], uint8 or floats from 0 to 1.
        frames, size: what it must have; size is (width, height).

    Raises:
        ValueError: it is damaged, holds NaN, or has another number or size of frames.
    """
    if path.is_dir():
        found = _read_pictures(path)
    elif path.suffix == ARRAY:
        found = _read_array(path)
    else:
        found = _read_video(path, frames)
    if found.shape[1:3] != size[::-1]:
        raise ValueError(f"it is {found.shape[2]} x {found.shape[1]} pixels, its document {size[0]} x {size[1]}")
    if len(found) != frames:
        more = " or more" if len(found) > frames else ""
        raise ValueError(f"it has {len(found)}{more} frames, its document {frames}")
    return found


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder."""
    if path.is_file():
        return _digest(path)
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            total.update(f"{file.relative_to(path).as_posix()} {_digest(file)}\n".encode())
    return total.hexdigest()


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()


def _read_video(path: Path, frames: int) -> Frames:
    shown = look(path, frames=frames + 1)
    found = []
    with closing(pictures(path, shown)) as decoded:
        for _, picture_HWC in decoded:
            found.append(picture_HWC)
            if len(found) > frames:
                break
    if not found:
        raise ValueError("it has 0 frames that can be decoded")
    return np.stack(found)


def _read_pictures(folder: Path) -> Frames:
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith(".")
    )
    found = []
    for file in files:
        found.append(read_image(file))
        if found[-1].shape != found[0].shape:
            raise ValueError(f"{file.name} has another size than the first picture")
    if not found:
        raise ValueError("it is a folder without PNG or JPEG files")
    return np.stack(found)


def _read_array(path: Path) -> Frames:
    values = load_array(path)
    if values.ndim != 4 or values.shape[-1] != 3 or values.dtype.kind not in "uf":
        raise ValueError(f"it holds {values.dtype} of shape {list(values.shape)}, not [T, H, W, 3] of uint8 or floats")
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"it has {int((~np.isfinite(numbers)).sum())} values that are NaN or infinite")
    if numbers.min() < 0 or numbers.max() > 1:
        raise ValueError(f"its values go from {numbers.min():g} to {numbers.max():g}, not from 0 to 1")
    return np.floor(numbers * 255 + 0.5).astype(np.uint8)
