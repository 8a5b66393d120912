"""Rows of `metrics.json` from the figures of single clips, with bootstrap intervals over clips, and the bars that FlashMotion has to clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.metrics.bootstrap import RESAMPLES, Pair, drawn, mean_interval, percentiles
from flashmotion_core.metrics.frechet import centred_interval, frechet_distance, resampled_distances

from .control_measures import TRACKED, Scores
from .evaluation_rows import ELSEWHERE_REAL, ELSEWHERE_STATIC, REAL
from .measures import PICTURES

Array = NDArray[np.float64]

FRECHET_RESAMPLES = 500
SHARE_OF_ORACLE = 0.9
"""The share of the oracle's box IoU to reach."""
FAR_BELOW = 0.2
"""How much lower box IoU must be with another clip's boxes."""


@dataclass(frozen=True, eq=False)
class RowResult:
    """A row's figures, clip by clip.

    Attributes:
        name, kind, steps: of the row, see `row_samples.Row`.
        scores: of N clips.
        features_ND: of the same clips; None where none were computed.
        seconds: per clip; None where nothing was sampled.
    """

    name: str
    kind: str | None
    steps: int | None
    scores: Sequence[Scores]
    features_ND: Array | None
    seconds: float | None


def pooled(parts: Sequence[RowResult]) -> RowResult:
    """The same row over several sets, with the clips of one set after those of another."""
    features = [part.features_ND for part in parts if part.features_ND is not None]
    seconds = [part.seconds for part in parts if part.seconds is not None]
    return replace(
        parts[0],
        scores=[scores for part in parts for scores in part.scores],
        features_ND=np.concatenate(features) if len(features) == len(parts) else None,
        seconds=float(np.mean(seconds)) if seconds else None,
    )


def summary(result: RowResult, real: RowResult, noise_seed: int) -> dict[str, Any]:
    """A row of metrics.json; Frechet distances are measured to the features of ``real``, the row of the real clips."""
    low, high = interval(result.scores, "box_iou", noise_seed)
    means = {name: mean(result.scores, name) for name in (*TRACKED, *PICTURES)}
    frechet, frechet_low, frechet_high = _frechet(result, real, noise_seed)
    return {
        "name": result.name,
        "adapter": result.kind,
        "steps": result.steps,
        "clips": len(result.scores),
        "box_iou": means.pop("box_iou"),
        "box_iou_low": low,
        "box_iou_high": high,
        "mask_iou": means.pop("mask_iou"),
        "frechet": frechet,
        "frechet_low": frechet_low,
        "frechet_high": frechet_high,
        **means,
        "seconds": result.seconds,
    }


def bars(results: Sequence[RowResult], noise_seed: int) -> list[dict[str, Any]]:
    """What FlashMotion is held to, for each adapter: value, interval, target, whether it is met, and by how much (negative if missed).

    Every interval is of a difference or ratio of two rows on the same clips. Clips are drawn in pairs, which cancels what makes a clip hard
    for both. Bars whose rows were not measured are left out.
    """
    found: list[dict[str, Any]] = []
    for flash in (result for result in results if result.name == "flashmotion"):
        rows = {row.name: row for row in results if row.kind in (None, flash.kind)}
        for bar in _bars_of(flash, rows, noise_seed):
            found.append({"adapter": flash.kind, **bar})
    return found


def _bars_of(flash: RowResult, rows: Mapping[str, RowResult], seed: int) -> list[dict[str, Any]]:
    found = []

    def add(text: str, estimate: tuple[float, Pair] | None, target: float, by: Callable[[float, Pair], float]) -> None:
        if estimate is not None:
            value, (low, high) = estimate
            margin = by(value, (low, high))
            met = margin >= 0
            found.append(
                {"bar": text, "value": value, "low": low, "high": high, "target": target, "met": met, "by": margin}
            )

    def iou(other: str, *, ratio: bool = False) -> tuple[float, Pair] | None:
        return _box_iou_between(flash, rows[other], seed, ratio=ratio) if other in rows else None

    def frechet(other: str) -> tuple[float, Pair] | None:
        return _frechet_between(flash, rows[other], rows[REAL], seed) if other in rows and REAL in rows else None

    add(
        "box IoU as a share of the oracle's, at least 0.9",
        iou("oracle", ratio=True),
        SHARE_OF_ORACLE,
        lambda v, _: v - SHARE_OF_ORACLE,
    )
    add(
        "box IoU minus that of SlowAdapter on FastGenerator, above 0",
        iou("slow_adapter_on_fast"),
        0,
        lambda v, _: v,
    )
    add(
        "Frechet minus that of SlowAdapter on FastGenerator, below 0",
        frechet("slow_adapter_on_fast"),
        0,
        lambda v, _: -v,
    )
    add(
        "box IoU minus that of SlowAdapter with many steps, not below 0 within the interval",
        iou("slow_adapter"),
        0,
        lambda _, ends: ends[1],
    )
    add(
        "Frechet minus that of SlowAdapter with many steps, not above 0 within the interval",
        frechet("slow_adapter"),
        0,
        lambda _, ends: -ends[0],
    )
    add(
        "box IoU minus that with another clip's boxes, at least 0.2",
        iou("random_trajectory"),
        FAR_BELOW,
        lambda v, _: v - FAR_BELOW,
    )
    add(
        "box IoU with a counterfactual motion, minus that of the real clip or of frame 0 against it, above 0 by the whole interval",
        _against_memory(rows, seed),
        0,
        lambda _, ends: ends[0],
    )
    return found


def _against_memory(rows: Mapping[str, RowResult], seed: int) -> tuple[float, Pair] | None:
    """How much better other boxes are kept to than by a clip that ignores them: clip by clip, the better of the real one and frame 0."""
    if not {"counterfactual", ELSEWHERE_REAL, ELSEWHERE_STATIC} <= set(rows):
        return None
    real, static = (rows[name].scores for name in (ELSEWHERE_REAL, ELSEWHERE_STATIC))
    ignoring: list[Scores] = []
    for pair in zip(real, static, strict=True):
        values = [value for scores in pair if (value := scores["box_iou"]) is not None]
        ignoring.append({"box_iou": max(values, default=None)})
    return _box_iou_between(rows["counterfactual"], replace(rows[ELSEWHERE_REAL], scores=ignoring), seed, ratio=False)


def mean(scores: Sequence[Scores], name: str) -> float | None:
    """The mean over the clips that have this measure; None if no clip has it."""
    values = [value for entry in scores if (value := entry[name]) is not None]
    return float(np.mean(values)) if values else None


def interval(scores: Sequence[Scores], name: str, seed: int) -> tuple[float | None, float | None]:
    """95 % interval of that mean, see `metrics.bootstrap`."""
    values_N = np.array([value for entry in scores if (value := entry[name]) is not None])
    return mean_interval(values_N, seed) or (None, None)


def _frechet(result: RowResult, real: RowResult, seed: int) -> tuple[float, float, float] | tuple[None, None, None]:
    a_ND, b_ND = result.features_ND, real.features_ND
    if a_ND is None or b_ND is None or len(a_ND) < 2:
        return None, None, None
    estimate = frechet_distance(a_ND, b_ND)
    resampled_R = resampled_distances(a_ND, b_ND, drawn(len(a_ND), FRECHET_RESAMPLES, seed))
    low, high = centred_interval(estimate, resampled_R)
    return estimate, max(low, 0.0), high


def _box_iou_between(a: RowResult, b: RowResult, seed: int, *, ratio: bool) -> tuple[float, Pair] | None:
    """Mean of a minus mean of b, or their ratio, on the clips that both measured."""
    pairs = [(x["box_iou"], y["box_iou"]) for x, y in zip(a.scores, b.scores, strict=True)]
    values = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not values:
        return None
    values_N2 = np.array(values)
    means_R2 = values_N2[drawn(len(values_N2), RESAMPLES, seed)].mean(axis=1)
    (x, y), (x_R, y_R) = values_N2.mean(axis=0), means_R2.T
    if not ratio:
        return float(x - y), percentiles(x_R - y_R)
    return (float(x / y), percentiles(x_R / np.maximum(y_R, 1e-9))) if y > 0 else None


def _frechet_between(a: RowResult, b: RowResult, real: RowResult, seed: int) -> tuple[float, Pair] | None:
    """The distance of a minus that of b, with the same clips drawn for both."""
    if a.features_ND is None or b.features_ND is None or real.features_ND is None or len(a.features_ND) < 2:
        return None
    drawn_RN = drawn(len(a.features_ND), FRECHET_RESAMPLES, seed)
    estimates = [frechet_distance(row, real.features_ND) for row in (a.features_ND, b.features_ND)]
    first_R, second_R = (resampled_distances(row, real.features_ND, drawn_RN) for row in (a.features_ND, b.features_ND))
    estimate = estimates[0] - estimates[1]
    return estimate, centred_interval(estimate, first_R - second_R)
