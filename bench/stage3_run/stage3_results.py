"""What the results say: how often each judge is right, what each arm changes, how far the gap opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.claims_run.claim_rows import SIGMAS
from bench.claims_run.claim_statistics import FRECHET, Array, Difference, MeasuredRow, difference, read_rows
from flashmotion_core.metrics.bootstrap import mean_interval, paired_difference

from .stage3_jobs import ALONE, FEW, MANY, START, WITH, arm_row, fast_row, row_key, slow_row
from .stage3_sizes import AT_START, KIND

NET, TAPS = "small network on latents", "linear probe of its taps"
LEVELS = tuple(f"{sigma:g}" for sigma in SIGMAS)
MEASURES = ("box_iou", "sharpness", FRECHET)
Judgements = dict[str, dict[str, Array]]
"""By kind of sample and noise level, the share of right judgements of each pair: 0, a half or 1."""


@dataclass(frozen=True)
class Gap:
    """What a FastGenerator costs against the SlowGenerator with many steps, in one measure."""

    updates: int
    adapter: str
    measure: str
    found: Difference


class Stage3Results:
    """A folder of results, and what follows from them. What was not measured is missing, not zero."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, read_rows(folder)
        told = json.loads((folder / "sizes.json").read_text(encoding="utf-8"))
        self.told, self.sizes = told, told["sizes"]

    # Who can tell what apart

    def judges(self, *, ranked: bool = False) -> dict[str, Judgements]:
        """Everyone who was asked about held-out pairs, by name; `ranked`: whether the real clip's score is the higher one of the pair."""
        judge = known if ranked else right
        found = {
            f"discriminator, {ahead} iterations": self._scores(f"sees_judge_{ahead}", judge)
            for ahead in self.sizes["ahead"]
        }
        net: Judgements = {}
        for file in sorted(self.folder.glob("sees_net_*.json")):
            net |= self._scores(file.stem, judge)
        everyone = {**found, TAPS: self._scores("sees_taps", judge), NET: net}
        return {name: one for name, one in everyone.items() if one}

    def _scores(self, name: str, judge: Callable[[list[float], list[float]], Array] | None = None) -> Judgements:
        file = self.folder / f"{name}.json"
        kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return {
            kind: {level: (judge or right)(*scores) for level, scores in levels.items()}
            for kind, levels in kept.items()
        }

    def apart(self, a: str, b: str, kind: str, level: str) -> Difference | None:
        """How much more often a is right than b, on the same pairs."""
        everyone = self.judges()
        if a not in everyone or b not in everyone or not {kind} <= everyone[a].keys() & everyone[b].keys():
            return None
        found = paired_difference(everyone[a][kind][level], everyone[b][kind][level])
        return None if found is None else Difference(found[0], *found[1])

    # What an arm changes

    def arm(self, name: str, lr: float, updates: int) -> MeasuredRow | None:
        """An arm's row; at 0 updates that of the SlowAdapter."""
        return self.rows.get((START if updates == 0 else arm_row(name, lr, updates), KIND))

    def change(self, name: str, lr: float, updates: int, measure: str, since: int = 0) -> Difference | None:
        """What an arm changed since so many updates."""
        return self.between(self.arm(name, lr, updates), self.arm(name, lr, since), measure)

    def fooled(self, name: str, lr: float, updates: int) -> Judgements:
        """How often an arm's own discriminator is right about its final samples."""
        return self._scores(f"fooled_{row_key(arm_row(name, lr, updates))}")

    # How far the gap opens

    def gaps(self) -> list[Gap]:
        """The FastGenerators against the SlowGenerator with many steps."""
        found = []
        for updates in (AT_START, *self.sizes["students"]):
            for adapter in (WITH, ALONE):
                fast, slow = (
                    self.rows.get((fast_row(updates, adapter), KIND)),
                    self.rows.get((slow_row(MANY, adapter), KIND)),
                )
                for measure in MEASURES:
                    one = self.between(fast, slow, measure)
                    found += [Gap(updates, adapter, measure, one)] if one is not None else []
        return found

    def between(self, a: MeasuredRow | None, b: MeasuredRow | None, measure: str) -> Difference | None:
        """a minus b; None if one was not measured."""
        real = self.rows.get(("real", ""))
        return None if a is None or b is None or real is None else difference(a, b, measure, real)

    def lengths(self) -> list[MeasuredRow]:
        """The rows of experiment 4 that are there, references first."""
        names = [slow_row(steps, adapter) for steps in (MANY, FEW) for adapter in (WITH, ALONE)]
        names += [
            fast_row(updates, adapter) for updates in (AT_START, *self.sizes["students"]) for adapter in (WITH, ALONE)
        ]
        return [self.rows[name, KIND] for name in names if (name, KIND) in self.rows]


def right(real_N: list[float], fake_N: list[float]) -> Array:
    """The share of right judgements of each pair, from scores that are positive for real."""
    found: Array = ((np.array(real_N) > 0).astype(np.float64) + (np.array(fake_N) < 0)) / 2
    return found


def known(real_N: list[float], fake_N: list[float]) -> Array:
    """1 for each pair whose real clip has the higher score, else 0: what a judge sees whose zero is wrong."""
    found: Array = (np.array(real_N) > np.array(fake_N)).astype(np.float64)
    return found


def rate(values_N: Array) -> Difference:
    """The mean over pairs with its interval."""
    interval = mean_interval(values_N)
    assert interval is not None
    return Difference(float(values_N.mean()), *interval)


def best_level(judgements: dict[str, Array]) -> tuple[str, Difference]:
    """The noise level of `LEVELS` at which a judge is right most often, and how often."""
    level = max(LEVELS, key=lambda name: float(judgements[name].mean()))
    return level, rate(judgements[level])
