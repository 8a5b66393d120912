"""What a phase of training is, besides its method; and how its batches are cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config.method_settings import PhaseSettings
from ..errors import TrainError


@dataclass(frozen=True)
class Job:
    """What a phase of training is, besides its method.

    Attributes:
        name: of the phase; its random numbers depend on it.
        folder: for checkpoints, log and pictures of this phase.
        settings: steps, batches, intervals.
        fingerprint: of everything the phase depends on; a checkpoint of another one is refused.
        seed: of the run.
        precision: of the run.
        sharded: whether the ranks share the weights out (then gradients are averaged already).
        minutes: time budget; None for ``settings.steps`` whatever they take.
        wandb: whether figures go to Weights & Biases too.
        log_every: iterations from one line of the log to the next.
        checkpoint_every: iterations from one checkpoint to the next.
        keep: checkpoints that stay.
    """

    name: str
    folder: Path
    settings: PhaseSettings
    fingerprint: str
    seed: int
    precision: str
    sharded: bool = True
    minutes: float | None = None
    wandb: bool = False
    log_every: int = 10
    checkpoint_every: int = 200
    keep: int = 2


def accumulation(global_batch: int, micro_batch: int, ranks: int) -> int:
    """Micro-steps per iteration.

    Raises:
        TrainError: the global batch is no multiple of what all ranks do at once.
    """
    at_once = micro_batch * ranks
    if global_batch % at_once:
        raise TrainError(
            f"global_batch is {global_batch}, but must be a multiple of micro_batch {micro_batch} x {ranks} ranks; use "
            f"{-(-global_batch // at_once) * at_once}."
        )
    return global_batch // at_once
