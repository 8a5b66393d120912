"""Arrays of files that others made. Pickled objects can run code when they are loaded, so they are refused."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError, MemoryError)
"""What numpy raises for a file that is damaged, is none of its own, or says that it holds more than fits into memory."""


def load_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file, or the only one of an .npz file.

    Raises:
        ValueError: missing or damaged file, several arrays, or pickled objects.
    """
    if not path.is_file():
        raise ValueError(f"there is no {path.name}")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            if len(loaded.files) != 1:
                raise ValueError(f"it holds the arrays {', '.join(loaded.files) or 'none'}, not one")
            only: NDArray[Any] = loaded[loaded.files[0]]
            return only
    except DAMAGED as error:
        said = " ".join(str(error).split()) or type(error).__name__
        if "pickle" in said:
            raise ValueError(
                f"{path.name} holds pickled objects, which can run code when they are loaded; if you trust it, save it again as numbers, "
                "with numpy.save(NEW, OLD.astype('float32'))"
            ) from error
        raise ValueError(f"{path.name} cannot be read as an array ({said})") from error
