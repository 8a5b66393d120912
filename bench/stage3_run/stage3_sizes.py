"""How large the three experiments are, and the settings of training: those of tiny_cpu on the embedded networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.claims_run.claim_sizes import RATIO, Sizes
from train.config.load import load
from train.config.schema import Config

TINY = Path(__file__).resolve().parents[2] / "assets" / "tiny"
KIND, SEED = "resnet", 0
AT_START = 125
"""Updates of the student that made the embedded FastGenerator."""


@dataclass(frozen=True)
class Stage3Sizes:
    """Counts.

    Attributes:
        side, frames: of a clip, in pixels.
        batch: clips of an iteration.
        clips, held_out: to learn from, and to ask judges about.
        measured: held-out clips that rows are measured on, which takes longest.
        pairs: of a real clip and a sample, that the probes learn from.
        net_steps: of the convolutional probe.
        ahead: iterations of the discriminator alone, each measured; every arm begins with the last.
        rates, updates: learning rates of the arms, and the updates after which each is measured.
        students: updates of stage 2's student after which it is measured, beyond `AT_START`.
        fake_ahead: iterations of the fake score alone, before the student continues.
        slow_steps: of the SlowGenerator's sampling.
    """

    side: int = 128
    frames: int = 17
    batch: int = 8
    clips: int = 400
    held_out: int = 96
    measured: int = 48
    pairs: int = 300
    net_steps: int = 150
    ahead: tuple[int, ...] = (100, 400)
    rates: tuple[float, ...] = (3e-4, 5e-5)
    updates: tuple[int, ...] = (50, 100, 200)
    students: tuple[int, ...] = (250, 500)
    fake_ahead: int = 100
    slow_steps: int = 50

    @property
    def arm_sizes(self) -> Sizes:
        """What `claim_arms` needs to know."""
        return Sizes(updates=self.updates[-1], ahead=self.ahead[-1], slow_steps=self.slow_steps)


FULL = Stage3Sizes()
REHEARSAL = Stage3Sizes(
    side=64,
    frames=9,
    batch=2,
    clips=4,
    held_out=2,
    measured=2,
    pairs=4,
    net_steps=2,
    ahead=(1, 2),
    rates=(3e-4,),
    updates=(1, 2),
    students=(126,),
    fake_ahead=1,
    slow_steps=2,
)
"""Everything once: what comes out means nothing."""


def stage3_settings(sizes: Stage3Sizes, lr: float, updates: int, ahead: int) -> Config:
    """The settings of training, for an arm with this learning rate and so many updates."""
    return load(
        "tiny_cpu",
        [
            "name=stage3",
            f"seed={SEED}",
            # A process takes as long to start as to draw a hundred clips.
            f"data.workers={min(2, sizes.clips // 100)}",
            f"data.size=[{sizes.side}, {sizes.side}]",
            f"data.frames={sizes.frames}",
            f"data.train.count={sizes.clips}",
            f"data.evaluation.count={sizes.held_out}",
            f"models.vae={TINY / 'vae/flashmotion_tiny_vae.safetensors'}",
            f"models.generator={TINY / 'diffusion_models/flashmotion_tiny_slow_generator.safetensors'}",
            f"models.fast_generator={TINY / 'diffusion_models/flashmotion_tiny_generator.safetensors'}",
            f"models.adapters=[{{kind: {KIND}, width: 128, slow: {TINY / 'model_patches/flashmotion_tiny_slow_resnet.safetensors'}}}]",
            # An average as short as the steps between two measurements allow; stage 2 has its own.
            "stage3.ema={decay: 0.9, start: 20}",
            f"stage3.optim.lr={lr}",
            f"stage3.gan_warmup={ahead}",
            f"stage3.steps={ahead + RATIO * updates}",
            f"stage3.ratio={RATIO}",
            *(
                f"{stage}.{batch}={sizes.batch}"
                for stage in ("stage2", "stage3")
                for batch in ("global_batch", "micro_batch")
            ),
            f"stage2.fake_warmup={sizes.fake_ahead}",
            "stage2.canary.every=0",
            "stage3.validate_every=0",
            "health={max_gap: null, motion_floor: null}",
            f"evaluate.slow_steps={sizes.slow_steps}",
            "checkpoints={every: 50, minutes: 5, keep: 1}",
        ],
    )
