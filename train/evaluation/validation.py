"""Small validations of a model in training: how well it keeps to boxes, how sharp it is and how much moves, and a picture of that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashmotion_core.codec.vae import Vae
from flashmotion_core.reports.contact_sheets import contact_sheet, with_boxes, write_png
from flashmotion_core.sampling.schedule import turbo_sigmas
from flashmotion_core.wan.config import WanConfig

from ..data.encoded import EncodedClips
from ..data.sources import Source, SourceClip
from ..engine.roles import Denoiser, Role
from ..errors import TrainError
from ..monitor.run_log import Tracker
from ..parallel import together
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from .best_row import score
from .control_measures import TRACKED, Scores
from .measures import measure
from .sample_clips import place_of, sample
from .video_trackers import tracker_of

Picture = NDArray[np.uint8]
COLUMNS = 6
LOGGED = ("score", "box_iou", "centre_error", "lost", "sharpness", "motion")


class Validator:
    """Samples a few held-out clips, always the same with the same noise, measures them, and writes `validation/step_000100.png`.

    Called on every rank, as weights may be sharded. It draws from generators of its own, so training does not notice it.
    """

    def __init__(
        self, run: Run, artifacts: Artifacts, phase: str, role: Role, sizes: WanConfig, *, few_steps: bool
    ) -> None:
        self.run, self.artifacts, self.phase, self.role, self.few_steps = run, artifacts, phase, role, few_steps
        self.text_dim = sizes.text_dim

    def __call__(self, step: int, tracker: Tracker | None) -> dict[str, float]:
        """Write the picture of a step; returns `LOGGED`, means over the clips, without what cannot be measured. Only the main rank, which has
        the tracker, measures.

        Raises:
            TrainError: a clip cannot be read, the tracker is missing, or, on another rank, the picture cannot be written.
            OSError: the picture cannot be written.
        """
        logging = self.run.config.logging
        clips = self.artifacts.clips("eval", text_dim=self.text_dim)
        rows, found = list[list[Picture]](), list[Scores]()
        problem: TrainError | OSError | None = None
        finite = True
        for index in range(min(logging.validation_clips, len(clips))):
            # Whatever the main rank finds, it samples all clips: where weights are sharded, the others wait for it.
            latent = self._latent(clips, index)
            if tracker is None or problem is not None or not finite:
                continue
            finite = bool(torch.isfinite(latent).all())
            if not finite:
                self.run.console.say(
                    f"{self.phase}, step {step}: the sample of {clips.records[index].name} is not finite, so nothing is measured."
                )
                continue
            try:
                frames_THWC = decoded(self.artifacts.vae, latent)
                rows += picture_rows(self._clip(clips, index), frames_THWC)
                found.append(self._scores(clips, index, frames_THWC))
            except (TrainError, OSError) as error:
                problem = error
        with together(self.run.world):
            if problem is not None:
                raise problem
            if tracker is None or not finite:
                found.clear()
            else:
                sheet = contact_sheet(rows)
                write_png(self.run.phase_folder(self.phase) / "validation" / f"step_{step:06d}.png", sheet)
                tracker.image(step, "validation", sheet)
        return means_of(found)

    def _latent(self, clips: EncodedClips, index: int) -> Tensor:
        sigmas = self.artifacts.schedule.sigmas
        if not self.few_steps:
            sigmas = turbo_sigmas(self.run.config.logging.validation_steps, self.artifacts.schedule.shift)
        return sample(
            self.role,
            clips.batch([index], self.run.world.device),
            sigmas,
            euler=not self.few_steps,
            seed=self.run.config.seed,
            places=[place_of(clips, index)],
            # As its rows in the evaluation: a generator of many steps needs guidance, one of few was distilled with it.
            guidance_scale=1.0 if self.few_steps else self.run.config.evaluate.guidance_scale,
            no_prompt_1MT=self.artifacts.no_prompt,
        )

    def _scores(self, clips: EncodedClips, index: int, frames_THWC: Picture) -> Scores:
        """The figures of one clip; those of control only where something follows boxes."""
        network = self.role.network
        follows = isinstance(network, Denoiser) and network.adapter is not None
        which = tracker_of(self.run.config, self.run.world.device.type) if follows else None
        record, number = clips.records[index], clips.numbers[index]
        try:
            scores, _ = measure(self._source, number, record.origin, frames_THWC, tracker=which)
        except TrainError:
            raise
        except (ValueError, OSError) as error:
            raise _unreadable(record.name, error) from error
        return {name: None if name in TRACKED and not follows else value for name, value in scores.items()}

    def _clip(self, clips: EncodedClips, index: int) -> SourceClip:
        try:
            return self._source.clip(clips.numbers[index])
        except (ValueError, OSError) as error:
            raise _unreadable(clips.records[index].name, error) from error

    @cached_property
    def _source(self) -> Source:
        """The held-out clips as videos; cached, as reading a folder of videos takes time."""
        return self.artifacts.source("eval")


def means_of(found: list[Scores]) -> dict[str, float]:
    """`LOGGED`, means over the clips that have a figure; the score is that of each clip."""
    scored: list[Mapping[str, float | None]] = [{**scores, "score": score(scores)} for scores in found]
    values = {name: [value for one in scored if (value := one.get(name)) is not None] for name in LOGGED}
    return {name: float(np.mean(numbers)) for name, numbers in values.items() if numbers}


def _unreadable(name: str, error: Exception) -> TrainError:
    reason = str(error).rstrip(".")
    return TrainError(f"the held-out clip {name} cannot be read ({reason}); mend it, and run the command again.")


def picture_rows(clip: SourceClip, sample_THWC: Picture) -> list[list[Picture]]:
    """Three rows of `COLUMNS` pictures: the real clip, the sample with the boxes that were asked for, the sample."""
    times = [round(t) for t in np.linspace(0, len(sample_THWC) - 1, COLUMNS)]
    boxed = with_boxes(sample_THWC, clip.trajectory)
    return [[clip.frames_THWC[t] for t in times], [boxed[t] for t in times], [sample_THWC[t] for t in times]]


def decoded(vae: Vae, latent_1CFHW: Tensor) -> Picture:
    """The frames of one latent, ``[T, H, W, 3]`` uint8."""
    with torch.no_grad():
        return np.stack(list(vae.decode(latent_1CFHW)))
