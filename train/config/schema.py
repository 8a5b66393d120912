"""The configuration of a whole run.

Everything that a phase depends on is in here, so that a hash of it says whether a phase's result still stands.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .codec_settings import CodecSettings
from .method_settings import (
    BaseSettings,
    DmdSettings,
    Export,
    FlowSettings,
    HybridSettings,
    LcmSettings,
    SkipSettings,
    Steps,
)
from .settings import Count, Data, Memory, Models, Positive, Seed, Settings, Share


class HeldOut(Settings):
    """Clips of the synthetic world that training and tuning never see."""

    stream: Literal["eval_a", "eval_b"] = "eval_a"
    """The two never meet each other nor the training clips, whatever the seeds. Pictures made while training show eval_a."""
    seed: Seed


class Evaluate(Settings):
    """What is measured at the end."""

    clips: Count = 16
    """Held-out clips per row, and per set."""
    sets: tuple[HeldOut, ...] = ()
    """Sets of the world to measure on instead of `data.evaluation`, whose pictures were looked at while tuning."""
    slow_steps: Count = 50
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    """Of the prompt, in the rows of the SlowGenerator; 1 for none, about 5 for the 5B."""
    batch: Count = 16
    """Clips that are sampled at once; the noise of a clip does not depend on it."""
    features: Literal["default"] | None = "default"
    """The network for Frechet distances: the one in assets/tiny/metrics, or none to leave them out."""
    workers: Count = 2
    """Processes that track sprites."""
    compute_every: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """For each of these n, such as [2, 4], one more row of the ControlNet's FastAdapter: computed in every n-th step alone, and what it adds
    used again in the steps between, as ApplyFastAdapter's compute_every does."""

    @model_validator(mode="after")
    def _further_rows_are_distinct(self) -> Evaluate:
        if len(set(self.compute_every)) < len(self.compute_every):
            raise ValueError(
                f"compute_every is {list(self.compute_every)}, but each number makes one row; name it once."
            )
        return self

    @model_validator(mode="after")
    def _sets_are_distinct(self) -> Evaluate:
        if len(set(self.sets)) < len(self.sets):
            raise ValueError("sets names the same stream and seed twice; their clips would count twice.")
        return self


class Logging(Settings):
    """What is written down while training, and where besides CSV and TensorBoard."""

    every: Count = 10
    """Iterations from one line of the log to the next."""
    wandb: bool = False
    validation_clips: Count = 2
    validation_steps: Count = 20
    """Sampling steps where the model is a slow one."""


class Checkpoints(Settings):
    """What a phase of training goes on from after it was interrupted."""

    every: Count = 200
    """Iterations; a multiple of `logging.every`."""
    keep: Count = 2
    """How many stay."""


class HealthSettings(Settings):
    """When to stop a run that is of no use any more."""

    max_gap: Positive | None = 5.0
    """Difference of real and fake logits at which the discriminator has won; none to never stop for it."""
    motion_floor: Share | None = 0.3
    """Share of the teacher's motion below which the student's video counts as frozen."""
    patience: Count = 5
    """Looks in a row before it stops; a look is every `logging.every` iterations."""

    @property
    def warn_gap(self) -> float | None:
        """A gap worth a warning."""
        return None if self.max_gap is None else 0.6 * self.max_gap

    @property
    def warn_motion(self) -> float | None:
        """A share of the teacher's motion worth a warning."""
        return None if self.motion_floor is None else min(1.0, 1.5 * self.motion_floor)


class Config(Settings):
    """A whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Of the run folder and of the exported files."""
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16", "bf16_kahan"] = "bf16"
    """bf16: float32 masters, bf16 arithmetic. bf16_kahan: bf16 weights with a compensated optimizer, 6 bytes less per weight."""
    data: Data = Data()
    models: Models = Models()
    memory: Memory = Memory()
    steps: Steps = Steps()
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
    health: HealthSettings = HealthSettings()
    checkpoints: Checkpoints = Checkpoints()
