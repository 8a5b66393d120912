"""Pictures of a model in training: real clip, sample with boxes, sample; always of the same clips and noise."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashmotion_core.codec.vae import Vae
from flashmotion_core.reports.contact_sheets import contact_sheet, with_boxes, write_png
from flashmotion_core.sampling import turbo_sigmas
from flashmotion_core.wan.config import WanConfig

from ..data.sources import Source, SourceClip
from ..engine.roles import Role
from ..monitor.run_log import Tracker
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from .sample_clips import sample

Picture = NDArray[np.uint8]
COLUMNS = 6


class Validator:
    """Samples a few held-out clips and writes `validation/step_000100.png`; called on every rank, as weights may be sharded."""

    def __init__(
        self, run: Run, artifacts: Artifacts, phase: str, role: Role, sizes: WanConfig, *, few_steps: bool
    ) -> None:
        self.run, self.artifacts, self.phase, self.role, self.few_steps = run, artifacts, phase, role, few_steps
        self.text_dim = sizes.text_dim

    def __call__(self, step: int, tracker: Tracker | None) -> None:
        """Write the picture of a step."""
        logging = self.run.config.logging
        clips = self.artifacts.clips("eval", text_dim=self.text_dim)
        count = min(logging.validation_clips, len(clips))
        sigmas = self.artifacts.schedule.sigmas
        if not self.few_steps:
            sigmas = turbo_sigmas(logging.validation_steps, self.artifacts.schedule.shift)
        source = None if tracker is None else self._source
        rows = []
        for index in range(count):
            batch = clips.batch([index], self.run.world.device)
            latent = sample(
                self.role,
                batch,
                sigmas,
                euler=not self.few_steps,
                seed=self.run.config.seed,
                first=index,
                # As its rows in the evaluation: a generator of many steps needs guidance, one of few was distilled with it.
                guidance_scale=1.0 if self.few_steps else self.run.config.evaluate.guidance_scale,
                no_prompt_1MT=self.artifacts.no_prompt,
            )
            if source is not None:
                rows += picture_rows(source.clip(clips.numbers[index]), decoded(self.artifacts.vae, latent))
        if tracker is None:
            return
        sheet = contact_sheet(rows)
        path = self.run.phase_folder(self.phase) / "validation" / f"step_{step:06d}.png"
        write_png(path, sheet)
        tracker.image(step, "validation", sheet)

    @cached_property
    def _source(self) -> Source:
        """The held-out clips as videos; cached, as reading a folder of videos takes time."""
        return self.artifacts.source("eval")


def picture_rows(clip: SourceClip, sample_THWC: Picture) -> list[list[Picture]]:
    """Three rows of `COLUMNS` pictures: the real clip, the sample with the boxes that were asked for, the sample."""
    times = [round(t) for t in np.linspace(0, len(sample_THWC) - 1, COLUMNS)]
    boxed = with_boxes(sample_THWC, clip.trajectory)
    return [[clip.frames_THWC[t] for t in times], [boxed[t] for t in times], [sample_THWC[t] for t in times]]


def decoded(vae: Vae, latent_1CFHW: Tensor) -> Picture:
    """The frames of one latent, ``[T, H, W, 3]`` uint8."""
    with torch.no_grad():
        return np.stack(list(vae.decode(latent_1CFHW)))
