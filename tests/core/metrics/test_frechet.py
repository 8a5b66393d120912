"""The Frechet distance: identities, closed forms, a slow reference, and sets with fewer clips than dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flashmotion_core.metrics.frechet import centred_interval, frechet_distance, resampled_distances

from ...support.sentences import refuses

Array = NDArray[np.float64]


def clips(count: int, dimensions: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimensions)) @ rng.normal(size=(dimensions, dimensions)) + rng.normal(
        size=dimensions
    )


def covariance(dimensions: int, seed: int) -> Array:
    root = np.random.default_rng(seed).normal(size=(dimensions, dimensions))
    return root @ root.T


def like(mean_D: Array, covariance_DD: Array) -> Array:
    """Clips whose mean and covariance are exactly these: features of a Gaussian without its chance."""
    dimensions = len(mean_D)
    drawn = np.random.default_rng(9).normal(size=(dimensions + 5, dimensions))
    white, _ = np.linalg.qr(drawn - drawn.mean(axis=0))
    values, vectors = np.linalg.eigh(covariance_DD)
    root = vectors * np.sqrt(np.maximum(values, 0))
    found: Array = np.sqrt(len(drawn) - 1) * white @ root.T + mean_D
    return found


def gaussian_distance(mean_a: Array, covariance_a: Array, mean_b: Array, covariance_b: Array) -> float:
    return frechet_distance(like(mean_a, covariance_a), like(mean_b, covariance_b))


def slow_distance(mean_a: Array, covariance_a: Array, mean_b: Array, covariance_b: Array) -> float:
    """By the eigenvalues of the product itself, which is not symmetric."""
    common = np.sqrt(np.linalg.eigvals(covariance_a @ covariance_b).astype(complex)).sum().real
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a) + np.trace(covariance_b) - 2 * common)


def test_equal_sets_are_at_distance_0() -> None:
    for count, dimensions in ((50, 8), (5, 40)):  # also with fewer clips than dimensions
        features = clips(count, dimensions)
        scale = np.trace(np.cov(features.T))
        assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6 * scale)
        assert frechet_distance(features, features[::-1]) == pytest.approx(0, abs=1e-6 * scale)


def test_a_shifted_set_is_as_far_as_it_was_shifted() -> None:
    features = clips(30, 6)
    shift = np.arange(6.0)
    assert frechet_distance(features, features + shift) == pytest.approx((shift**2).sum(), rel=1e-9)


def test_a_scaled_set_in_closed_form() -> None:
    # (s1 - s2)^2 in each dimension of the principal axes; the means coincide.
    features = clips(40, 5)
    features -= features.mean(axis=0)
    assert frechet_distance(features, 3 * features) == pytest.approx(4 * np.trace(np.cov(features.T)), rel=1e-9)


def test_diagonal_gaussians_in_closed_form() -> None:
    a, b = np.array([1.0, 4.0, 0.0]), np.array([9.0, 1.0, 16.0])
    found = gaussian_distance(np.zeros(3), np.diag(a), np.array([1.0, 0.0, 2.0]), np.diag(b))
    assert found == pytest.approx(5 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum())


def test_as_the_slow_reference_and_symmetric() -> None:
    for seed in range(5):
        mean_a, mean_b = np.random.default_rng(seed).normal(size=(2, 7))
        first, second = covariance(7, seed), covariance(7, seed + 100)
        found = gaussian_distance(mean_a, first, mean_b, second)
        assert found == pytest.approx(slow_distance(mean_a, first, mean_b, second), rel=1e-6)
        assert found == pytest.approx(gaussian_distance(mean_b, second, mean_a, first), rel=1e-9)


def test_as_scipy_takes_the_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a, b = clips(60, 8, 1), clips(50, 8, 2)
    first, second = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(first @ second).real
    apart = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    expected = apart + np.trace(first) + np.trace(second) - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_sets_of_few_clips_are_as_their_gaussians() -> None:
    a, b = clips(4, 12, 1), clips(6, 12, 2)
    expected = gaussian_distance(a.mean(axis=0), np.cov(a.T), b.mean(axis=0), np.cov(b.T))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
    assert np.isfinite(expected)
    assert expected > 0


def test_a_turn_of_the_axes_changes_nothing() -> None:
    a, b = clips(20, 6, 3), clips(20, 6, 4)
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_resamples_draw_pairs() -> None:
    a, b = clips(12, 4, 1), clips(12, 4, 2)
    drawn = np.random.default_rng(0).integers(0, 12, (130, 12))  # more than are computed at once
    found = resampled_distances(a, b, drawn)
    assert found.shape == (130,)
    for row in (0, 77, 129):
        assert found[row] == pytest.approx(frechet_distance(a[drawn[row]], b[drawn[row]]), rel=1e-9)
    assert resampled_distances(a, a, drawn).max() == pytest.approx(0, abs=1e-6 * np.trace(np.cov(a.T)))


def test_the_interval_holds_the_estimate_and_narrows_with_clips() -> None:
    widths = []
    for count in (40, 640):
        a = clips(count, 3, 1)
        b = a + np.random.default_rng(9).normal(0.5, 1.0, a.shape)
        drawn = np.random.default_rng(0).integers(0, count, (300, count))
        estimate = frechet_distance(a, b)
        low, high = centred_interval(estimate, resampled_distances(a, b, drawn))
        assert low < estimate < high
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_bad_features_are_one_sentence() -> None:
    good = clips(4, 3)
    for bad, value, remedy in (
        (good[:1], "[1, 3]", "at least two clips"),
        (good[0], "[3]", "at least two clips"),
        (good * [[1], [1], [np.nan], [1]], "clip 2 are not finite", "check that clip or leave it out"),
    ):
        with refuses(key="features", value=value, remedy=remedy):
            frechet_distance(bad, good)
    with refuses(key="features", value="3 and 2 dimensions", remedy="give two sets from one network"):
        frechet_distance(good, good[:, :2])
    with refuses(key="features", value="[4, 3] and [3, 3]", remedy="pairs of clips are drawn, so give equal ones"):
        resampled_distances(good, good[:3], np.zeros((1, 4), dtype=np.int64))
