"""Kernel distance of two sets of features (Binkowski et al., 2018): unbiased, so that it also serves small sets, where Frechet is biased upwards.

MMD^2 = mean k(a, a') over pairs a != a'  +  mean k(b, b') over pairs b != b'  -  2 mean k(a, b),   k(x, y) = (x . y / D + 1)^3
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def kernel_distance(a_ND: Array, b_MD: Array) -> float:
    """The squared distance; around 0, also below, for two draws of one distribution.

    Raises ValueError for fewer than two clips in a set, or features of different lengths.
    """
    a_ND, b_MD = np.asarray(a_ND, dtype=np.float64), np.asarray(b_MD, dtype=np.float64)
    if a_ND.ndim != 2 or b_MD.ndim != 2 or min(len(a_ND), len(b_MD)) < 2 or a_ND.shape[1] != b_MD.shape[1]:
        raise ValueError(
            f"the features have the shapes {list(a_ND.shape)} and {list(b_MD.shape)}: give [clips, dimensions] of at least two clips each."
        )
    return _among(a_ND) + _among(b_MD) - 2 * float(_kernel(a_ND, b_MD).mean())


def _kernel(a_ND: Array, b_MD: Array) -> Array:
    kernel: Array = (a_ND @ b_MD.T / a_ND.shape[1] + 1) ** 3
    return kernel


def _among(a_ND: Array) -> float:
    """The mean over pairs of different clips."""
    kernel_NN, count = _kernel(a_ND, a_ND), len(a_ND)
    return float((kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1)))
