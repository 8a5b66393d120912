"""A training method as the trainer sees it: the step it gets, the updates it makes, and the weights it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.losses.noise_levels import SigmaLaw, stratified_uniform

from ..config.method_settings import EmaSettings, Optim
from ..data.encoded import Batch
from ..monitor.run_log import Metrics
from .roles import Role
from .streams import Streams


@dataclass(frozen=True)
class Step:
    """One micro-step of one rank: its place in the run, its random numbers, and where its metrics go.

    Attributes:
        iteration: counted from 0.
        progress: 0 at the first iteration of the phase, 1 after the last one.
        streams: the random numbers of this iteration.
        positions: where this micro-step's clips are in the global batch.
        global_batch: the number of clips of the iteration.
        metrics: collects the metrics.
        is_first: whether it is the first micro-step of the iteration, before which gradients are zero.
    """

    iteration: int
    progress: float
    streams: Streams
    positions: tuple[int, ...]
    global_batch: int
    metrics: Metrics
    is_first: bool = True

    def sigma(self, name: str, law: SigmaLaw, like: Tensor) -> Tensor:
        """Noise levels ``[B]``, stratified over the global batch."""
        return law.sigma(self.uniform(name, like, stratified=True))

    def uniform(self, name: str, like: Tensor, *, stratified: bool = False) -> Tensor:
        """Uniform random numbers ``[B]`` in 0..1, float32."""
        if stratified:
            u = stratified_uniform(self.global_batch, self.streams.generator(name))[list(self.positions)]
        else:
            u = self.streams.uniform(name, self.positions)
        return u.to(like.device, torch.float32)

    def noise(self, name: str, like: Tensor) -> Tensor:
        """Gaussian noise in the shape of ``like``, which is a batch of this micro-step."""
        return self.streams.noise(name, self.positions, like.shape[1:]).to(like)

    def noises(self, name: str, like: Tensor) -> Callable[[int], Tensor]:
        """The noise of step k of a rollout, as a function of k."""
        return lambda k: self.noise(f"{name}_{k}", like)


@dataclass(frozen=True)
class Update:
    """A set of weights that one optimizer updates.

    Attributes:
        parameters: the weights by name.
        optim: the settings of their optimizer.
        ema: the settings of their moving average; None for no average.
        decay: the last share of the phase, in which the learning rate falls.
        clip: the largest norm of the gradient; longer ones are scaled down to it.
    """

    parameters: Mapping[str, nn.Parameter]
    optim: Optim
    ema: EmaSettings | None = None
    decay: float = 0.0
    clip: float = 1.0


class Method:
    """Roles and how they learn. The trainer asks which updates an iteration has, and runs backward on each term as it comes.

    Attributes:
        roles: the roles by name.
        updates: the possible updates by name.
        student: the role that samples, and whose weights are the result.
        result: the name of the update whose average is used for validation and export.
        critics_ahead: the configured number of iterations at the start in which only the student's critics learn.
    """

    roles: Mapping[str, Role]
    updates: Mapping[str, Update]
    student: Role
    result: str
    critics_ahead: int = 0
    _made: tuple[int, int] = (1, 1)

    def settle(self, steps: int, configured: int) -> None:
        """Set how many of the configured iterations are done; a time budget may allow fewer."""
        self._made = (min(steps, configured), configured)

    @property
    def warmup(self) -> int:
        """Iterations in which the student waits. In a shortened phase they keep their share, so that the student still learns."""
        steps, configured = self._made
        return self.critics_ahead * steps // configured

    def schedule(self, iteration: int) -> Sequence[str]:
        """The names of an iteration's updates, in order."""
        return (self.result,)

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """The weighted terms of an update's objective, each a scalar: the mean over the micro-batch.

        The trainer calls backward on a term before it asks for the next one. So only one graph is alive at a time, and a method can look at
        the gradients between two terms.
        """
        raise NotImplementedError

    def after(self, update: str, iteration: int) -> None:
        """Called after an update."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights, optimizers and averages, JSON-ready."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
