"""What a method of training is to the trainer: the step it is given, the updates it makes, the weights it holds."""

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
    """One micro-step of one rank: its place in the run, its random numbers, and where its figures go.

    Attributes:
        iteration: from 0.
        progress: 0 at the first iteration of the phase, 1 after the last.
        streams: random numbers of this iteration.
        positions: of this micro-step's clips in the global batch.
        global_batch: clips of the iteration.
        metrics: where figures go.
        is_first: the first micro-step of the iteration, before which gradients are zero.
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
        """Uniform numbers ``[B]`` in 0..1, float32."""
        if stratified:
            u = stratified_uniform(self.global_batch, self.streams.generator(name))[list(self.positions)]
        else:
            u = self.streams.uniform(name, self.positions)
        return u.to(like.device, torch.float32)

    def noise(self, name: str, like: Tensor) -> Tensor:
        """Gaussian noise of the shape of ``like`` (its batch is this micro-step's)."""
        return self.streams.noise(name, self.positions, like.shape[1:]).to(like)

    def noises(self, name: str, like: Tensor) -> Callable[[int], Tensor]:
        """Noise of step k of a rollout."""
        return lambda k: self.noise(f"{name}_{k}", like)


@dataclass(frozen=True)
class Update:
    """A set of weights that one optimizer changes.

    Attributes:
        parameters: by name.
        optim: of these.
        ema: average to keep of them, or None.
    """

    parameters: Mapping[str, nn.Parameter]
    optim: Optim
    ema: EmaSettings | None = None


class Method:
    """Roles, and how they learn. The trainer asks which updates an iteration has and runs backward on each term as it comes.

    Attributes:
        roles: by name.
        updates: what can be updated, by name.
        student: the role that samples, and whose weights are the result.
        result: the update whose average is swapped in for validation and export.
        critics_ahead: iterations, as configured, in which the student waits for what judges it.
    """

    roles: Mapping[str, Role]
    updates: Mapping[str, Update]
    student: Role
    result: str
    critics_ahead: int = 0
    _made: tuple[int, int] = (1, 1)

    def settle(self, steps: int, configured: int) -> None:
        """Tell how many iterations are made of the configured ones: fewer under a time budget."""
        self._made = (min(steps, configured), configured)

    @property
    def warmup(self) -> int:
        """Iterations in which the student waits: of a shortened phase the same share, so that it learns in the rest."""
        steps, configured = self._made
        return self.critics_ahead * steps // configured

    def schedule(self, iteration: int) -> Sequence[str]:
        """Names of the updates of an iteration, in order."""
        return (self.result,)

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """The terms of an update's objective, each a scalar, the mean over the micro-batch, already weighted.

        The trainer calls backward on a term before it asks for the next one: one graph is alive at a time, and a method can look at the
        gradients between two terms.
        """
        raise NotImplementedError

    def after(self, update: str, iteration: int) -> None:
        """Called when an update has been made."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights, optimizers and averages; JSON-ready."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state_dict`` returned."""
