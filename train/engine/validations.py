"""What the validations of a phase decide: which weights are the best so far, and whether to end early.

A validation draws its own random numbers and leaves no trace in the weights, so it does not change what is trained. The best averages lie
beside the checkpoints, in `best`, and the figures in the phase's log: a run that was killed knows both.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import TrainError
from ..monitor.console import Console, duration
from ..monitor.run_log import Tracker, read_log
from ..parallel import World, broadcast_object, first_problem, together
from . import checkpoint
from .job import Job
from .updates import Updates

Validate = Callable[[int, "Tracker | None"], Mapping[str, float]]
"""(step, tracker) -> figures by name, on the first rank; the tracker is None on the others."""
PREFIX, SECONDS = "validation/", "seconds/validation"
BEST = "best"


class Best(NamedTuple):
    """The best weights: after which step, and their figure."""

    step: int
    value: float


class Validations:
    """The validations of a phase.

    Attributes:
        best: the best weights that are kept, if any.
        worse: validations since then.
    """

    def __init__(self, job: Job, validate: Validate | None, updates: Updates, world: World, console: Console) -> None:
        self.job, self.validate, self.updates, self.world, self.console = job, validate, updates, world, console
        self.folder = job.folder / "checkpoints" / BEST
        self.best: Best | None = None
        self.worse = 0

    def resume(self, step: int) -> None:
        """Take up what was found until this step, and delete best weights that lie later or are of another configuration."""
        found = (_kept(self.folder, step, self.job), 0)
        if self.world.is_main and found[0] is not None:
            found = (found[0], sum(found[0].step < one <= step for one in self._logged(f"{PREFIX}{self.job.best_by}")))
        self.best, self.worse = broadcast_object(self.world, found)
        if self.world.is_main and self.folder.is_dir():
            for other in checkpoint.steps(self.folder):
                if self.best is None or other != self.best.step:
                    shutil.rmtree(checkpoint.path_of(self.folder, other), ignore_errors=True)

    def is_due(self, step: int, *, last: bool) -> bool:
        """Whether a validation belongs to this step."""
        every = self.job.settings.validate_every
        return bool(self.validate and every and step and (last or step % every == 0))

    def is_missing(self, step: int) -> bool:
        """Whether a validation was not made: a process that was asked to stop saved its checkpoint first."""
        found = self.world.is_main and step not in self._logged(SECONDS)
        return broadcast_object(self.world, found)

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return bool(self.job.patience) and self.worse >= self.job.patience

    def __call__(self, step: int, tracker: Tracker | None) -> None:
        """Validate the averages, log and say what was found, and keep the weights if they are the best; every rank must call it.

        Raises:
            TrainError: a picture, the log or the best weights cannot be written.
        """
        values, seconds = self._look(step, tracker)
        with together(self.world):
            if tracker is not None:
                tracker.log(step, {**{f"{PREFIX}{name}": value for name, value in values.items()}, SECONDS: seconds})
        value = values.get(self.job.best_by)
        if value is not None:
            self._compare(step, value)
        self._say(step, values, seconds)

    def seconds(self, tracker: Tracker | None) -> float:
        """How long a validation takes, by a picture of step 0 of which nothing else is kept; 0 without validations. Every rank must call it."""
        return self._look(0, tracker)[1] if self.validate and self.job.settings.validate_every else 0.0

    def load_best(self) -> bool:
        """Put the best weights into the averages, from the disk; false if none are kept. Every rank must call it.

        Raises:
            TrainError: they are damaged.
        """
        if self.best is None:
            return False
        problem = None
        try:
            checkpoint.load(self.folder, self.best.step, self._state(), self.world)
        except TrainError as error:
            problem = str(error).partition(";")[0]
        problem = first_problem(self.world, problem)
        if problem is not None:
            raise TrainError(
                f"{self.job.name}: {problem}; set validation.export_best=false to export the last weights, or train the phase again with --redo."
            )
        return True

    def _look(self, step: int, tracker: Tracker | None) -> tuple[dict[str, float], float]:
        """What a validation finds, and the seconds that it takes; the same on every rank."""
        assert self.validate is not None
        started = time.monotonic()
        with self.updates.averaged():
            found = dict(self.validate(step, tracker))
        return broadcast_object(self.world, (found, time.monotonic() - started))

    def _compare(self, step: int, value: float) -> None:
        if self.best is not None and value <= self.best.value:
            self.worse += 1
            return
        self.best, self.worse = Best(step, value), 0
        notes = {"iteration": step, "value": value, "by": self.job.best_by, "fingerprint": self.job.fingerprint}
        checkpoint.save(self.folder, step, {**self._state(), "trainer": notes}, self.world, keep=1)

    def _state(self) -> dict[str, Any]:
        return {"averages": {name: ema.state_dict() for name, ema in self.updates.averages.items()}}

    def _logged(self, name: str) -> list[int]:
        """The steps at which a figure was logged."""
        log = self.job.folder / "log.csv"
        return read_log(log).get(name, ([], []))[0] if log.is_file() else []

    def _say(self, step: int, values: Mapping[str, float], seconds: float) -> None:
        name, by = self.job.name, self.job.best_by
        facts = [f"{_words(key)} {value:.3f}" for key, value in values.items()]
        if self.best is not None and by in values:
            facts.append(
                "the best so far" if self.best.step == step else f"best {self.best.value:.3f} at {self.best.step}"
            )
        elif self.job.patience or self.job.export_best:
            facts.append(f"no {_words(by)}, so validation.patience and validation.export_best do nothing here")
        self.console.say(f"{name}, step {step}: validation: {', '.join(facts) or 'a picture'} ({duration(seconds)})")


def _words(name: str) -> str:
    return name.replace("_", " ").replace("iou", "IoU")


def _kept(folder: Path, step: int, job: Job) -> Best | None:
    """The best weights that were kept until a step of this configuration; anything else there is not."""
    for found in reversed(checkpoint.steps(folder)):
        try:
            notes = checkpoint.notes(folder, found)
            of_this = notes.get("fingerprint") == job.fingerprint or notes.get("fingerprint") in job.earlier
            if found <= step and of_this and notes.get("by") == job.best_by:
                return Best(found, float(notes["value"]))
        except (TrainError, KeyError, TypeError, ValueError):
            continue
    return None
