"""Percentile bootstrap over clips (Efron and Tibshirani, 1993, chapter 13): 95 % intervals of means and of paired differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[float, float]

RESAMPLES = 2000


def drawn(count: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Clip numbers [resamples, count], drawn with replacement; the same for the same arguments, so that rows are drawn in pairs."""
    return np.random.default_rng(seed).integers(0, count, (resamples, count))


def percentiles(values_R: Array) -> Pair:
    """The ends of the middle 95 %."""
    low, high = np.quantile(values_R, (0.025, 0.975))
    return float(low), float(high)


def mean_interval(values_N: Array, seed: int = 0) -> Pair | None:
    """Interval of the mean over clips. NaN is a clip without a value and is left out; None if no clip is left."""
    values_N = values_N[np.isfinite(values_N)]
    if not len(values_N):
        return None
    return percentiles(values_N[drawn(len(values_N), RESAMPLES, seed)].mean(axis=1))


def paired_difference(a_N: Array, b_N: Array, seed: int = 0) -> tuple[float, Pair] | None:
    """Mean of a - b over the clips that have both, and its interval; None if there is no such clip.

    A clip is drawn for both rows together, which cancels what makes it hard for both.

    Raises ValueError for rows of different lengths.
    """
    if a_N.shape != b_N.shape:
        raise ValueError(f"the rows have {len(a_N)} and {len(b_N)} clips: give the same clips in the same order.")
    apart_N = a_N - b_N
    interval = mean_interval(apart_N, seed)
    return None if interval is None else (float(apart_N[np.isfinite(apart_N)].mean()), interval)
