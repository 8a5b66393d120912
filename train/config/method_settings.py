"""Settings of how each phase trains (optimizers, noise levels, losses), one model per method. `settings` has what a run is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from flashmotion_core.losses.noise_levels import SCORE_LAW, SigmaLaw
from flashmotion_core.sampling.schedule import Schedule, check_shift, turbo_sigmas

from .settings import Count, Positive, Settings, Share

BelowOne = Annotated[float, Field(ge=0, lt=1)]


class Lora(Settings):
    """A low-rank difference is trained instead of all weights."""

    rank: Count = 128
    alpha: Positive | None = None
    """The difference is scaled by alpha / rank; none for alpha = rank, a scale of 1."""

    @property
    def scale(self) -> float:
        """`alpha`, or the rank if `alpha` is not given."""
        return self.alpha or self.rank


class Optim(Settings):
    """The learning rate of one set of weights; `memory.optimizer` says which optimizer."""

    lr: Positive = 1e-4
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.95)
    warmup: Annotated[int, Field(ge=0)] = 100
    """Updates in which the learning rate rises to `lr`."""


class EmaSettings(Settings):
    """The moving average of the trained weights, which is what is exported."""

    decay: BelowOne = 0.999
    """What an update leaves of the average, at most: after n updates it is no more than (1 + n) / (10 + n), so that the average spans a tenth of
    a short phase."""
    start: Annotated[int, Field(ge=0)] = 100
    """Until this many updates, the average is a plain copy of the weights."""


class Sigmas(Settings):
    """Noise levels in training; see `flashmotion_core.losses.noise_levels.SigmaLaw`."""

    shift: Positive = 5.0

    def law(self) -> SigmaLaw:
        """The core's type for it."""
        return SigmaLaw(**self.model_dump())


class ScoreSigmas(Sigmas):
    """Noise levels at which the scores are evaluated."""

    def law(self) -> SigmaLaw:
        """The core's type for it, within the usual window."""
        return replace(SCORE_LAW, shift=self.shift)


class JudgedSigmas(Sigmas):
    """Noise levels at which the discriminator judges, within a window."""

    low: Share = SCORE_LAW.low
    high: Share = SCORE_LAW.high


class Steps(Settings):
    """The student's own noise levels, which are stored in the files that training writes."""

    count: Count = 4
    shift: Positive = 5.0

    @model_validator(mode="after")
    def _files_can_hold_them(self) -> Self:
        check_shift(self.shift)
        self.schedule()
        return self

    def schedule(self) -> Schedule:
        """The schedule of `count` evenly spaced, shifted sigmas."""
        return Schedule("turbo", turbo_sigmas(self.count, self.shift), self.shift)


class Conditioning(Settings):
    """Which conditions a sample sees, and where its error counts: the same in all phases, so that a later one shows what the first has seen."""

    text_dropout: Share = 0.1
    """Share of samples without a prompt (base, stage 1, and LCM)."""
    mask_share: Share = 0.2
    """Share of samples with filled masks instead of boxes."""
    inside_weight: Annotated[float, Field(ge=1)] = 1.0
    """Weight of an error inside the boxes (base, stage 1, and the diffusion loss of stage 3); outside it is 1."""


class PhaseSettings(Settings):
    """What all training phases have in common."""

    steps: Count = 1000
    """Iterations; a time budget may allow fewer."""
    share: Share = 0.2
    """Share of a time budget (`--budget MINUTES`)."""
    global_batch: Count = 16
    """Clips per iteration, over all ranks and micro-steps."""
    micro_batch: Count = 1
    """Clips that one rank processes at once; the accumulation follows from it."""
    validate_every: Annotated[int, Field(ge=0)] = 500
    """Iterations between two validations; 0 for never."""


class LearningSettings(PhaseSettings):
    """A phase whose result is trained by one optimizer."""

    optim: Optim = Optim()

    def scaled(self, factor: float) -> Self:
        """The same settings with the learning rate times a factor."""
        return self.model_copy(update={"optim": self.optim.model_copy(update={"lr": self.optim.lr * factor})})


class FlowSettings(LearningSettings):
    """Flow matching: the generator from scratch (base), or an adapter on it (stage 1)."""

    ema: EmaSettings = EmaSettings()
    sigmas: Sigmas = Sigmas()
    decay: Share = 0.0
    """Last share of the phase, in which the learning rate falls to 1 % along half a cosine."""
    masks_first: Share = 0.46
    """First share of the phase, which shows masks only."""
    adapter_dropout: Share = 0.0
    """Share of samples without a trajectory."""


class BaseSettings(FlowSettings):
    """The phase base: a small SlowGenerator from scratch, trained together with an adapter (see `Models.base_adapter`)."""

    optim: Optim = Optim(lr=1.5e-3, warmup=60)
    decay: Share = 0.3
    adapter_dropout: Share = 0.4


class Gan(Settings):
    """The discriminator: a classifier on the features of a frozen SlowGenerator."""

    weight: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the adversarial loss in the student's objective; 0 leaves it out."""
    optim: Optim = Optim(lr=1e-4, betas=(0.0, 0.999))
    """The classifier is always fresh: at the paper's 2e-6, Adam moves a weight by 3e-4 in 150 steps, a hundredth of its size."""
    sigmas: JudgedSigmas = JudgedSigmas()
    width: Count = 1024
    heads: Count = 16
    r1_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the finite-difference R1 penalty; try 100 if the discriminator wins."""


class Canary(Settings):
    """A regular comparison of the student's motion with the teacher's, from the same noise."""

    every: Annotated[int, Field(ge=0)] = 100
    """Iterations between two comparisons; 0 for never."""
    teacher_steps: Count = 20
    """Sampling steps of the teacher."""


class DmdSettings(LearningSettings):
    """Stage 2: distribution matching distillation. Also a baseline of stage 3, with the adapter as the student."""

    method: Literal["dmd"] = "dmd"
    optim: Optim = Optim(lr=5e-7, betas=(0.0, 0.999))
    """Optimizer of the student."""
    fake_optim: Optim = Optim(lr=1e-7, betas=(0.0, 0.999))
    """Optimizer of the fake score."""
    ratio: Count = 5
    """Fake updates per student update."""
    fake_warmup: Annotated[int, Field(ge=0)] = 0
    """Iterations at the start in which only the fake score learns."""
    guidance_scale: Annotated[float, Field(ge=0)] = 4.0
    """Guidance of the real score, s in u + s (c - u); 1 for none."""
    sigmas: ScoreSigmas = ScoreSigmas()
    ema: EmaSettings = EmaSettings(decay=0.99, start=200)
    lora: Lora | None = None
    """Train student and fake score as LoRAs on one shared generator; none to train all weights."""
    gan: Gan | None = None
    """The discriminator of an additional adversarial loss; none for no such loss."""
    canary: Canary = Canary()


class Balance(Settings):
    """The dynamic scale lambda of the diffusion loss after the warm-up; see `flashmotion_core.losses.balance`."""

    mode: Literal["inverse", "linear", "constant", "gradient_balance"] = "linear"
    """Two formulas of the paper are known. Both notes say that at first the diffusion loss pulls far harder than the discriminator, which only a
    lambda that begins small answers: linear (the camera-ready's). It also measured better here."""
    options: dict[str, float] = Field(default_factory=dict)
    """Options of the mode, for example {value: 1}."""


class HybridSettings(LearningSettings):
    """Stage 3: the adapter on the frozen FastGenerator, with the adversarial and the diffusion loss."""

    method: Literal["hybrid"] = "hybrid"
    optim: Optim = Optim(lr=2e-6, betas=(0.0, 0.999))
    gan: Gan = Gan()
    ratio: Count = 5
    """Discriminator updates per adapter update."""
    gan_warmup: Annotated[int, Field(ge=0)] = 150
    """Iterations at the start in which only the discriminator learns."""
    balance: Balance = Balance()
    ema: EmaSettings = EmaSettings(decay=0.99)
    share_backbone: bool = False
    """Keep one generator in memory: with stage 2's LoRA it generates, without it it discriminates."""


class LcmSettings(LearningSettings):
    """A baseline of stage 3: consistency distillation of the adapter."""

    method: Literal["lcm"] = "lcm"
    optim: Optim = Optim(lr=2e-6)
    grid: Annotated[int, Field(ge=2)] = 50
    """Noise levels between which the student learns to be consistent."""
    ema: EmaSettings = EmaSettings(decay=0.99)


class SkipSettings(Settings):
    """The baseline without stage 3: the SlowAdapter unchanged."""

    method: Literal["none"] = "none"


class Export(Settings):
    """What users load."""

    dtype: Literal["fp32", "bf16", "fp16"] = "bf16"
    lora_rank: Count | None = None
    """Also write the FastAdapter (ControlNet) as its difference to the generator, in products of this rank: less exact, and far smaller."""
