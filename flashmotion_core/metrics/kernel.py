"""Kernel distance of two sets of features (Binkowski et al., 2018): unbiased, so that it also serves small sets, where Frechet is biased upwards.

MMD^2 = mean k(a, a') over pairs a != a'  +  mean k(b, b') over pairs b != b'  -  2 mean k(a, b),   k(x, y) = (x . y / D + 1)^3
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


BLOCK = 2048
"""Rows of the kernel at once: those of all frames of a set would not fit."""


def kernel_distance(a_ND: Array, b_MD: Array, clips_N: Numbers | None = None, clips_M: Numbers | None = None) -> float:
    """The squared distance; around 0, also below, for two draws of one distribution.

    Args:
        a_ND, b_MD: features, of clips or of frames.
        clips_N, clips_M: which clip each row belongs to: frames of one clip are not two draws, so their pairs are left out. None: every row is
            a clip.

    Raises ValueError for fewer than two clips in a set, or features of different lengths.
    """
    a_ND, b_MD = np.asarray(a_ND, dtype=np.float64), np.asarray(b_MD, dtype=np.float64)
    clips_N = np.arange(len(a_ND)) if clips_N is None else clips_N
    clips_M = np.arange(len(b_MD)) if clips_M is None else clips_M
    few = min(len(np.unique(clips_N)), len(np.unique(clips_M))) < 2
    if a_ND.ndim != 2 or b_MD.ndim != 2 or few or a_ND.shape[1] != b_MD.shape[1]:
        raise ValueError(
            f"the features have the shapes {list(a_ND.shape)} and {list(b_MD.shape)}: give [clips, dimensions] of at least two clips each."
        )
    between = sum(float(_kernel(a_ND[part], b_MD).sum()) for part in _parts(len(a_ND))) / (len(a_ND) * len(b_MD))
    return _among(a_ND, clips_N) + _among(b_MD, clips_M) - 2 * between


def _kernel(a_ND: Array, b_MD: Array) -> Array:
    kernel: Array = (a_ND @ b_MD.T / a_ND.shape[1] + 1) ** 3
    return kernel


def _among(a_ND: Array, clips_N: Numbers) -> float:
    """The mean over pairs of different clips."""
    total, count = 0.0, 0
    for part in _parts(len(a_ND)):
        apart_PN = clips_N[part, None] != clips_N[None]
        total += float(_kernel(a_ND[part], a_ND)[apart_PN].sum())
        count += int(apart_PN.sum())
    return total / count


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
