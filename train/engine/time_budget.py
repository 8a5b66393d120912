"""How many steps fit a time budget: measured before the first one, then kept, so that a resumed run has the same schedule."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from flashmotion_core.whole_file import write_whole

from .method import Method

if TYPE_CHECKING:
    from .job import Job

USABLE = 0.85
"""Part of the budget that goes into steps; the rest is for optimizers, checkpoints and pictures."""
FILE = "settled.json"
TRIALS = 4
"""Timed ones per update."""
FEWEST = 20
"""Steps that are made whatever they take."""


def settled_steps(job: Job, method: Method, iteration: int, probe: Callable[[str, int], float]) -> int:
    """Steps of a phase under its budget.

    Args:
        job: the phase; its folder keeps the answer.
        method: whose schedule tells what an iteration does.
        iteration: where the run is; nothing is settled anew after the first step.
        probe: name of an update and number of the trial -> its seconds, without making it.
    """
    kept = _kept(job)
    if kept is not None:
        return kept
    if job.minutes is None or iteration:  # a run that gets a budget on the way keeps the schedule it began with
        return job.settings.steps
    seconds = {name: _seconds(probe, name) for name in method.updates}
    return count_steps(job.minutes * 60 * USABLE, seconds, method, job.settings.steps)


def keep_steps(job: Job, steps: int) -> None:
    """Write down what was settled; does nothing where it was before."""
    if _kept(job) == steps:
        return
    settled = {"steps": steps, "minutes": job.minutes, "fingerprint": job.fingerprint}
    write_whole(job.folder / FILE, json.dumps(settled))


def _kept(job: Job) -> int | None:
    """What was settled for this configuration; another one's, which never came to a checkpoint, does not count."""
    file = job.folder / FILE
    if not file.is_file():
        return None
    settled = json.loads(file.read_text(encoding="utf-8"))
    return int(settled["steps"]) if settled["fingerprint"] == job.fingerprint else None


def count_steps(budget_seconds: float, seconds: dict[str, float], method: Method, most: int) -> int:
    """How many iterations of the method's schedule fit, with a warm-up that is shortened with them; of `most` configured ones."""

    def spent(steps: int) -> float:
        method.settle(steps, most)
        return sum(seconds[name] for iteration in range(steps) for name in method.schedule(iteration))

    # Every iteration more costs something, wherever the warm-up ends.
    fitting = bisect_right(range(most + 1), budget_seconds, key=spent) - 1
    return max(min(FEWEST, most), fitting)


def _seconds(probe: Callable[[str, int], float], name: str) -> float:
    """The mean over some trials, after one that warms up."""
    probe(name, 0)
    return sum(probe(name, trial) for trial in range(1, TRIALS + 1)) / TRIALS
