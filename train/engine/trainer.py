"""The training loop: fetch, get the method's terms, backward, step, log, validate, save. It does not know any loss.

Everything random is a function of seed, phase, iteration and position, so a checkpoint (weights, optimizers, averages and a few numbers)
holds the whole state: a run that was killed continues with the same losses, and two processes compute what one would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from flashmotion_core.losses.noise_levels import own_share

from ..data.encoded import Batch, EncodedClips
from ..data.prefetch import Prefetcher
from ..monitor.console import Console, ProgressLine, peak_memory
from ..monitor.health import Health
from ..monitor.run_log import Metrics, Snapshot, Tracker
from ..parallel import World, broadcast_object, mean_over_ranks
from . import checkpoint, optim
from .clip_order import ClipOrder
from .ema import Ema
from .interrupt import Interruptions
from .job import Job, accumulation
from .method import Method, Step
from .resume import resume
from .streams import Streams
from .time_budget import keep_steps, settled_steps


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
        validate: Callable[[int, Tracker | None], None] | None = None,
    ) -> None:
        self.job, self.method, self.clips, self.world, self.console, self.health = (
            job,
            method,
            clips,
            world,
            console,
            health,
        )
        self.validate = validate
        settings = job.settings
        self.accumulation = accumulation(settings.global_batch, settings.micro_batch, world.size)
        self.optimizers = {
            name: optim.make_optimizer(
                update.optim.kernel(job.precision),
                update.parameters,
                lr=update.optim.lr,
                betas=update.optim.betas,
                device=world.device,
            )
            for name, update in method.updates.items()
        }
        self.averages = {
            name: Ema(update.parameters, update.ema.decay, update.ema.start)
            for name, update in method.updates.items()
            if update.ema is not None
        }
        self.done = dict.fromkeys(method.updates, 0)
        self.metrics = Metrics(world.device)
        self.iteration = 0
        self.steps = settings.steps
        self._saved_at = time.monotonic()
        self._totals: dict[str, int] = {}

    def run(self) -> None:
        """Train from the newest checkpoint to the last step, and save a checkpoint there.

        Raises:
            TrainError: the checkpoint belongs to another configuration or all are damaged, the disk is full, or data cannot be read.
            TrainingStopped: the run cannot succeed any more; see ``health``.
            KeyboardInterrupt: after Ctrl+C or SIGTERM, once a checkpoint of the last finished iteration is saved. An iteration ends early if it
                has made no update yet.
        """
        self._resume()
        self.steps = self._settle()
        settings, folder = self.job.settings, self.job.folder
        with ExitStack() as stack:
            tracker = None
            if self.world.is_main:
                tracker = Tracker(folder, wandb=self.job.wandb, resume_step=self.iteration)
                stack.callback(tracker.close)
            progress = stack.enter_context(self.console.phase(self.job.name, self.steps, start=self.iteration))
            stop = stack.enter_context(Interruptions())
            batches = stack.enter_context(self._batches(self.iteration, self.steps))
            while self.iteration < self.steps:
                started = time.monotonic()
                waited = self._iterate(batches, stop)
                if waited is None:
                    self._save()
                    break
                self.iteration += 1
                last = self.iteration == self.steps
                interrupted, due = broadcast_object(self.world, (stop.asked, self._is_time_to_save()))
                # Also before an early stop: a loss that is not a number must show before it gets into a checkpoint.
                self._log(progress, tracker, time.monotonic() - started, waited, last or interrupted or due)
                # Before pictures, which take minutes: a machine that is taken away grants less.
                if last or interrupted or due or self.iteration % self.job.checkpoint_every == 0:
                    self._save()
                pictures = settings.validate_every and (last or self.iteration % settings.validate_every == 0)
                if self.validate and pictures and (last or not interrupted):
                    with self.average():
                        self.validate(self.iteration, tracker)
                if interrupted:
                    break
            if self._asked_to_stop(stop):
                raise KeyboardInterrupt

    @contextmanager
    def average(self) -> Iterator[None]:
        """Inside, the trained weights are their moving averages."""
        with ExitStack() as stack:
            for ema in self.averages.values():
                stack.enter_context(ema.swapped())
            yield

    def _asked_to_stop(self, stop: Interruptions) -> bool:
        """Whether rank 0 was asked to stop; the same on every rank."""
        return broadcast_object(self.world, stop.asked)

    def _iterate(self, batches: Iterator[tuple[Batch, float]], stop: Interruptions) -> float | None:
        """Make all updates of one iteration; returns the seconds waited for data.

        None if a signal came before the first update: then the iteration is given up between two micro-steps, as if it had not begun.
        """
        fetched = [next(batches) for _ in range(self.accumulation)]
        metrics, method = self.metrics.snapshot(), self.method.state_dict()
        for number, name in enumerate(self.method.schedule(self.iteration)):
            before = self.metrics.snapshot()
            if not self._gradients(name, [batch for batch, _ in fetched], None if number else stop):
                self.metrics.restore(metrics)
                self.method.load_state_dict(method)
                return None
            self._update(name, before)
        return sum(waited for _, waited in fetched)

    def _update(self, name: str, before: Snapshot) -> None:
        """Step an optimizer along the gradients that are there, or skip an update whose gradients are not finite."""
        update = self.method.updates[name]
        parameters = list(update.parameters.values())
        norm = optim.clip(parameters, update.optim.clip)
        finite = bool(torch.isfinite(norm))
        if finite:
            factor = optim.lr_factor(
                self.done[name],
                self._updates_in_all(name),
                warmup=update.optim.warmup,
                decay=update.optim.decay,
                kind="cosine",
            )
            for group in self.optimizers[name].param_groups:
                group["lr"] = update.optim.lr * factor
            self.optimizers[name].step()
        for parameter in parameters:
            parameter.grad = None  # the next update has gradients of its own: 10 GB for a whole 5B generator
        if not finite:
            self.metrics.restore(before)
            self.console.say(f"{self.job.name}, {self.health.skip(name, float(norm), self.iteration + 1, self.steps)}")
            return
        self.health.made(name)
        self.done[name] += 1
        if name in self.averages:
            self.averages[name].update(self.done[name])
        self.method.after(name, self.iteration)
        self.metrics.last(f"gradient_norm/{name}", norm)
        self.metrics.last(f"lr/{name}", update.optim.lr * factor)

    def _gradients(self, name: str, batches: list[Batch], stop: Interruptions | None = None) -> bool:
        """Compute an update's gradients over the whole global batch; false if a signal came between two micro-steps."""
        parameters = self.method.updates[name].parameters
        for parameter in parameters.values():
            parameter.grad = None
        for micro_step, batch in enumerate(batches):
            if stop is not None and micro_step and self._asked_to_stop(stop):
                return False
            step = self._step(micro_step)
            for term in self.method.terms(name, batch.to(self.world.device), step):
                (term / self.accumulation).backward()
        if self.world.size > 1 and not self.job.sharded:
            for parameter in parameters.values():
                if parameter.grad is not None:
                    parameter.grad.copy_(mean_over_ranks(self.world, parameter.grad))
        return True

    def _step(self, micro_step: int) -> Step:
        return Step(
            iteration=self.iteration,
            progress=self.iteration / self.steps,
            streams=Streams(self.job.seed, self.job.name, self.iteration),
            positions=self._positions(micro_step),
            global_batch=self.job.settings.global_batch,
            metrics=self.metrics,
            is_first=micro_step == 0,
        )

    def _positions(self, micro_step: int) -> tuple[int, ...]:
        """The positions in the global batch that this rank processes in a micro-step."""
        everyone = torch.arange(self.job.settings.global_batch)
        world = self.world
        share = own_share(
            everyone, rank=world.rank, ranks=world.size, micro_step=micro_step, micro_steps=self.accumulation
        )
        return tuple(share.tolist())

    @contextmanager
    def _batches(self, start: int, stop: int) -> Iterator[Iterator[tuple[Batch, float]]]:
        """This rank's micro-batches of iterations ``start`` to ``stop``, read ahead."""

        order = ClipOrder(self.job.seed, self.clips.groups, self.job.settings.global_batch)

        def indices() -> Iterator[list[int]]:
            for iteration in range(start, stop):
                for micro_step in range(self.accumulation):
                    yield order.clips(iteration, self._positions(micro_step))

        prefetcher = Prefetcher(self.clips, indices(), "cpu")
        try:
            yield prefetcher
        finally:
            prefetcher.close()

    def _updates_in_all(self, name: str) -> int:
        """How often an update is made in the whole phase."""
        if name not in self._totals:
            self._totals[name] = sum(name in self.method.schedule(i) for i in range(self.steps))
        return self._totals[name]

    def _settle(self) -> int:
        """The number of steps: as configured, or what fits into the time budget; decided once and stored in the folder."""
        found = settled_steps(self.job, self.method, self.iteration, self._probe, self.console.say)
        steps = broadcast_object(self.world, found)
        if self.world.is_main:
            keep_steps(self.job, steps)
        self.method.settle(steps, self.job.settings.steps)
        return steps

    def _probe(self, name: str, trial: int) -> float:
        """Seconds that an update's gradients take; changes nothing. Trials draw different numbers, and so rollouts of different lengths."""
        kept = self.method.state_dict()
        with self._batches(0, 1) as batches:
            fetched = [next(batches)[0] for _ in range(self.accumulation)]
        started = time.monotonic()
        self.iteration = (
            -1 - trial
        )  # before all others, so that what only some of them do, such as the canary, is not timed
        self._gradients(name, fetched)
        self.iteration = 0
        for parameter in self.method.updates[name].parameters.values():
            parameter.grad = None
        if self.world.device.type == "cuda":
            torch.cuda.synchronize()
        self.method.load_state_dict(kept)
        self.metrics = Metrics(self.world.device)
        return time.monotonic() - started

    def _log(self, progress: ProgressLine, tracker: Tracker | None, seconds: float, waited: float, last: bool) -> None:
        self.metrics.mean("time/step", seconds)
        self.metrics.mean("time/waiting_share", waited / max(seconds, 1e-9))
        if not last and self.iteration % self.job.log_every:
            return
        values = self.metrics.collect(self.world)
        memory = peak_memory(self.world.device)
        if memory is not None:
            values["memory/peak_GB"] = memory / 1e9
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
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        """Restore the newest checkpoint that can be read, if there are any; see ``resume.resume``."""
        resume(self.job, self._state, self._take, self.world, self.console)

    def _take(self, kept: dict[str, Any], state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept, whose tensors are in the state already or belong there."""
        iteration, done = int(kept["iteration"]), {name: int(kept["done"][name]) for name in self.done}
        self.method.load_state_dict(kept["method"])
        self.health.load_state_dict(kept["health"])
        for name, optimizer in self.optimizers.items():
            checkpoint.load_optimizer_state(self.method.updates[name].parameters, optimizer, state["optimizers"][name])
        for name, ema in self.averages.items():
            ema.load_state_dict(state["averages"][name])
        self.iteration, self.done = iteration, done
