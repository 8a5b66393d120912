"""Arrays of files that others made. Pickled objects can run code when they are loaded, so they are refused; so is what says that it is huge."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..video.frames import LARGEST_CLIP

DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError, MemoryError)
"""What numpy raises for a file that is damaged, is not one of its own, or says that it holds more than fits into memory."""
ENDING = ".npy"


class Announced(NamedTuple):
    """What a file says of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """In bytes."""
        return prod(self.shape) * self.dtype.itemsize


def announced(path: Path) -> dict[str, Announced]:
    """The arrays of a .npz file by name, or that of a .npy file by "", from their headers. Raises ValueError: missing or damaged file."""
    if not path.is_file():
        raise ValueError(f"there is no {path.name}")
    try:
        return dict(_headers(path))
    except DAMAGED as error:
        raise ValueError(f"{path.name} cannot be read as an array ({_said(error)})") from error


def announced_array(path: Path) -> Announced:
    """The only array of a file. Raises ValueError as `announced` does, and for none or several."""
    found = announced(path)
    if len(found) != 1:
        raise ValueError(
            f"{path.name} cannot be read as an array (it holds the arrays {', '.join(found) or 'none'}, not one)"
        )
    return next(iter(found.values()))


def load_array(path: Path, largest: int = LARGEST_CLIP) -> NDArray[Any]:
    """The array of a .npy file, or the only one of an .npz file.

    Raises:
        ValueError: missing or damaged file, several arrays, pickled objects, or more bytes than `largest`.
    """
    announced_array(path)
    return next(iter(load_arrays(path, largest).values()))


def load_arrays(path: Path, largest: int = LARGEST_CLIP) -> dict[str, NDArray[Any]]:
    """All arrays of a file, named as `announced` names them. Raises ValueError as `load_array` does."""
    told = announced(path)
    size = sum(one.size for one in told.values())
    if any(one.dtype.hasobject for one in told.values()):
        raise ValueError(
            f"{path.name} holds pickled objects, which can run code when they are loaded; if you trust it, save it again as numbers, "
            "with numpy.save(NEW, OLD.astype('float32'))"
        )
    if size > largest:
        raise ValueError(
            f"{path.name} says that it holds {size / 1e9:.1f} GB, more than the {largest / 1e9:.1f} GB that are read"
        )
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in told}
    except DAMAGED as error:
        raise ValueError(f"{path.name} cannot be read as an array ({_said(error)})") from error


def _headers(path: Path) -> Iterator[tuple[str, Announced]]:
    if not is_zipfile(path):
        with path.open("rb") as file:
            yield "", _header(file)
        return
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(ENDING):
                with archive.open(name) as file:
                    yield name.removesuffix(ENDING), _header(file)


def _header(file: IO[bytes]) -> Announced:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):  # later ones are for names of columns
        raise ValueError(f"it is of the version {version[0]}.{version[1]}, not 1.0 or 2.0")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return Announced(shape, dtype)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
