"""How each phase trains: optimizers, noise levels, losses. One model per method; `settings` holds what a run is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from flashmotion_core.losses.noise_levels import SCORE_LAW, SigmaLaw
from flashmotion_core.sampling import Schedule, turbo_sigmas

from .settings import Count, Positive, Settings, Share

BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Lora(Settings):
    """Train a low-rank difference instead of all weights."""

    rank: Count = 128
    alpha: Positive | None = None
    """Scale of the difference times rank; none for the rank itself, a scale of 1."""

    @property
    def scale(self) -> float:
        """`alpha`, or the rank where it is not given."""
        return self.alpha or self.rank


class Optim(Settings):
    """One optimizer and its learning rate."""

    kind: Literal["adamw", "adamw8bit"] = "adamw"
    """`adamw8bit` needs bitsandbytes and one GPU. With precision bf16_kahan, adamw keeps a compensation instead of masters."""
    lr: Positive = 1e-4
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.95)
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    warmup: Annotated[int, Field(ge=0)] = 100
    """Updates over which the learning rate rises."""
    decay: Share = 0.0
    """Last part of the phase over which it falls to 1 %, along half a cosine."""

    def kernel(self, precision: str) -> str:
        """The optimizer that a precision makes of the kind: with bf16_kahan, AdamW keeps a compensation."""
        return "adamw_kahan" if (precision, self.kind) == ("bf16_kahan", "adamw") else self.kind


class EmaSettings(Settings):
    """The moving average of the trained weights, which is what gets exported."""

    decay: BelowOne = 0.999
    start: Annotated[int, Field(ge=0)] = 100
    """Updates before which the average is a plain copy."""


class Sigmas(Settings):
    """Noise levels in training; see `flashmotion_core.losses.noise_levels.SigmaLaw`."""

    shift: Positive = 5.0

    def law(self) -> SigmaLaw:
        """The same as the core knows it."""
        return SigmaLaw(**self.model_dump())


class ScoreSigmas(Sigmas):
    """Noise levels at which scores and the discriminator are asked, within a window."""

    low: Share = SCORE_LAW.low
    high: Share = SCORE_LAW.high


class Steps(Settings):
    """The student's own noise levels, kept in the files that training writes."""

    count: Count = 4
    shift: Positive = 5.0

    def schedule(self) -> Schedule:
        """The schedule of that many evenly spaced, shifted sigmas."""
        return Schedule("turbo", turbo_sigmas(self.count, self.shift), self.shift)


class Conditioning(Settings):
    """What of the conditions a sample gets to see."""

    text_dropout: Share = 0.1
    """Samples without prompt."""
    mask_share: Share = 0.2
    """Samples with filled masks instead of boxes."""
    inside_weight: Annotated[float, Field(ge=1)] = 1.0
    """How much more an error inside the boxes counts."""


class PhaseSettings(Settings):
    """What all phases of training share."""

    steps: Count = 1000
    """Iterations; fewer where a time budget says so."""
    share: Share = 0.2
    """Part of a time budget (`--budget MINUTES`)."""
    global_batch: Count = 16
    """Clips per iteration over all ranks and micro-steps."""
    micro_batch: Count = 1
    """Clips that one rank works on at once; accumulation follows from it."""
    validate_every: Annotated[int, Field(ge=0)] = 500
    """0 for never."""


class LearningSettings(PhaseSettings):
    """A phase whose result one optimizer makes."""

    optim: Optim = Optim()

    def scaled(self, factor: float) -> Self:
        """The same with another learning rate."""
        return self.model_copy(update={"optim": self.optim.model_copy(update={"lr": self.optim.lr * factor})})


class FlowSettings(LearningSettings):
    """Flow matching: the generator from nothing (base), or an adapter on it (stage 1)."""

    ema: EmaSettings = EmaSettings()
    sigmas: Sigmas = Sigmas()
    conditioning: Conditioning = Conditioning()
    masks_first: Share = 0.46
    """First part of the phase, with masks alone."""
    adapter_dropout: Share = 0.0
    """Samples without trajectory."""


class BaseSettings(FlowSettings):
    """Phase 0: a small SlowGenerator from nothing, together with an adapter that is thrown away."""

    optim: Optim = Optim(lr=1.5e-3, warmup=60, decay=0.3)
    adapter_dropout: Share = 0.4


class Gan(Settings):
    """The discriminator: a frozen SlowGenerator whose features a classifier reads."""

    weight: Annotated[float, Field(ge=0)] = 0.01
    """Of the adversarial loss in the student's objective; 0 leaves it out."""
    optim: Optim = Optim(lr=2e-6, betas=(0.0, 0.999))
    sigmas: ScoreSigmas = ScoreSigmas()
    width: Count = 1024
    heads: Count = 16
    r1_weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the finite-difference R1 penalty; 100 where the discriminator wins."""
    taps: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Generator blocks, counted from 0, after which features are read; none for those half-way, at three quarters and at the end."""

    @model_validator(mode="after")
    def _taps_rise(self) -> Gan:
        if list(self.taps) != sorted(set(self.taps)):
            raise ValueError(f"taps are {list(self.taps)}, but must be different blocks in ascending order.")
        return self


class Canary(Settings):
    """Every so often, compare the student's motion with that of the teacher, from the same noise."""

    every: Annotated[int, Field(ge=0)] = 100
    """Iterations; 0 for never."""
    teacher_steps: Count = 20


class DmdSettings(LearningSettings):
    """Stage 2, distribution matching distillation; also a baseline of stage 3, with the adapter as the student."""

    method: Literal["dmd"] = "dmd"
    optim: Optim = Optim(lr=5e-7, betas=(0.0, 0.999), clip=10.0)
    """Of the student."""
    fake_optim: Optim = Optim(lr=1e-7, betas=(0.0, 0.999), clip=10.0)
    """Of the fake score."""
    ratio: Count = 5
    """Fake updates per student update."""
    fake_warmup: Annotated[int, Field(ge=0)] = 0
    """First iterations, in which only the fake score learns."""
    guidance_scale: Annotated[float, Field(ge=0)] = 4.0
    """Of the real score, in the standard convention u + s (c - u); 1 for none."""
    sigmas: ScoreSigmas = ScoreSigmas()
    ema: EmaSettings = EmaSettings(decay=0.99, start=200)
    lora: Lora | None = None
    """Train student and fake score as differences on one shared generator."""
    gan: Gan | None = None
    """Add an adversarial term."""
    canary: Canary = Canary()
    mask_share: Share = 0.2
    """Samples with filled masks instead of boxes, where the student has an adapter."""


class Balance(Settings):
    """The dynamic scale lambda of the diffusion loss over the iterations after the warm-up; see `flashmotion_core.losses.balance`."""

    mode: Literal["inverse", "linear", "constant", "gradient_balance"] = "inverse"
    options: dict[str, float] = Field(default_factory=dict)
    """Of that mode, for example {value: 1}."""


class HybridSettings(LearningSettings):
    """Stage 3: the adapter on the frozen FastGenerator, by the adversarial and the diffusion loss."""

    method: Literal["hybrid"] = "hybrid"
    optim: Optim = Optim(lr=2e-6, betas=(0.0, 0.999))
    gan: Gan = Gan()
    ratio: Count = 5
    """Discriminator updates per adapter update."""
    gan_warmup: Annotated[int, Field(ge=0)] = 150
    """First iterations, in which only the discriminator learns."""
    balance: Balance = Balance()
    mask_share: Share = 0.2
    """Samples with filled masks instead of boxes."""
    inside_weight: Annotated[float, Field(ge=1)] = 1.0
    """How much more an error inside the boxes counts in the diffusion loss."""
    ema: EmaSettings = EmaSettings(decay=0.99)
    share_backbone: bool = False
    """One generator in memory: with stage 2's LoRA it generates, without it discriminates."""


class LcmSettings(LearningSettings):
    """A baseline of stage 3: consistency distillation of the adapter."""

    method: Literal["lcm"] = "lcm"
    optim: Optim = Optim(lr=2e-6)
    grid: Annotated[int, Field(ge=2)] = 50
    """Noise levels between which consistency is asked for."""
    mask_share: Share = 0.2
    """Samples with filled masks instead of boxes."""
    text_dropout: Share = 0.1
    """Samples without prompt."""
    ema: EmaSettings = EmaSettings(decay=0.99)


class SkipSettings(Settings):
    """The baseline without stage 3: the SlowAdapter as it is."""

    method: Literal["none"] = "none"


class Export(Settings):
    """What users load."""

    dtype: Literal["fp32", "bf16", "fp16"] = "bf16"
