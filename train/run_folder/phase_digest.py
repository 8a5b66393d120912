"""The fingerprint of a phase: what its result depends on."""

from __future__ import annotations

from typing import Any

from ..config.method_settings import PhaseSettings
from ..config.settings import Settings
from ..files import digest
from .run import Run

BOOKKEEPING = {"share", "validate_every", "micro_batch"}
"""The settings of a phase that do not change its result; validations do, if they decide about it."""


def phase_digest(run: Run, name: str, settings: Settings, *depends: str) -> str:
    """The fingerprint of a training phase: a hash of its settings and of the fingerprints that it depends on."""
    config, decides = run.config, run.config.validation
    general: list[Any] = [
        config.seed,
        config.precision,
        config.memory.fp8,
        config.memory.optimizer,
        config.conditioning,
    ]
    if isinstance(settings, PhaseSettings) and settings.validate_every and (decides.patience or decides.export_best):
        logging = config.logging
        general += [decides, settings.validate_every, logging.validation_clips, logging.validation_steps]
    return digest(name, settings.model_dump(mode="json", exclude=BOOKKEEPING), *general, *depends)
