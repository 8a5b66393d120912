"""Clips in a folder: videos, folders of pictures, or arrays, each named after its document. Every problem is a ValueError of one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from ..files.file_kinds import VIDEO_SUFFIXES
from ..files.reasons import first_line
from ..sets.array_files import announced_array, load_array
from ..video.frames import Frames
from ..video.pictures import picture_files, read_image
from ..video.video_reader import look, pictures

PICTURES = (".png", ".jpg", ".jpeg")
ARRAY = ".npy"
MASKS = "_masks"
"""Ending of a folder with a clip's masks."""
FITTED = ", its document "
"""Stands in what is said of a clip of another size or length."""


def find_clip(folder: Path, name: str) -> Path | None:
    """The file or folder of a clip: ``name.mp4`` (or another video), ``name.npy``, or a folder ``name`` of PNG or JPEG files; None if there is none.

    Raises:
        ValueError: there are several.
    """
    kinds = [(folder / f"{name}{suffix}", folder / f"{name}{suffix.upper()}") for suffix in (*VIDEO_SUFFIXES, ARRAY)]
    found = [path for kind in kinds if (path := next((path for path in kind if path.is_file()), None))]
    found += [folder / name] if (folder / name).is_dir() else []
    if len(found) > 1:
        raise ValueError(f"{folder} holds {' and '.join(path.name for path in found)}; keep one of them.")
    return found[0] if found else None


def clip_names(folder: Path) -> set[str]:
    """The names of all clips in a folder, as `find_clip` takes them."""
    found = set()
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.name.endswith(MASKS) and picture_files(path, PICTURES):
                found.add(path.name)
        elif path.suffix.lower() in (*VIDEO_SUFFIXES, ARRAY):
            found.add(path.stem)
    return found


def read_clip(path: Path, frames: int, size: tuple[int, int]) -> Frames:
    """A clip as uint8 RGB [T, H, W, 3].

    Args:
        path: see `find_clip`. An array is [T, H, W, 3], uint8 or floats from 0 to 1.
        frames, size: what it must have; size is (width, height).

    Raises:
        ValueError: it is damaged, holds NaN, or has another number or size of frames.
    """
    read = _read_pictures if path.is_dir() else _read_array if path.suffix.lower() == ARRAY else _read_video
    with _opened():
        return read(path, frames, size)


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder. Raises ValueError for a file that cannot be opened."""
    with _opened():
        if path.is_file():
            return _digest(path)
        total = hashlib.sha256()
        for file in sorted(path.rglob("*")):
            if file.is_file():
                total.update(f"{file.relative_to(path).as_posix()} {_digest(file)}\n".encode())
        return total.hexdigest()


@contextmanager
def _opened() -> Iterator[None]:
    """Inside, a file that cannot be opened raises ValueError: it is a fault of its clip alone."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{Path(error.filename or 'a file').name} cannot be opened ({error.strerror or first_line(error)})"
        ) from error


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()


def _check_shape(found: tuple[int, tuple[int, int]], wanted: tuple[int, tuple[int, int]]) -> None:
    """Raise ValueError for another size or number of frames than the document's, before all of them are in memory."""
    (frames, size), (wanted_frames, wanted_size) = found, wanted
    if size != wanted_size:
        raise ValueError(f"it is {size[0]} x {size[1]} pixels{FITTED}{wanted_size[0]} x {wanted_size[1]}")
    if frames != wanted_frames:
        raise ValueError(f"it has {frames} frames{FITTED}{wanted_frames}")


def _read_video(path: Path, frames: int, size: tuple[int, int]) -> Frames:
    shown = look(path, frames=frames + 1)
    _check_shape((frames, shown.size), (frames, size))
    found: list[Frames] = []
    with closing(pictures(path, shown)) as decoded:
        for _, picture_HWC in decoded:
            if len(found) == frames:
                raise ValueError(f"it has {frames + 1} or more frames{FITTED}{frames}")
            found.append(picture_HWC)
    if not found:
        raise ValueError("it has 0 frames that can be decoded")
    _check_shape((len(found), size), (frames, size))
    return np.stack(found)


def _read_pictures(folder: Path, frames: int, size: tuple[int, int]) -> Frames:
    files = picture_files(folder, PICTURES)
    if not files:
        raise ValueError("it is a folder without PNG or JPEG files")
    found: list[Frames] = []
    for file in files:
        picture_HWC = read_image(file)
        height, width, _ = picture_HWC.shape
        if not found:
            _check_shape((len(files), (width, height)), (frames, size))
        elif (width, height) != size:
            raise ValueError(f"{file.name} has another size than the first picture")
        found.append(picture_HWC)
    return np.stack(found)


def _read_array(path: Path, frames: int, size: tuple[int, int]) -> Frames:
    shape, dtype = announced_array(path)
    if len(shape) != 4 or shape[-1] != 3 or dtype.kind not in "ufO":
        raise ValueError(f"it holds {dtype} of shape {list(shape)}, not [T, H, W, 3] of uint8 or floats")
    _check_shape((shape[0], (shape[2], shape[1])), (frames, size))
    values = load_array(path)
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"it has {int((~np.isfinite(numbers)).sum())} values that are NaN or infinite")
    if numbers.min() < 0 or numbers.max() > 1:
        raise ValueError(f"its values go from {numbers.min():g} to {numbers.max():g}, not from 0 to 1")
    return np.floor(numbers * 255 + 0.5).astype(np.uint8)
