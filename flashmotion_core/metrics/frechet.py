"""Frechet distance of two sets of features, each taken for a Gaussian (Dowson and Landau, 1982), with a bootstrap interval over clips.

    d^2 = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2

The last trace equals that of (S1 S2)^1/2. Other implementations take it from a general matrix root, which is complex and ill-conditioned
with fewer clips than features. Here it is the sum of the singular values of S1^1/2 S2^1/2, whose factors come from the eigenvalues of the
symmetric covariances, or, with fewer clips than features, from the clips themselves: with X the centred features over (N - 1)^1/2, X^T is such a
root, and the sum is that of the singular values of X1 X2^T, a matrix of clips instead of features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 64  # resamples at once
ROUNDING = 1e-12
"""Of the traces: what rounding leaves of a distance of 0."""


def frechet_distance(a_ND: Array, b_MD: Array) -> float:
    """The squared distance (as FID and FVD are), 0 or more.

    Args:
        a_ND, b_MD: features of N and M clips, at least two of each; they may be fewer than D.

    Raises ValueError for any other shape, a single clip, or a value that is not finite.
    """
    a_ND, b_MD = _checked(a_ND), _checked(b_MD)
    if a_ND.shape[1] != b_MD.shape[1]:
        raise ValueError(
            f"the features have {a_ND.shape[1]} and {b_MD.shape[1]} dimensions: give two sets from one network."
        )
    return float(_distances(a_ND[None], b_MD[None])[0])


def resampled_distances(a_ND: Array, b_ND: Array, drawn_RN: NDArray[np.int64]) -> Array:
    """Distances [R] of paired resamples: clip n is drawn from both sets together, because row n of both belongs to the same clip.

    Args:
        a_ND, b_ND: features of the clips and of what is compared with them, in the same order.
        drawn_RN: clip indices of each resample.

    Raises ValueError as `frechet_distance` does, and for sets of different sizes.
    """
    a_ND, b_ND = _checked(a_ND), _checked(b_ND)
    if a_ND.shape != b_ND.shape:
        raise ValueError(
            f"the features have the shapes {list(a_ND.shape)} and {list(b_ND.shape)}: pairs of clips are drawn, so give equal ones."
        )
    return np.concatenate([_distances(a_ND[part], b_ND[part]) for part in _chunks(drawn_RN)])


def centred_interval(estimate: float, resampled_R: Array, share: float = 0.95) -> tuple[float, float]:
    """Interval around an estimate, from resamples shifted so that their mean is the estimate.

    Resampled sets hold some clips several times, which makes their covariances smaller and their distances larger. Without the shift, the
    interval may lie above the estimate.
    """
    tail = (1 - share) / 2
    low, high = np.quantile(resampled_R, (tail, 1 - tail)) - resampled_R.mean() + estimate
    return float(low), float(high)


def _checked(features_ND: Array) -> Array:
    features_ND = np.asarray(features_ND, dtype=np.float64)
    if features_ND.ndim != 2 or len(features_ND) < 2:
        raise ValueError(
            f"the features have the shape {list(features_ND.shape)}: give [clips, dimensions] of at least two clips."
        )
    broken = np.flatnonzero(~np.isfinite(features_ND).all(axis=1))
    if len(broken):
        raise ValueError(f"the features of clip {broken[0]} are not finite: check that clip or leave it out.")
    return features_ND


def _chunks(drawn_RN: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(drawn_RN), CHUNK):
        yield drawn_RN[start : start + CHUNK]


def _distances(a_RND: Array, b_RMD: Array) -> Array:
    means, apart = [], []
    for values in (a_RND, b_RMD):
        mean_R1D = values.mean(axis=1, keepdims=True)
        means.append(mean_R1D[:, 0])
        apart.append((values - mean_R1D) / np.sqrt(values.shape[1] - 1))
    a, b = apart
    if max(a.shape[1], b.shape[1]) <= a.shape[2]:
        products = a @ b.swapaxes(1, 2)
    else:
        products = _root(a.swapaxes(1, 2) @ a).swapaxes(1, 2) @ _root(b.swapaxes(1, 2) @ b)
    # Singular values of the product of roots are the square roots of the eigenvalues, without the squaring that loses half the digits.
    common_R = np.linalg.svd(products, compute_uv=False).sum(axis=1)
    apart_R = np.square(means[0] - means[1]).sum(axis=1)
    traces_R = np.square(a).sum(axis=(1, 2)) + np.square(b).sum(axis=(1, 2))
    result_R = apart_R + traces_R - 2 * common_R
    return np.where(result_R > ROUNDING * traces_R, result_R, 0.0)


def _root(covariance_RDD: Array) -> Array:
    """R with R R^T the covariance. Eigenvalues that are rounding errors (most of them, with fewer clips than features) become 0."""
    values_RD, vectors_RDD = np.linalg.eigh(covariance_RDD)
    least_R1 = values_RD[:, -1:] * values_RD.shape[1] * np.finfo(np.float64).eps
    root_RDD: Array = vectors_RDD * np.sqrt(np.where(values_RD > least_R1, values_RD, 0.0))[:, None]
    return root_RDD
