"""Whether settings fit the number of processes that share a run."""

from __future__ import annotations

from collections.abc import Container

import torch

from ..config.phases import training_phases
from ..config.schema import Config
from ..engine.build import Builder
from ..engine.job import accumulation
from ..errors import TrainError
from ..parallel import World


def check_ranks(config: Config, ranks: int, among: Container[str] | None = None) -> None:
    """Raises TrainError for settings that so many processes cannot share; of the phases of these names, or all."""
    phases = training_phases(config, among)
    if phases:
        Builder(config, World(0, ranks, 0, torch.device("cpu")))  # float8 and sharding
    if phases and config.memory.optimizer == "adamw8bit" and ranks > 1:
        raise TrainError(
            f"memory.optimizer is adamw8bit, which cannot share its state among {ranks} processes; use adamw."
        )
    for phase, settings in phases:
        try:
            accumulation(settings.global_batch, settings.micro_batch, ranks)
        except TrainError as error:
            raise TrainError(f"{phase.stage}.{error}") from None
