"""How large the experiment is: one set of numbers, scaled by one factor, and the settings of training that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from train.config.load import load
from train.config.schema import Config

WORLD = "unsettled"
TEXT_DIM, TEXT_ROWS = 16, 8
GUIDANCE = 3.0
"""Of the teacher, in sampling and in distillation."""
LR = 2e-4
"""Of the adapter in every arm."""
RATIO = 2
"""Discriminator (or fake score) updates for each of the adapter."""
JUDGED_UP_TO = 0.3
"""The noise that the discriminator judges at, at most: above, it saw nothing in the simple world either."""
SEEDS = (0, 1, 2)
KINDS = ("resnet", "controlnet")


@dataclass(frozen=True)
class Sizes:
    """Counts at scale 1.

    Attributes:
        side, frames: of a clip, in pixels.
        clips, held_out: to learn from, and to measure on.
        dim, layers: of the generator.
        batch: clips of an iteration of the base; of the stages a half, of stage 3 a quarter.
        decoder: steps of the codec's decoder.
        base, stage1, controlnet, stage2: iterations; the ControlNet has more of stage 1, as it starts from nothing and must reach the same loss.
        updates: of the adapter, in every arm.
        ahead: iterations in which the discriminator learns alone.
        slow_steps: of the SlowGenerator's sampling.
        pool: clips that the codec is fitted on.
    """

    side: int = 128
    frames: int = 17
    clips: int = 4000
    held_out: int = 64
    dim: int = 384
    layers: int = 4
    batch: int = 64
    decoder: int = 2500
    base: int = 10000
    stage1: int = 5000
    controlnet: int = 7000
    stage2: int = 6000
    updates: int = 600
    ahead: int = 1500
    slow_steps: int = 50
    pool: int = 96

    def scaled(self, factor: float) -> Sizes:
        """All iterations times a factor."""
        names = ("base", "stage1", "controlnet", "stage2", "updates", "ahead")
        changes = {name: max(2, round(getattr(self, name) * factor)) for name in names}
        return replace(self, **changes)


FULL = Sizes()
REHEARSAL = Sizes(
    side=64,
    frames=9,
    clips=16,
    held_out=4,
    dim=128,
    layers=3,
    batch=8,
    decoder=4,
    base=4,
    stage1=3,
    controlnet=3,
    stage2=4,
    updates=2,
    ahead=2,
    slow_steps=3,
    pool=8,
)
"""Everything once, on a CPU: what comes out means nothing."""


def settings(sizes: Sizes, device: str, seed: int = 0) -> Config:
    """The settings of all phases; those of stage 3 are those of the full method, which `claim_arms` changes arm by arm."""
    third, quarter = max(2, sizes.batch // 2), max(2, sizes.batch // 4)
    optim = f"{{lr: {LR}, betas: [0.0, 0.99], warmup: {min(20, sizes.updates // 2)}}}"
    early = max(1, sizes.stage2 // RATIO // 20)
    return load(
        "tiny_cpu",
        [
            "name=claims",
            f"seed={seed}",
            f"device={device}",
            f"data.size=[{sizes.side}, {sizes.side}]",
            f"data.frames={sizes.frames}",
            f"data.thickness={max(1, sizes.side // 43)}",
            "data.first_frame=masks",
            f"data.train={{kind: synthetic, seed: 18, count: {sizes.clips}, difficulty: {WORLD}}}",
            f"data.evaluation={{kind: synthetic, seed: 18, count: {sizes.held_out}, difficulty: {WORLD}}}",
            f"models.sizes={{dim: {sizes.dim}, ffn_dim: {3 * sizes.dim}, num_heads: {sizes.dim // 128}, num_layers: {sizes.layers}, "
            f"text_dim: {TEXT_DIM}}}",
            "models.adapters=[{kind: resnet, width: 128}, {kind: controlnet}]",
            f"codec.difficulty={WORLD}",
            "codec.photographs=0",
            f"codec.size=[{sizes.side}, {sizes.side}]",
            f"codec.clip_frames={sizes.frames}",
            f"codec.clips={sizes.pool}",
            f"codec.steps={sizes.decoder}",
            f"codec.start_steps={sizes.decoder * 2 // 5}",
            f"codec.batch={max(4, sizes.batch // 4)}",
            "codec.share=0.35",
            *_phase("base", sizes.base, sizes.batch),
            "base.optim={lr: 1.0e-3, warmup: 100, betas: [0.9, 0.99]}",
            "base.decay=0.3",
            "conditioning={text_dropout: 0.1, mask_share: 0.2, inside_weight: 2}",
            *_phase("stage1", sizes.stage1, third),
            "stage1.masks_first=0.46",
            *_phase("stage2", sizes.stage2, third),
            f"stage2.ratio={RATIO}",
            f"stage2.guidance_scale={GUIDANCE}",
            f"stage2.ema={{decay: 0.99, start: {early}}}",
            "stage2.canary={every: 200, teacher_steps: 10}",
            *_phase("stage3", sizes.updates * RATIO + sizes.ahead, quarter),
            f"stage3.optim={optim}",
            f"stage3.ratio={RATIO}",
            f"stage3.gan_warmup={sizes.ahead}",
            f"stage3.gan.sigmas={{shift: 1, low: 0.02, high: {JUDGED_UP_TO}}}",
            f"stage3.ema={{decay: 0.95, start: {max(1, sizes.updates // 10)}}}",
            "evaluate.slow_steps=" + str(sizes.slow_steps),
            f"evaluate.guidance_scale={GUIDANCE}",
            "health={max_gap: null, motion_floor: null}",  # whatever comes out is measured
            "logging.every=20",
            "checkpoints={every: 100000, minutes: 20, keep: 1}",
        ],
    )


def _phase(name: str, steps: int, batch: int) -> list[str]:
    return [
        f"{name}.steps={steps}",
        f"{name}.global_batch={batch}",
        f"{name}.micro_batch={batch}",
        f"{name}.validate_every=0",
    ]
