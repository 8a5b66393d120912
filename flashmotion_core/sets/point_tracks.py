"""Points that were tracked through a clip, and their file ``NAME_tracks.npz``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .array_files import load_arrays

ARRAYS = ("points_TK2", "visible_TK", "objects_K")


@dataclass(frozen=True, eq=False)
class PointTracks:
    """Points that were tracked through a clip; T frames, K points.

    Attributes:
        points_TK2: (x, y) in pixels, (0, 0) the middle of the first pixel.
        visible_TK: False where a point is hidden.
        objects_K: the number of the object that a point belongs to, from 0.
    """

    points_TK2: NDArray[np.float32]
    visible_TK: NDArray[np.bool_]
    objects_K: NDArray[np.int64]


def inside(points_X2: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points [...] lie in a picture of (width, height); False for NaN."""
    found: NDArray[np.bool_] = np.asarray(((points_X2 >= -0.5) & (points_X2 < np.array(size) - 0.5)).all(axis=-1))
    return found


def read_point_tracks(path: Path) -> PointTracks:
    """The tracks of a clip. Raises ValueError for another form or damage; nothing is unpickled."""
    try:
        found = load_arrays(path)
        tracks = PointTracks(*(found[name] for name in ARRAYS))
    except (ValueError, KeyError) as error:
        said = "it lacks one of its arrays" if isinstance(error, KeyError) else error
        raise ValueError(f"{path.name} cannot be read as tracks ({said}); it holds {', '.join(ARRAYS)}") from error
    shape = tracks.points_TK2.shape
    if len(shape) != 3 or shape[2] != 2 or tracks.visible_TK.shape != shape[:2] or tracks.objects_K.shape != shape[1:2]:
        raise ValueError(
            f"{path.name} holds points of the shape {list(shape)}, not [T, K, 2] with visibility and objects"
        )
    kinds = "".join(array.dtype.kind for array in vars(tracks).values())
    if kinds != "fbi":
        raise ValueError(
            f"{path.name} holds {', '.join(str(array.dtype) for array in vars(tracks).values())}, not float32, bool and int64"
        )
    return tracks
