"""The phases of a configuration in order: the one list that the run, the plan, the checks and the publisher read."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from .method_settings import PhaseSettings
from .schema import Config
from .settings import Adapter

Stage = Literal["prepare", "codec", "data", "base", "stage1", "stage2", "stage3", "decoder", "evaluate", "export"]


@dataclass(frozen=True)
class PhaseName:
    """One phase of a configuration.

    Attributes:
        stage: the part of the run; for a training phase, the key of its settings.
        adapter: the adapter that it trains, in stages 1 and 3.
    """

    stage: Stage
    adapter: Adapter | None = None

    @property
    def name(self) -> str:
        """The name of its folder and for `--only`, such as ``stage1_resnet``."""
        return self.stage if self.adapter is None else f"{self.stage}_{self.adapter.kind}"


def phases_of(config: Config) -> list[PhaseName]:
    """All phases in order. What is given as a file (VAE, generator, SlowAdapter, FastGenerator) needs no phase."""
    models = config.models
    return [
        *([PhaseName("prepare")] if config.data.prepares else []),
        *([PhaseName("codec")] if models.vae is None else []),
        PhaseName("data"),
        *([PhaseName("base")] if models.generator is None else []),
        *(PhaseName("stage1", adapter) for adapter in models.adapters if adapter.slow is None),
        *([PhaseName("stage2")] if models.fast_generator is None else []),
        *(PhaseName("stage3", adapter) for adapter in models.adapters),
        # The decoder keeps learning after the encoder; nothing before the evaluation needs it.
        *([PhaseName("decoder")] if models.vae is None and config.codec.encoder_part < 1 else []),
        PhaseName("evaluate"),
        PhaseName("export"),
    ]


WITHOUT_GENERATORS = ("prepare", "codec", "data", "decoder")
"""Stages that read no generator and no adapter."""


def training_phases(config: Config, among: Container[str] | None = None) -> list[tuple[PhaseName, PhaseSettings]]:
    """The phases that train with a method, with their settings; of these names, or all. Excludes the codec and a stage 3 that is skipped."""
    settings = {"base": config.base, "stage1": config.stage1, "stage2": config.stage2, "stage3": config.stage3}
    found = [(phase, settings.get(phase.stage)) for phase in phases_of(config) if among is None or phase.name in among]
    return [(phase, one) for phase, one in found if isinstance(one, PhaseSettings)]
