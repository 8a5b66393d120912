"""The updates of one iteration: gradients over the whole global batch, a step of each optimizer, and the averages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch

from ..data.encoded import Batch
from ..monitor.health import Health
from ..monitor.run_log import Metrics, Snapshot
from ..parallel import World, mean_over_ranks
from . import optim
from .batches import Batches
from .ema import Ema
from .job import Job
from .method import Method, Step
from .streams import Streams


class Updates:
    """Makes the updates that a method asks for.

    Attributes:
        optimizers, averages: by the update's name.
        done: how often each update was made.
        metrics: what they record.
        iteration, steps: where the phase is, and how long; the trainer sets both.
    """

    def __init__(
        self, job: Job, method: Method, batches: Batches, world: World, health: Health, say: Callable[[str], None]
    ) -> None:
        self.job, self.method, self.batches, self.world, self.health, self.say = (
            job,
            method,
            batches,
            world,
            health,
            say,
        )
        self.optimizers = {
            name: optim.make_optimizer(
                job.optimizer,
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
        self.iteration, self.steps = 0, job.settings.steps
        self._totals: dict[str, int] = {}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the trained weights are their moving averages."""
        with ExitStack() as stack:
            for ema in self.averages.values():
                stack.enter_context(ema.swapped())
            yield

    def iterate(self, batches: Iterator[tuple[Batch, float]], stop: Callable[[], bool]) -> float | None:
        """Make all updates of one iteration; returns the seconds waited for data.

        None if `stop` said so before the first update: then the iteration is given up between two micro-steps, as if it had not begun.
        """
        fetched = [next(batches) for _ in range(self.batches.accumulation)]
        metrics, method = self.metrics.snapshot(), self.method.state_dict()
        for number, name in enumerate(self.method.schedule(self.iteration)):
            before = self.metrics.snapshot()
            if not self.gradients(name, [batch for batch, _ in fetched], None if number else stop):
                self.metrics.restore(metrics)
                self.method.load_state_dict(method)
                return None
            self._update(name, before)
        return sum(waited for _, waited in fetched)

    def _update(self, name: str, before: Snapshot) -> None:
        """Step an optimizer along the gradients that are there, or skip an update whose gradients are not finite."""
        update = self.method.updates[name]
        parameters = list(update.parameters.values())
        norm = optim.clip(parameters, update.clip)
        finite = bool(torch.isfinite(norm))
        if finite:
            factor = optim.lr_factor(
                self.done[name],
                self._updates_in_all(name),
                warmup=update.optim.warmup,
                decay=update.decay,
                kind="cosine",
            )
            for group in self.optimizers[name].param_groups:
                group["lr"] = update.optim.lr * factor
            self.optimizers[name].step()
        for parameter in parameters:
            parameter.grad = None  # the next update has gradients of its own: 10 GB for a whole 5B generator
        if not finite:
            self.metrics.restore(before)
            self.say(f"{self.job.name}, {self.health.skip(name, float(norm), self.iteration + 1, self.steps)}")
            return
        self.health.made(name)
        self.done[name] += 1
        if name in self.averages:
            self.averages[name].update(self.done[name])
        self.method.after(name, self.iteration)
        self.metrics.last(f"gradient_norm/{name}", norm)
        self.metrics.last(f"lr/{name}", update.optim.lr * factor)

    def gradients(self, name: str, batches: list[Batch], stop: Callable[[], bool] | None = None) -> bool:
        """Compute an update's gradients over the whole global batch; false if `stop` said so between two micro-steps."""
        parameters = self.method.updates[name].parameters
        for parameter in parameters.values():
            parameter.grad = None
        for micro_step, batch in enumerate(batches):
            if stop is not None and micro_step and stop():
                return False
            step = self._step(micro_step)
            for term in self.method.terms(name, batch.to(self.world.device), step):
                (term / self.batches.accumulation).backward()
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
            positions=self.batches.positions(micro_step),
            global_batch=self.job.settings.global_batch,
            metrics=self.metrics,
            is_first=micro_step == 0,
        )

    def _updates_in_all(self, name: str) -> int:
        """How often an update is made in the whole phase."""
        if name not in self._totals:
            self._totals[name] = sum(name in self.method.schedule(i) for i in range(self.steps))
        return self._totals[name]
