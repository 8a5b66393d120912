"""The arms: what is done to the SlowAdapter before it is used on the FastGenerator. All make as many updates, at one learning rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flashmotion_core.losses.discriminator import AttentionClassifier
from flashmotion_core.wan.generator import WanGenerator
from train.config.method_settings import (
    Balance,
    DmdSettings,
    FlowSettings,
    HybridSettings,
    LcmSettings,
    PhaseSettings,
    ScoreSigmas,
)
from train.config.schema import Config
from train.engine.build import Builder
from train.engine.roles import Discriminator

from .claim_sizes import GUIDANCE, RATIO, Sizes

PAPERS_STEPS = 1000
"""The lambdas of the paper are given for so many; ours go through the same values in as many as there are."""
MORE = "more stage 1"
DIFFUSION, GAN, FULL = "diffusion only", "GAN only", "full, linear lambda"
LCM, DMD = "LCM", "DMD"
LINEAR = Balance()
ATTENTIONS = ("semantic", "trajectory", "video")


@dataclass(frozen=True)
class Arm:
    """One way to train the adapter.

    Attributes:
        name: for people.
        balance: lambda, of an arm of the hybrid objective.
        adversarial: whether it has a discriminator.
        without: an attention that the classifier does without.
        method: hybrid, lcm, dmd or flow.
    """

    name: str
    balance: Balance = LINEAR
    adversarial: bool = True
    without: str = ""
    method: str = "hybrid"

    @property
    def shares_judge(self) -> bool:
        """Whether it begins with the discriminator that all such arms of a seed have, after its time alone."""
        return self.method == "hybrid" and self.adversarial and not self.without

    @property
    def key(self) -> str:
        """The name of its files."""
        return self.name.replace(", ", "_").replace(" ", "_").lower()


def arms(sizes: Sizes) -> dict[str, Arm]:
    """All arms by name, the most decisive first; (e) is `FULL`, fixed beforehand."""
    course = sizes.updates * RATIO  # lambda counts iterations
    pace = PAPERS_STEPS / course
    linear = Balance(mode="linear", options={"k": 2.5e-4 * pace, "b": 0.1})
    inverse = Balance(mode="inverse", options={"a": 4e-3 * pace, "b": 0.1})
    balanced = Balance(mode="gradient_balance", options={"ramp_steps": course})
    found = [
        Arm(MORE, method="flow"),
        Arm(DIFFUSION, _constant(1), adversarial=False),
        Arm(FULL, linear),
        Arm(GAN, _constant(0)),
        Arm(LCM, method="lcm"),
        Arm(DMD, method="dmd"),
        Arm("lambda 1", _constant(1)),
        Arm("inverse lambda", inverse),
        Arm("gradient balance", balanced),
        *(Arm(f"without {name} attention", linear, without=name) for name in ATTENTIONS),
    ]
    return {arm.name: arm for arm in found}


def _constant(value: float) -> Balance:
    return Balance(mode="constant", options={"value": value})


def arm_settings(arm: Arm, config: Config, sizes: Sizes) -> PhaseSettings:
    """An arm's settings of training: everything but the method is that of the full one."""
    full = config.stage3
    assert isinstance(full, HybridSettings)
    common = {
        "optim": full.optim,
        "ema": full.ema,
        "global_batch": full.global_batch,
        "micro_batch": full.micro_batch,
        "validate_every": 0,
    }
    if arm.method == "flow":
        one = config.stage1.model_copy(update=common | {"steps": sizes.updates, "masks_first": 0.0, "decay": 0.0})
        assert isinstance(one, FlowSettings)
        return one
    if arm.method == "lcm":
        return LcmSettings(**common, steps=sizes.updates)  # type: ignore[arg-type]
    if arm.method == "dmd":
        return DmdSettings(
            **common,  # type: ignore[arg-type]
            steps=sizes.updates * RATIO,
            fake_optim=full.optim,
            ratio=RATIO,
            guidance_scale=GUIDANCE,
            sigmas=ScoreSigmas(shift=config.steps.shift),
            canary=config.stage2.canary.model_copy(update={"every": 0}),
        )
    if not arm.adversarial:
        gan = full.gan.model_copy(update={"weight": 0.0})
        return full.model_copy(update={"gan": gan, "balance": arm.balance, "steps": sizes.updates, "gan_warmup": 0})
    return full.model_copy(update={"balance": arm.balance})


class ArmBuilder(Builder):
    """Makes the networks of an arm, whose classifier may do without an attention."""

    def __init__(self, config: Config, builder: Builder, without: str) -> None:
        super().__init__(config, builder.world)
        self.without = without

    def discriminator(self, backbone: WanGenerator, settings: object) -> Discriminator:
        """See ``Builder.discriminator``."""
        made = super().discriminator(backbone, settings)  # type: ignore[arg-type]
        if not self.without:
            return made
        sizes = replace(made.classifier.config, **{self.without: False})
        kept = made.classifier.state_dict()
        smaller = AttentionClassifier(sizes)
        smaller.load_state_dict({name: kept[name] for name in smaller.state_dict()})
        return Discriminator(backbone, smaller.to(self.world.device), made.taps)
