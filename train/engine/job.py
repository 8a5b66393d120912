"""A phase of training apart from its method, and how its batches are divided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config.method_settings import PhaseSettings
from ..errors import TrainError


@dataclass(frozen=True)
class Job:
    """A phase of training apart from its method.

    Attributes:
        name: the phase's name, which its random numbers depend on.
        folder: where checkpoints, log and pictures of the phase go.
        settings: the phase's steps, batches and intervals.
        fingerprint: a hash of everything that the phase depends on; a checkpoint with another one is refused.
        seed: the run's seed.
        precision: the run's precision.
        optimizer: the kind of optimizer, as `make_optimizer` takes it.
        sharded: whether the weights are sharded over the ranks (then gradients are already averaged).
        minutes: the time budget; None to do all of ``settings.steps``.
        dashboards: where to log to besides CSV and TensorBoard, see ``monitor.dashboards``.
        log_every: iterations between two lines of the log.
        checkpoint_every: iterations between two checkpoints.
        keep: how many checkpoints to keep.
        checkpoint_minutes: minutes after which a checkpoint is due, whatever `checkpoint_every` says.
        earlier: fingerprints of the same phase before settings were changed on the way, whose checkpoints it continues.
        changed: what was changed, as ``key=value``.
        best_by: the figure of a validation by which the best weights are chosen.
        patience: validations in a row without a better figure after which the phase ends; 0 for never.
        export_best: whether the phase makes the best weights instead of the last ones.
    """

    name: str
    folder: Path
    settings: PhaseSettings
    fingerprint: str
    seed: int
    precision: str
    sharded: bool = True
    minutes: float | None = None
    dashboards: tuple[str, ...] = ()
    log_every: int = 10
    checkpoint_every: int = 200
    optimizer: str = "adamw"
    keep: int = 2
    checkpoint_minutes: float = 20.0
    earlier: frozenset[str] = frozenset()
    changed: tuple[str, ...] = ()
    best_by: str = "score"
    patience: int = 0
    export_best: bool = False


def accumulation(global_batch: int, micro_batch: int, ranks: int) -> int:
    """Micro-steps per iteration.

    Raises:
        TrainError: the global batch is not a multiple of what all ranks process at once.
    """
    at_once = micro_batch * ranks
    if global_batch % at_once:
        raise TrainError(
            f"global_batch is {global_batch}, but must be a multiple of micro_batch {micro_batch} x {ranks} ranks; use "
            f"{-(-global_batch // at_once) * at_once}."
        )
    return global_batch // at_once
