"""The configuration of a whole run.

Everything that a phase depends on is in here, so a hash of it tells whether a phase's result is still valid.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .codec_settings import CodecSettings
from .data_settings import Data
from .method_settings import (
    BaseSettings,
    Conditioning,
    DmdSettings,
    Export,
    FlowSettings,
    HybridSettings,
    LcmSettings,
    SkipSettings,
    Steps,
)
from .settings import Count, Machine, Memory, Models, Positive, Seed, Settings, Share


class HeldOut(Settings):
    """Clips of the synthetic world that training and tuning never see."""

    stream: Literal["eval_a", "eval_b"] = "eval_a"
    """Neither stream shares a clip with the other or with training, whatever the seeds. Pictures made while training show eval_a."""
    seed: Seed


class Evaluate(Settings):
    """What the evaluation measures."""

    clips: Count = 16
    """Held-out clips per row and set."""
    sets: tuple[HeldOut, ...] = ()
    """Sets of the synthetic world to measure on instead of `data.evaluation`, which was looked at while tuning."""
    slow_steps: Count = 50
    """Sampling steps of the SlowGenerator."""
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    """Guidance by the prompt in the rows of the SlowGenerator; 1 for none, about 5 for the 5B."""
    batch: Count = 16
    """Clips sampled at once; the noise of a clip does not depend on it."""
    features: Literal["default"] | None = "default"
    """The network for Frechet distances: the one in assets/tiny/metrics; none to leave the distances out."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Processes that measure clips; 0 to measure them in the process that samples."""
    compute_every: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """For each n, such as [2, 4], one more row of the ControlNet's FastAdapter, computed only in every n-th step and reused in between, as
    compute_every of the node ApplyFastAdapter does."""

    @model_validator(mode="after")
    def _further_rows_are_distinct(self) -> Evaluate:
        if len(set(self.compute_every)) < len(self.compute_every):
            raise ValueError(
                f"compute_every is {list(self.compute_every)}, but each number makes one row; name each number once."
            )
        return self

    @model_validator(mode="after")
    def _sets_are_distinct(self) -> Evaluate:
        if len(set(self.sets)) < len(self.sets):
            twice = next(one for one in self.sets if self.sets.count(one) > 1)
            raise ValueError(
                f"sets has the stream {twice.stream} with seed {twice.seed} twice, so its clips would count twice; name each set once."
            )
        return self


class Logging(Settings):
    """What is logged while training, and where to besides CSV and TensorBoard."""

    every: Count = 10
    """Iterations between two lines of the log."""
    wandb: bool = False
    """Also log to Weights & Biases."""
    trackio: bool = False
    """Also log to trackio, on this machine."""
    validation_clips: Count = 2
    """Clips of a validation. With few, its figures are noisy."""
    validation_steps: Count = 20
    """Sampling steps of a slow model."""

    @property
    def dashboards(self) -> tuple[str, ...]:
        """Where to log to besides CSV and TensorBoard."""
        return tuple(name for name in ("wandb", "trackio") if getattr(self, name))


class Validation(Settings):
    """What the validations of a phase decide; `validate_every` of the phase and `logging.validation_clips` say how often and how well."""

    best: Literal["score", "box_iou", "sharpness"] = "score"
    """The figure of the best weights, which are kept beside the last checkpoint; score is box IoU times sharpness (up to 1)."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Validations in a row without a better figure after which a phase ends early; 0 for never. A learning rate that falls at the end then does
    not."""
    export_best: bool = False
    """Make the best weights instead of the last: the best of many looks at a few clips is partly luck, and these clips are not held out then."""


class Checkpoints(Settings):
    """What an interrupted phase resumes from."""

    every: Count = 200
    """Iterations between two checkpoints; a multiple of `logging.every`."""
    minutes: Positive = 20.0
    """Minutes after which a checkpoint is written in any case."""
    keep: Count = 2
    """How many of the newest to keep."""


class HealthSettings(Settings):
    """When to stop a run that can no longer succeed."""

    max_gap: Positive | None = 5.0
    """Gap between real and fake logits at which the discriminator has won; none to never stop for it."""
    motion_floor: Share | None = 0.3
    """Share of the teacher's motion below which the student's video counts as frozen; none to never stop for it."""
    patience: Count = 5
    """Bad checks in a row before the run stops; it is checked every `logging.every` iterations."""
    max_skipped: Count = 10
    """Updates that may be skipped because their gradient is not finite; ten good ones make up for one. A phase below 100 steps bears a tenth."""

    @property
    def warn_gap(self) -> float | None:
        """The gap to warn at."""
        return None if self.max_gap is None else 0.6 * self.max_gap

    @property
    def warn_motion(self) -> float | None:
        """The share of the teacher's motion to warn at."""
        return None if self.motion_floor is None else min(1.0, 1.5 * self.motion_floor)


class Config(Settings):
    """A whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Name of the run folder and of the exported files."""
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16", "bf16_kahan"] = "bf16"
    """bf16: float32 masters, bf16 arithmetic. bf16_kahan: bf16 weights with a compensated optimizer, which saves 6 bytes per weight."""
    data: Data = Data()
    models: Models = Models()
    machine: Machine = Machine()
    memory: Memory = Memory()
    steps: Steps = Steps()
    conditioning: Conditioning = Conditioning()
    codec: CodecSettings = CodecSettings()
    base: BaseSettings = BaseSettings()
    stage1: FlowSettings = FlowSettings()
    stage2: DmdSettings = DmdSettings()
    stage3: Annotated[HybridSettings | DmdSettings | LcmSettings | SkipSettings, Field(discriminator="method")] = (
        HybridSettings()
    )
    evaluate: Evaluate = Evaluate()
    export: Export = Export()
    logging: Logging = Logging()
    validation: Validation = Validation()
    health: HealthSettings = HealthSettings()
    checkpoints: Checkpoints = Checkpoints()

    @property
    def optimizer(self) -> str:
        """The optimizer to build: with precision bf16_kahan, AdamW compensates rounding."""
        plain = self.memory.optimizer
        return "adamw_kahan" if (self.precision, plain) == ("bf16_kahan", "adamw") else plain
