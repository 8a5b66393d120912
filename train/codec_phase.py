"""The codec phase of a run: `codec.train_codec` in the run's folder, with its console and log."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from .codec import train_codec
from .engine.config import Config, digest
from .engine.run import Run
from .engine.tracking import Tracker
from .parts import Parts
from .training import draw

LOG_EVERY = 20
BOOKKEEPING = {"checkpoint_every", "share"}


def codec_digest(config: Config) -> str:
    """Fingerprint of the codec that this configuration trains."""
    return digest("codec", config.codec.model_dump(mode="json", exclude=BOOKKEEPING))


def train_codec_phase(run: Run) -> None:
    """Train it and put it into `models/vae/NAME_vae.safetensors`. For one rank alone."""
    settings, folder = run.config.codec, run.phase_folder("codec")
    with run.console.phase("codec", settings.steps) as progress:
        tracker: Tracker | None = None

        def log(step: int, values: Mapping[str, float]) -> None:
            nonlocal tracker
            if tracker is None:  # only now is it known where an earlier run stopped
                tracker = Tracker(folder, wandb=run.config.logging.wandb, resume_step=step - 1)
            if step % LOG_EVERY == 0:
                tracker.log(step, {f"codec/{name}": value for name, value in values.items()})

        def report(step: int, steps: int, loss: float, seconds: float) -> None:
            progress.expect(steps)
            progress.update(step, loss=loss, seconds_per_step=seconds)

        try:
            file = train_codec(
                settings,
                folder,
                minutes=run.minutes(settings.share),
                device=run.world.device,
                report=report,
                log=log,
            )
        finally:
            if tracker is not None:
                tracker.close()
            draw(folder, "codec", run.console)
    path = Parts(run).vae_path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    shutil.copyfile(file, part)
    part.replace(path)
