"""The bars that FlashMotion has to clear. Only an interval that lies wholly beyond a bar's target clears it, so noise never helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from flashmotion_core.metrics.bootstrap import RESAMPLES, Pair, drawn, percentiles
from flashmotion_core.metrics.frechet import centred_interval, frechet_distance, resampled_distances

from .control_measures import Scores
from .evaluation_rows import ELSEWHERE_REAL, ELSEWHERE_STATIC, REAL
from .summary import FRECHET_RESAMPLES, RowResult

FEWEST = 5
"""Clips below which an interval settles nothing: a bootstrap over fewer is far too narrow, over one it is a point."""
FAR_BELOW = 0.2
"""How much lower box IoU must be with another clip's boxes."""


@dataclass(frozen=True)
class Bar:
    """A comparison of the FastAdapter's row with another row on the same clips.

    Attributes:
        name: what is compared, and the target.
        other: name of the row to compare with.
        measure: ``share`` for the ratio of box IoU, ``memory`` for the other row against clips that ignore its boxes, or the figure whose
            difference is taken.
        side: on which side of the target the interval must lie.
        target: to be passed; of Frechet distances, as a share of the other row's.
        meaning: why it matters, for people.
    """

    name: str
    other: str
    measure: Literal["share", "box_iou", "frechet", "memory"]
    side: Literal["above", "below"]
    target: float
    meaning: str


BARS = (
    Bar(
        "box IoU as a share of the oracle's, above 0.9",
        "oracle",
        "share",
        "above",
        0.9,
        "Does the clip follow its boxes? The oracle is the real clip through the codec: about the best that can be had.",
    ),
    Bar(
        "box IoU minus that of SlowAdapter on FastGenerator, above 0",
        "slow_adapter_on_fast",
        "box_iou",
        "above",
        0.0,
        "Did stage 3 pay in control? The SlowAdapter runs on the same FastGenerator without it.",
    ),
    Bar(
        "Frechet minus that of SlowAdapter on FastGenerator, below 0",
        "slow_adapter_on_fast",
        "frechet",
        "below",
        0.0,
        "Did stage 3 pay in looks? A smaller distance is closer to real clips.",
    ),
    Bar(
        "box IoU minus that of SlowAdapter with many steps, above -0.02",
        "slow_adapter",
        "box_iou",
        "above",
        -0.02,
        "Do few steps cost control? 0.02 is what may be lost; that no loss can be seen is not enough.",
    ),
    Bar(
        "Frechet minus that of SlowAdapter with many steps, below a tenth of it",
        "slow_adapter",
        "frechet",
        "below",
        0.1,
        "Do few steps cost looks? A tenth may be lost.",
    ),
    Bar(
        f"box IoU minus that with another clip's boxes, above {FAR_BELOW}",
        "random_trajectory",
        "box_iou",
        "above",
        FAR_BELOW,
        "Are the boxes followed, or is the motion guessed from frame 0? Guessing scores alike with any boxes.",
    ),
    Bar(
        "box IoU with a counterfactual motion, minus that of clips that ignore it, above 0",
        "counterfactual",
        "memory",
        "above",
        0.0,
        "Are boxes followed that no clip had? Compared with the real clip and frame 0, whichever is better against the same boxes.",
    ),
)


def bars(results: Sequence[RowResult], noise_seed: int) -> list[dict[str, Any]]:
    """Every bar of each adapter: value, interval, target, verdict (``met``, ``missed`` or ``open``) and by how much the interval passes it.

    Clips are drawn in pairs, which cancels what makes a clip hard for both rows. Bars whose rows were not measured are left out.
    """
    found: list[dict[str, Any]] = []
    for flash in (result for result in results if result.name == "flashmotion"):
        rows = {row.name: row for row in results if row.kind in (None, flash.kind)}
        for bar in BARS:
            estimate = _estimate(bar, flash, rows, noise_seed)
            if estimate is not None:
                value, ends, clips = estimate
                target = bar.target if bar.measure != "frechet" else bar.target * _distance(rows[bar.other], rows)
                verdict, by = judged(bar.side, target, ends, clips)
                found.append(
                    {
                        "adapter": flash.kind,
                        "bar": bar.name,
                        "meaning": bar.meaning,
                        "value": value,
                        "low": ends[0],
                        "high": ends[1],
                        "side": bar.side,
                        "target": target,
                        "clips": clips,
                        "verdict": verdict,
                        "by": by,
                    }
                )
    return found


def judged(side: str, target: float, ends: Pair, clips: int) -> tuple[str, float]:
    """``met`` if the whole interval is beyond the target, ``missed`` if none of it is, else ``open``; and by how much its near end is beyond."""
    low, high = (ends[0] - target, ends[1] - target) if side == "above" else (target - ends[1], target - ends[0])
    if clips < FEWEST:
        return "open", low
    return ("met" if low > 0 else "missed" if high <= 0 else "open"), low


def _estimate(bar: Bar, flash: RowResult, rows: Mapping[str, RowResult], seed: int) -> tuple[float, Pair, int] | None:
    """Value, interval and number of clips; None where something was not measured."""
    if bar.other not in rows:
        return None
    if bar.measure == "frechet":
        found = _frechet_between(flash, rows[bar.other], rows[REAL], seed) if REAL in rows else None
        return None if found is None else (*found, len(flash.scores))
    if bar.measure == "memory":
        return _against_memory(rows, seed)
    return _box_iou_between(flash, rows[bar.other], seed, ratio=bar.measure == "share")


def _against_memory(rows: Mapping[str, RowResult], seed: int) -> tuple[float, Pair, int] | None:
    """How much better other boxes are kept to than by a clip that ignores them: clip by clip, the better of the real one and frame 0."""
    if not {ELSEWHERE_REAL, ELSEWHERE_STATIC} <= set(rows):
        return None
    real, static = (rows[name].scores for name in (ELSEWHERE_REAL, ELSEWHERE_STATIC))
    ignoring: list[Scores] = []
    for pair in zip(real, static, strict=True):
        values = [value for scores in pair if (value := scores["box_iou"]) is not None]
        ignoring.append({"box_iou": max(values, default=None)})
    return _box_iou_between(rows["counterfactual"], replace(rows[ELSEWHERE_REAL], scores=ignoring), seed, ratio=False)


def _distance(row: RowResult, rows: Mapping[str, RowResult]) -> float:
    real_ND = rows[REAL].features_ND
    assert row.features_ND is not None
    assert real_ND is not None
    return frechet_distance(row.features_ND, real_ND)


def _box_iou_between(a: RowResult, b: RowResult, seed: int, *, ratio: bool) -> tuple[float, Pair, int] | None:
    """Mean of a minus mean of b, or their ratio, on the clips that both measured."""
    pairs = [(x["box_iou"], y["box_iou"]) for x, y in zip(a.scores, b.scores, strict=True)]
    values = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not values:
        return None
    values_N2 = np.array(values)
    means_R2 = values_N2[drawn(len(values_N2), RESAMPLES, seed)].mean(axis=1)
    (x, y), (x_R, y_R) = values_N2.mean(axis=0), means_R2.T
    if not ratio:
        return float(x - y), percentiles(x_R - y_R), len(values)
    return (float(x / y), percentiles(x_R / np.maximum(y_R, 1e-9)), len(values)) if y > 0 else None


def _frechet_between(a: RowResult, b: RowResult, real: RowResult, seed: int) -> tuple[float, Pair] | None:
    """The distance of a minus that of b, with the same clips drawn for both."""
    if a.features_ND is None or b.features_ND is None or real.features_ND is None or len(a.features_ND) < 2:
        return None
    drawn_RN = drawn(len(a.features_ND), FRECHET_RESAMPLES, seed)
    estimates = [frechet_distance(row, real.features_ND) for row in (a.features_ND, b.features_ND)]
    first_R, second_R = (resampled_distances(row, real.features_ND, drawn_RN) for row in (a.features_ND, b.features_ND))
    estimate = estimates[0] - estimates[1]
    return estimate, centred_interval(estimate, first_R - second_R)
