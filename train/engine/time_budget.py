"""How many steps fit into a time budget with their validations: measured before the first step and stored, so that a resumed run keeps its
schedule."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError
from .method import Method

if TYPE_CHECKING:
    from .job import Job

USABLE = 0.85
"""Share of the budget for steps and validations; the rest is for optimizers and checkpoints."""
FILE = "settled.json"
LITTLE, ENOUGH = 0.05, 0.1
"""Shares of the configured steps: below the first a phase has hardly begun, and the second is what is advised."""
TRIALS = 4
"""Timed trials per update."""
FEWEST = 20
"""Steps that are done however long they take."""


@dataclass(frozen=True)
class Looks:
    """The validations of a phase: the seconds of one, and the steps between two; 0 for none."""

    seconds: float = 0.0
    every: int = 0

    def spent(self, steps: int) -> float:
        """What those of so many steps take, with the first one, which only measures."""
        return self.seconds * (1 + -(-steps // self.every)) if self.every else 0.0


def settled_steps(
    job: Job,
    method: Method,
    iteration: int,
    probe: Callable[[str, int], float],
    look: Callable[[], float],
    say: Callable[[str], None],
) -> int:
    """The number of steps of a phase under its budget.

    Args:
        job: the phase, whose folder stores the answer.
        method: its schedule tells which updates an iteration makes.
        iteration: the current iteration; after the first one, nothing is measured again.
        probe: the seconds that an update takes, by its name and the number of the trial; it does not make the update.
        look: the seconds that a validation takes, by making one.
        say: hears of a budget in which the phase can learn nothing useful, and what it needs.
    """
    kept = _kept(job)
    if kept is not None:
        return kept
    if job.minutes is None or iteration:  # A run that is given a budget later keeps its schedule.
        return job.settings.steps
    looks = Looks(look(), job.settings.validate_every)
    seconds = {name: _seconds(probe, name) for name in method.updates}
    steps = count_steps(job.minutes * 60 * USABLE, seconds, method, job.settings.steps, looks)
    if steps < LITTLE * job.settings.steps:
        enough = round(ENOUGH * job.settings.steps)
        needed = (seconds_spent(seconds, method, enough, job.settings.steps) + looks.spent(enough)) / USABLE
        whole = f", so give --budget {needed / 60 / job.settings.share:.0f}" if job.settings.share else ""
        say(
            f"{job.name}: its share of --budget is {job.minutes:.2g} min, enough for {steps} of {job.settings.steps:,} steps, which teach it "
            f"next to nothing; a tenth of them takes about {needed / 60:.0f} min{whole}."
        )
    return steps


def seconds_spent(seconds: dict[str, float], method: Method, steps: int, most: int) -> float:
    """What so many of the `most` configured iterations take; the method's warm-up is shortened with them."""
    method.settle(steps, most)
    return sum(seconds[name] for iteration in range(steps) for name in method.schedule(iteration))


def keep_steps(job: Job, steps: int) -> None:
    """Store the number of steps, unless it is stored already."""
    if _kept(job) == steps:
        return
    settled = {"steps": steps, "minutes": job.minutes, "fingerprint": job.fingerprint, "configured": job.settings.steps}
    write_whole(job.folder / FILE, json.dumps(settled))


def _kept(job: Job) -> int | None:
    """The number of steps stored for this configuration; that of another one, which never reached a checkpoint, is ignored.

    If settings were changed on the way, it stays, unless the number of steps was.
    """
    file = job.folder / FILE
    if not file.is_file():
        return None
    try:
        settled = json.loads(file.read_text(encoding="utf-8"))
        steps, fingerprint, configured = int(settled["steps"]), settled["fingerprint"], settled.get("configured")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrainError(
            f"{file} is damaged ({error!r}); restore it, or delete it to do all {job.settings.steps} steps of the configuration."
        ) from error
    same = fingerprint == job.fingerprint or (fingerprint in job.earlier and configured == job.settings.steps)
    return steps if same else None


def count_steps(
    budget_seconds: float, seconds: dict[str, float], method: Method, most: int, looks: Looks = Looks()
) -> int:
    """How many of the `most` configured iterations fit with their validations; the method's warm-up is shortened with them."""

    def spent(steps: int) -> float:
        return seconds_spent(seconds, method, steps, most) + looks.spent(steps)

    # Each further iteration costs something, wherever the warm-up ends.
    fitting = bisect_right(range(most + 1), budget_seconds, key=spent) - 1
    return max(min(FEWEST, most), fitting)


def _seconds(probe: Callable[[str, int], float], name: str) -> float:
    """The mean over some trials, after one to warm up."""
    probe(name, 0)
    return sum(probe(name, trial) for trial in range(1, TRIALS + 1)) / TRIALS
