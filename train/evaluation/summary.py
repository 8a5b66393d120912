"""Rows of `metrics.json` from the figures of single clips, with bootstrap intervals over clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.metrics.bootstrap import drawn, mean_interval
from flashmotion_core.metrics.frechet import centred_interval, frechet_distance, resampled_distances

from .control_measures import TRACKED, Scores
from .measures import PICTURES

Array = NDArray[np.float64]

FRECHET_RESAMPLES = 500


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
