"""The networks and the method of every training stage, wired once for training and for the plan.

A `Builder` makes networks from weights; the plan's builder makes the same ones from meta tensors. So what is planned is what is trained.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from flashmotion_core.adapters import AdapterFile
from flashmotion_core.sampling.schedule import Schedule

from ..config.method_settings import (
    DmdSettings,
    FlowSettings,
    Gan,
    HybridSettings,
    LcmSettings,
    Lora,
)
from ..engine.build import Builder, Network
from ..engine.method import Method
from ..engine.roles import Denoiser, Role
from ..methods.dmd import Dmd
from ..methods.flow import Flow
from ..methods.hybrid import Hybrid
from ..methods.lcm import Lcm
from ..parallel import World

LORAS = ("fast", "fake")
"""The two LoRAs of stage 2 on one generator: the student's, which becomes the FastGenerator, and the fake score's."""


def flow(
    builder: Builder,
    slow: Network,
    adapter: AdapterFile,
    settings: FlowSettings,
    no_prompt: Tensor | None = None,
    *,
    train_generator: bool = False,
) -> Flow:
    """Flow matching: an adapter on the frozen SlowGenerator (stage 1), or both together (base)."""
    trained = builder.adapter(adapter, slow.sizes, trained=True)
    generator = builder.generator(slow.sizes, slow.weights, trained=train_generator)
    return Flow(builder.role(Denoiser(generator, trained)), settings, builder.config.conditioning, no_prompt)


def distil(
    builder: Builder,
    slow: Network,
    settings: DmdSettings,
    schedule: Schedule,
    no_prompt: Tensor | None = None,
    start: Network | None = None,
) -> Dmd:
    """Distribution matching of the generator alone (stage 2), with whole generators or with LoRAs on one.

    The student begins as ``start``, where there is one, and as the SlowGenerator otherwise.
    """
    if settings.lora is None:
        student, fake = (
            builder.role(Denoiser(builder.generator(first.sizes, first.weights, trained=True)))
            for first in (start or slow, slow)
        )
        real = builder.role(Denoiser(builder.generator(slow.sizes, slow.weights)))
    else:
        generator = builder.generator(
            slow.sizes,
            slow.weights,
            loras=dict.fromkeys(LORAS),
            rank=settings.lora.rank,
            alpha=settings.lora.scale,
            trained_loras=LORAS,
        )
        network = Denoiser(generator)
        student, fake, real = (builder.role(network, name, has_loras=True) for name in (*LORAS, None))
    judge = _judge(builder, real, settings.gan)
    seen = builder.config.conditioning
    return Dmd(student, real, fake, judge, settings, seen, schedule.sigmas, schedule.shift, no_prompt)


def fast_adapter(
    builder: Builder,
    slow: Network,
    fast: Network,
    adapter: AdapterFile,
    settings: HybridSettings | DmdSettings | LcmSettings,
    schedule: Schedule,
    world: World,
    no_prompt: Tensor | None = None,
    *,
    lora: Lora | None = None,
    fast_lora: Mapping[str, Tensor] | None = None,
) -> Method:
    """The SlowAdapter fine-tuned on the frozen FastGenerator (stage 3) with the method that the settings name.

    Args:
        builder: makes the networks.
        slow: the SlowGenerator, the base of teachers and discriminator.
        fast: the FastGenerator, the base of the student.
        adapter: the SlowAdapter.
        settings: the settings of the method.
        schedule: the student's noise levels.
        world: the processes that share the work.
        no_prompt: what stands for "no prompt"; None for zeros.
        lora: the settings of stage 2's LoRA. With ``share_backbone`` the FastGenerator is the SlowGenerator with this LoRA, and the discriminator
            shares the SlowGenerator.
        fast_lora: the weights of that LoRA; None for fresh ones, as for a plan.
    """
    shared = isinstance(settings, HybridSettings) and settings.share_backbone
    if shared:
        assert lora is not None
        name = LORAS[0]
        generator = builder.generator(
            slow.sizes, slow.weights, loras={name: fast_lora}, rank=lora.rank, alpha=lora.scale
        )
        student_network = Denoiser(generator, builder.adapter(adapter, fast.sizes, trained=True))
        student = builder.role(student_network, name, has_loras=True)
    else:
        generator = builder.generator(fast.sizes, fast.weights)
        student = builder.role(Denoiser(generator, builder.adapter(adapter, fast.sizes, trained=True)))

    def slow_role(*, trained: bool = False) -> Role:
        """The SlowGenerator with the SlowAdapter; only the adapter may be trained."""
        below = builder.adapter(adapter, slow.sizes, trained=trained)
        return builder.role(Denoiser(builder.generator(slow.sizes, slow.weights), below))

    seen = builder.config.conditioning
    if isinstance(settings, LcmSettings):
        return Lcm(student, slow_role(), settings, seen, schedule.shift, no_prompt)
    if isinstance(settings, DmdSettings):
        real = slow_role()
        judge = _judge(builder, real, settings.gan)
        fake = slow_role(trained=True)
        return Dmd(student, real, fake, judge, settings, seen, schedule.sigmas, schedule.shift, no_prompt)
    judge = None
    if settings.gan.weight:
        backbone = generator if shared else builder.generator(slow.sizes, slow.weights)
        judge = builder.role(builder.discriminator(backbone, settings.gan), has_loras=shared)
    return Hybrid(student, judge, settings, seen, schedule.sigmas, world)


def _judge(builder: Builder, real: Role, settings: Gan | None) -> Role | None:
    """A discriminator on the real score's generator, if the settings ask for one."""
    if settings is None:
        return None
    return builder.role(builder.discriminator(real.generator, settings), has_loras=real.has_loras)
