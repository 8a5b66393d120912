"""The training loop: fetch, make the updates, log, save, validate. It does not know any loss.

Everything random is a function of seed, phase, iteration and position, so a checkpoint (weights, optimizers, averages and a few numbers)
holds the whole state: a run that was killed continues with the same losses, and two processes compute what one would.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from ..data.encoded import Batch, EncodedClips
from ..monitor.console import Console, ProgressLine, peak_memory
from ..monitor.health import Health
from ..monitor.run_log import Metrics, Tracker
from ..parallel import World, broadcast_object, together
from . import checkpoint
from .batches import Batches
from .interrupt import Interruptions
from .job import Job
from .method import Method
from .resume import resume
from .time_budget import keep_steps, settled_steps
from .updates import Updates
from .validations import Validate, Validations


class Trainer:
    """Trains one phase to its end; ``run`` resumes from the newest whole checkpoint."""

    def __init__(
        self,
        job: Job,
        method: Method,
        clips: EncodedClips,
        world: World,
        console: Console,
        health: Health,
        validate: Validate | None = None,
    ) -> None:
        self.job, self.method, self.world, self.console, self.health = job, method, world, console, health
        self.batches = Batches(job, clips, world)
        self.updates = Updates(job, method, self.batches, world, health, lambda text: self.console.say(text))
        self.optimizers, self.averages, self.done = self.updates.optimizers, self.updates.averages, self.updates.done
        self.validations = Validations(job, validate, self.updates, world, console)
        self._saved_at, self._saved = time.monotonic(), -1

    @property
    def iteration(self) -> int:
        """Iterations that are done."""
        return self.updates.iteration

    @property
    def steps(self) -> int:
        """Iterations in all."""
        return self.updates.steps

    def run(self) -> None:
        """Train from the newest checkpoint to the last step, or until patience runs out, and save a checkpoint there.

        Raises:
            TrainError: the checkpoint belongs to another configuration or all are damaged, the disk is full, or data cannot be read.
            TrainingStopped: the run can no longer succeed; see ``health``.
            KeyboardInterrupt: after Ctrl+C or SIGTERM, once a checkpoint of the last finished iteration is saved. An iteration ends early if it
                has made no update yet.
        """
        resume(self.job, self._state, self._take, self.world, self.console)
        with ExitStack() as stack:
            tracker = None
            with together(self.world):
                if self.world.is_main:
                    tracker = Tracker(self.job.folder, dashboards=self.job.dashboards, resume_step=self.iteration)
                    stack.callback(tracker.close)
            self._settle(tracker)
            self.validations.resume(self.iteration)
            progress = stack.enter_context(self.console.phase(self.job.name, self.steps, start=self.iteration))
            stop = stack.enter_context(Interruptions())
            if self._validation_is_due() and self.validations.is_missing(self.iteration):
                self.validations(self.iteration, tracker)
            batches = stack.enter_context(self.batches.ahead(self.iteration, self.steps))
            while self.iteration < self.steps and not self.validations.is_over:
                if not self._iterate(batches, stop, progress, tracker):
                    break
            if self.validations.is_over and self.iteration < self.steps:
                self._end_early()
            if self._asked_to_stop(stop):
                raise KeyboardInterrupt

    @contextmanager
    def result(self) -> Iterator[None]:
        """Inside, the trained weights are what the phase makes: their averages after the last step or, with `validation.export_best`, the best.

        Raises:
            TrainError: the best weights are damaged.
        """
        job, best = self.job, self.validations.best
        if job.export_best and self.validations.load_best():
            assert best is not None
            self.console.say(
                f"{job.name}: its result is that of step {best.step}, with {job.best_by} {best.value:.3f}."
            )
        with self.updates.averaged():
            yield

    def _iterate(
        self,
        batches: Iterator[tuple[Batch, float]],
        stop: Interruptions,
        progress: ProgressLine,
        tracker: Tracker | None,
    ) -> bool:
        """One iteration with all that follows it; false if it was the last one, because a stop was asked for."""
        started = time.monotonic()
        waited = self.updates.iterate(batches, lambda: self._asked_to_stop(stop))
        if waited is None:
            self._save()
            return False
        self.updates.iteration += 1
        last = self.iteration == self.steps
        interrupted, due = broadcast_object(self.world, (stop.asked, self._is_time_to_save()))
        # Also before an early stop: a loss that is not a number must show before it gets into a checkpoint.
        self._log(progress, tracker, time.monotonic() - started, waited, last or interrupted or due)
        # Before pictures, which take minutes: a machine that is taken away grants less.
        if last or interrupted or due or self.iteration % self.job.checkpoint_every == 0:
            self._save()
        if self._validation_is_due() and (last or not interrupted):
            self.validations(self.iteration, tracker)
        return not interrupted

    def _validation_is_due(self) -> bool:
        return self.validations.is_due(self.iteration, last=self.iteration == self.steps)

    def _end_early(self) -> None:
        """Save, unless that was done, and say why the phase ends before its last step."""
        if self._saved != self.iteration:
            self._save()
        job, best = self.job, self.validations.best
        assert best is not None
        self.console.say(
            f"{job.name}: ended after {self.iteration} of {self.steps} steps, as {job.best_by} was best at step {best.step} ({best.value:.3f}) and "
            f"no better in {self.validations.worse} validations (validation.patience)."
        )

    def _asked_to_stop(self, stop: Interruptions) -> bool:
        """Whether rank 0 was asked to stop; the same on every rank."""
        return broadcast_object(self.world, stop.asked)

    def _settle(self, tracker: Tracker | None) -> None:
        """The number of steps: as configured, or what fits into the time budget; decided once and stored in the folder."""
        look = partial(self.validations.seconds, tracker)
        found = settled_steps(self.job, self.method, self.iteration, self._probe, look, self.console.say)
        self.updates.steps = broadcast_object(self.world, found)
        with together(self.world):
            if self.world.is_main:
                keep_steps(self.job, self.steps)
        self.method.settle(self.steps, self.job.settings.steps)

    def _probe(self, name: str, trial: int) -> float:
        """Seconds that an update's gradients take; changes nothing. Trials draw different numbers, and so rollouts of different lengths."""
        kept, updates = self.method.state_dict(), self.updates
        with self.batches.ahead(0, 1) as batches:
            fetched = [next(batches)[0] for _ in range(self.batches.accumulation)]
        started = time.monotonic()
        # before all others, so that what only some of them do, such as the canary, is not timed
        updates.iteration = -1 - trial
        updates.gradients(name, fetched)
        updates.iteration = 0
        for parameter in self.method.updates[name].parameters.values():
            parameter.grad = None
        if self.world.device.type == "cuda":
            torch.cuda.synchronize()
        self.method.load_state_dict(kept)
        updates.metrics = Metrics(self.world.device)
        return time.monotonic() - started

    def _log(self, progress: ProgressLine, tracker: Tracker | None, seconds: float, waited: float, last: bool) -> None:
        metrics = self.updates.metrics
        metrics.mean("time/step", seconds)
        metrics.mean("time/waiting_share", waited / max(seconds, 1e-9))
        if not last and self.iteration % self.job.log_every:
            return
        values = metrics.collect(self.world)
        memory = peak_memory(self.world.device)
        if memory is not None:
            values["memory/peak_GB"] = memory / 1e9
        with together(self.world):
            if tracker is not None:
                tracker.log(self.iteration, values)
        progress.update(
            self.iteration,
            loss=next((value for name, value in values.items() if name.startswith("loss/")), float("nan")),
            seconds_per_step=values["time/step"],
            peak_memory_bytes=memory,
            waiting_share=values["time/waiting_share"],
        )
        for warning in self.health.check(self.iteration, values):
            self.console.say(f"{self.job.name}, step {self.iteration}: {warning}")

    def _state(self) -> dict[str, Any]:
        """Everything that training changes, as live tensors, and a few numbers."""
        return {
            "weights": {name: dict(update.parameters) for name, update in self.method.updates.items()},
            "optimizers": {
                name: checkpoint.optimizer_state(self.method.updates[name].parameters, optimizer)
                for name, optimizer in self.optimizers.items()
            },
            "averages": {name: ema.state_dict() for name, ema in self.averages.items()},
            "trainer": {
                "iteration": self.iteration,
                "done": self.done,
                "fingerprint": self.job.fingerprint,
                "method": self.method.state_dict(),
                "health": self.health.state_dict(),
            },
        }

    def _is_time_to_save(self) -> bool:
        return time.monotonic() - self._saved_at >= 60 * self.job.checkpoint_minutes

    def _save(self) -> None:
        checkpoint.save(self.job.folder / "checkpoints", self.iteration, self._state(), self.world, self.job.keep)
        self._saved_at, self._saved = time.monotonic(), self.iteration

    def _take(self, kept: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from what a checkpoint kept, whose tensors are in the state already or belong there."""
        iteration, done = int(kept["iteration"]), {name: int(kept["done"][name]) for name in self.done}
        self.method.load_state_dict(kept["method"])
        self.health.load_state_dict(kept["health"])
        for name, optimizer in self.optimizers.items():
            checkpoint.load_optimizer_state(self.method.updates[name].parameters, optimizer, state["optimizers"][name])
        for name, ema in self.averages.items():
            ema.load_state_dict(state["averages"][name])
        self.updates.iteration = self._saved = iteration
        self.done.update(done)
