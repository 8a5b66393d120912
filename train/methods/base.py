"""What a method of training is to the trainer, and the random choices of one micro-step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.losses.noise_levels import SigmaLaw, stratified_uniform

from ..config.method_settings import EmaSettings, Optim
from ..data.encoded import Batch
from ..engine.roles import Role
from ..engine.streams import Streams
from ..engine.tracking import Metrics


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


@dataclass
class Choice:
    """Which condition each sample gets.

    Attributes:
        control_BCFHW: boxes or masks, as drawn.
        strength_B: 0 where the sample has no trajectory, else 1; None where all have one.
        context_BMT: text tokens, those of "no prompt" where it is left out.
    """

    control_BCFHW: Tensor
    strength_B: Tensor | None
    context_BMT: Tensor


def choose(
    batch: Batch,
    step: Step,
    *,
    mask_share: float,
    text_dropout: float = 0.0,
    adapter_dropout: float = 0.0,
    no_prompt_1MT: Tensor | None = None,
) -> Choice:
    """Draw each sample's condition: filled masks with probability ``mask_share``, no prompt, no trajectory."""
    like = batch.latent_BCFHW
    masks = step.uniform("masks", like) < mask_share
    control = torch.where(masks.view(-1, 1, 1, 1, 1), batch.control_mask_BCFHW, batch.control_box_BCFHW)
    keep = (step.uniform("text", like) >= text_dropout).view(-1, 1, 1)
    strength = (step.uniform("trajectory", like) >= adapter_dropout).float() if adapter_dropout else None
    return Choice(control, strength, torch.where(keep, batch.context_BMT, without_prompt(batch, no_prompt_1MT)))


def without_prompt(batch: Batch, no_prompt_1MT: Tensor | None) -> Tensor:
    """The text tokens of "no prompt" for a batch: the encoded negative prompt, zeros up to the batch's length; or zeros."""
    context = torch.zeros_like(batch.context_BMT)
    if no_prompt_1MT is not None:
        tokens = no_prompt_1MT[:, : context.shape[1]].to(context)
        context[:, : tokens.shape[1]] = tokens
    return context


def clean_frame(batch: Batch) -> Tensor:
    """Latent frame 0 of each clip, ``[B, C, 1, H, W]``."""
    return batch.latent_BCFHW[:, :, :1]


def cell_weights(batch: Batch, inside_weight: float) -> Tensor | None:
    """Weight of each latent cell in a loss; None where all are equal."""
    return None if inside_weight == 1 else 1 + (inside_weight - 1) * batch.inside_B1FHW
