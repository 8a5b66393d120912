"""Rows of results, and differences between them with intervals over clips and seeds: clips are drawn in pairs, seeds for each row by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.metrics.bootstrap import Pair, drawn, percentiles
from flashmotion_core.metrics.frechet import centred_interval, frechet_distance, resampled_distances

Array = NDArray[np.float64]
MEASURES = ("box_iou", "mask_iou", "centre_error", "lost", "psnr", "sharpness", "motion")
FRECHET = "frechet"
RESAMPLES, FRECHET_RESAMPLES = 2000, 400
SEED = 18


@dataclass(frozen=True, eq=False)
class MeasuredRow:
    """A row's figures.

    Attributes:
        name, kind: of the row, see `claim_rows.ClaimRow`.
        scores: by measure, [seeds, clips], NaN where a clip has none.
        features_SND: of each seed's clips.
    """

    name: str
    kind: str
    scores: dict[str, Array]
    features_SND: Array

    @property
    def seeds(self) -> int:
        """How many were trained."""
        return len(self.features_SND)


@dataclass(frozen=True)
class Difference:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def read_rows(folder: Path) -> dict[tuple[str, str], MeasuredRow]:
    """All rows of a folder of results by name and kind of adapter; seeds of one row together."""
    found: dict[tuple[str, str], list[dict[str, object]]] = {}
    for file in sorted(folder.glob("row_*.json")):
        one = json.loads(file.read_text(encoding="utf-8"))
        found.setdefault((one["name"], one["kind"]), []).append(one)
    return {key: _row(*key, parts) for key, parts in found.items()}


def _row(name: str, kind: str, parts: list[dict[str, object]]) -> MeasuredRow:
    def values(measure: str) -> Array:
        return np.array([[clip[measure] for clip in part["scores"]] for part in parts], dtype=np.float64)  # type: ignore[attr-defined]

    features = np.array([part["features"] for part in parts], dtype=np.float64)
    return MeasuredRow(name, kind, {measure: values(measure) for measure in MEASURES}, features)


def value_of(row: MeasuredRow, measure: str, real: MeasuredRow) -> float:
    """The mean over clips and seeds; of Frechet distances to the real clips, the mean over seeds."""
    if measure == FRECHET:
        return float(np.mean([frechet_distance(one, real.features_SND[0]) for one in row.features_SND]))
    return float(np.nanmean(row.scores[measure])) if np.isfinite(row.scores[measure]).any() else float("nan")


def interval_of(row: MeasuredRow, measure: str, real: MeasuredRow) -> Difference:
    """The value with its interval."""
    value, values_R = value_of(row, measure, real), _resampled(row, measure, real, 1)
    return Difference(value, *_ends(value, values_R, measure))


def difference(a: MeasuredRow, b: MeasuredRow, measure: str, real: MeasuredRow) -> Difference:
    """a minus b, on the same clips."""
    value = value_of(a, measure, real) - value_of(b, measure, real)
    return Difference(value, *_ends(value, _resampled(a, measure, real, 1) - _resampled(b, measure, real, 2), measure))


def _ends(value: float, values_R: Array, measure: str) -> Pair:
    if measure == FRECHET:
        return centred_interval(value, values_R)
    values_R = values_R[np.isfinite(values_R)]
    return percentiles(values_R) if len(values_R) else (float("nan"), float("nan"))


@lru_cache(maxsize=512)
def _resampled(row: MeasuredRow, measure: str, real: MeasuredRow, stream: int) -> Array:
    count = FRECHET_RESAMPLES if measure == FRECHET else RESAMPLES
    clips = row.features_SND.shape[1]
    clips_RN, seeds_RS = drawn(clips, count, SEED), drawn(row.seeds, count, SEED + stream)
    if measure == FRECHET:
        by_seed_SR = np.stack([resampled_distances(one, real.features_SND[0], clips_RN) for one in row.features_SND])
    else:
        with np.errstate(invalid="ignore"):
            by_seed_SR = np.stack([_means(one_N[clips_RN]) for one_N in row.scores[measure]])
    found: Array = np.take_along_axis(by_seed_SR, seeds_RS.T, axis=0).mean(axis=0)
    return found


def _means(values_RN: Array) -> Array:
    there_RN = np.isfinite(values_RN)
    sums_R = np.where(there_RN, values_RN, 0.0).sum(axis=1)
    means: Array = sums_R / np.where(there_RN.any(axis=1), there_RN.sum(axis=1), np.nan)
    return means
