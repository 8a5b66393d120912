"""One phase of training, from its method to its curves: what the stages have in common."""

from __future__ import annotations

from operator import attrgetter

from ..config.method_settings import PhaseSettings
from ..data.encoded import EncodedClips
from ..engine.job import Job
from ..engine.method import Method
from ..engine.trainer import Trainer
from ..engine.validations import Validate
from ..monitor.curves import draw
from ..monitor.health import Health
from ..run_folder.run import Run


def train_phase(
    run: Run,
    name: str,
    method: Method,
    settings: PhaseSettings,
    fingerprint: str,
    clips: EncodedClips,
    validate: Validate | None = None,
) -> Trainer:
    """Train a phase to its end and draw its curves; returns the trainer, for its result.

    Raises:
        TrainError: see ``Trainer.run``.
    """
    folder = run.phase_folder(name)
    job = Job(
        name=name,
        folder=folder,
        settings=settings,
        fingerprint=fingerprint,
        seed=run.config.seed,
        precision=run.config.precision,
        optimizer=run.config.optimizer,
        sharded=run.config.memory.sharding == "full",
        minutes=run.minutes(settings.share),
        dashboards=run.config.logging.dashboards,
        log_every=run.config.logging.every,
        checkpoint_every=run.config.checkpoints.every,
        keep=run.config.checkpoints.keep,
        checkpoint_minutes=run.config.checkpoints.minutes,
        earlier=run.earlier.get(name, frozenset()),
        changed=run.changed,
        best_by=run.config.validation.best,
        patience=run.config.validation.patience,
        export_best=run.config.validation.export_best,
    )
    stage, keys = name.split("_")[0], {"fake": "fake_optim", "discriminator": "gan.optim"}
    # As configured, not as an adapter's lr_scale made them: the advice names the setting.
    configured = getattr(run.config, stage)
    rates = {update: attrgetter(keys.get(update, "optim"))(configured).lr for update in method.updates}
    watch = Health(run.config.health, phase=stage, optim_keys=keys, rates=rates)
    trainer = Trainer(job, method, clips, run.world, run.console, watch, validate)
    try:
        trainer.run()
    finally:
        # Also for a phase that was stopped, as its curves show why.
        if run.world.is_main:
            draw(folder, name, run.console)
    return trainer
