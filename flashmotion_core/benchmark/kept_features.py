"""Features of clips in files of their own, beside the figures: an extractor that is added later reads no clip's figures again."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..extractors.extractor import Extractor
from ..files.whole_file import write_whole
from ..sets.array_files import load_arrays
from ..video.frames import Frames

Array = NDArray[np.float64]


def features_of_clip(file: Path, mark: str, extractor: Extractor, frames_THWC: Callable[[], Frames]) -> Array:
    """Features [K, D] of a clip: those of the file if they were made under the same mark, else new ones, which are kept there.

    Raises ValueError: the clip is too short for the extractor, or features are not finite.
    """
    kept = _kept(file, mark)
    if kept is not None:
        return kept
    found_KD = np.asarray(extractor(frames_THWC()), dtype=np.float64)
    assert found_KD.ndim == 2, f"{extractor.name} gave features of shape {found_KD.shape}"
    if not np.isfinite(found_KD).all():
        raise ValueError(f"{extractor.name} finds features in it that are not finite")
    held = io.BytesIO()
    np.savez(held, features=found_KD, mark=np.array(mark))
    write_whole(file, held.getvalue())
    return found_KD


def _kept(file: Path, mark: str) -> Array | None:
    try:
        found = load_arrays(file)
        return np.asarray(found["features"], dtype=np.float64) if str(found["mark"]) == mark else None
    except (ValueError, KeyError):
        return None
