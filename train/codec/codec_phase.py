"""The phases codec and decoder of a run: `train_codec` in the run's folder, with its console and log."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole

from ..config.schema import Config
from ..files import digest
from ..monitor.curves import draw
from ..monitor.run_log import Tracker
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from . import codec_budget, codec_checkpoint
from .codec_training import BOOKKEEPING
from .train_codec import train_codec

LOG_EVERY = 20


def codec_digest(config: Config) -> str:
    """The fingerprint of the codec that this configuration trains."""
    return digest(
        "codec", config.seed, config.precision == "fp32", config.codec.model_dump(mode="json", exclude=BOOKKEEPING)
    )


def train_codec_phase(run: Run) -> None:
    """Train the codec and write it to `models/vae/NAME_vae.safetensors`. Only one rank may call it."""
    write_whole(Artifacts(run).codec_path, partial(shutil.copyfile, _train(run, "codec")))


def train_decoder_phase(run: Run) -> None:
    """Train the decoder's remaining steps and write the codec to `models/vae/NAME_vae_decoder.safetensors`. Only one rank may call it."""
    folder = run.phase_folder("decoder")
    if not codec_checkpoint.exists(folder):
        folder.mkdir(parents=True, exist_ok=True)
        codec = run.phase_folder("codec")
        write_whole(folder / codec_budget.FILE, partial(shutil.copyfile, codec / codec_budget.FILE))
        codec_checkpoint.copy(codec, folder)
    write_whole(Artifacts(run).decoder_path, partial(shutil.copyfile, _train(run, "decoder")))


def _train(run: Run, phase: str) -> Path:
    settings, folder, rest = run.config.codec, run.phase_folder(phase), phase == "decoder"
    with run.console.phase(phase, settings.steps) as progress:
        tracker: Tracker | None = None

        def log(step: int, values: Mapping[str, float]) -> None:
            nonlocal tracker
            if tracker is None:  # only now is it known where an earlier run stopped
                tracker = Tracker(folder, dashboards=run.config.logging.dashboards, resume_step=step - 1)
            if step % LOG_EVERY == 0:
                tracker.log(step, {f"codec/{name}": value for name, value in values.items()})

        def report(step: int, steps: int, loss: float, seconds: float) -> None:
            progress.expect(steps)
            progress.update(step, loss=loss, seconds_per_step=seconds)

        try:
            return train_codec(
                settings,
                folder,
                precision=run.config.precision,
                seed=run.config.seed,
                rest=rest,
                minutes=run.minutes(settings.share),
                device=run.world.device,
                report=report,
                log=log,
                say=run.console.say,
            )
        finally:
            if tracker is not None:
                tracker.close()
            draw(folder, phase, run.console)
