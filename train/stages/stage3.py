"""Stage 3, the FastAdapter: the SlowAdapter fine-tuned on the frozen FastGenerator, by the method that `stage3.method` names."""

from __future__ import annotations

from flashmotion_core.wan.generator import WanGenerator
from flashmotion_core.weights import read_tensors

from ..config.method_settings import DmdSettings, HybridSettings, LcmSettings, PhaseSettings, SkipSettings
from ..engine.method import Method
from ..engine.roles import Denoiser, Role
from ..evaluation.validation import Validator
from ..methods.dmd import Dmd
from ..methods.hybrid import Hybrid
from ..methods.lcm import Lcm
from ..run_folder.artifacts import FAST, SLOW, Parts, whole_state
from ..run_folder.run import Run
from .train_phase import train_phase

SHARED_LORA = "fast"


def train(run: Run, kind: str, fingerprint: str) -> None:
    """Train an adapter and write `models/model_patches/NAME_fast_KIND.safetensors`."""
    parts, settings = Parts(run), run.config.stage3
    file = parts.adapter(SLOW, kind)
    name = f"stage3_{kind}"
    if isinstance(settings, SkipSettings):
        parts.save_adapter(parts.adapter_path(FAST, kind), file, file.state_dict, parts.fast)
        return
    settings = settings.scaled(parts.adapter_settings(kind).lr_scale)
    generator, shared = _fast_generator(parts, settings)
    adapter = parts.builder.adapter(file, parts.fast.sizes, trained=True)
    lora_name = SHARED_LORA if shared else None
    student = parts.builder.role(Denoiser(generator, adapter), lora_name, has_loras=shared)
    trainer = train_phase(
        run,
        name,
        _method(parts, kind, settings, student),
        settings,
        fingerprint,
        parts.clips(text_dim=parts.fast.sizes.text_dim),
        Validator(run, parts, name, student, parts.fast.sizes, few_steps=True),
    )
    with trainer.average():
        parts.save_adapter(parts.adapter_path(FAST, kind), file, whole_state(adapter), parts.fast)


def _fast_generator(parts: Parts, settings: PhaseSettings) -> tuple[WanGenerator, bool]:
    """The frozen FastGenerator; as a LoRA on the SlowGenerator where the discriminator shares that one."""
    if not (isinstance(settings, HybridSettings) and settings.share_backbone):
        return parts.builder.generator(parts.fast.sizes, parts.fast.weights), False
    tensors, _ = read_tensors(parts.lora_path)
    lora = parts.config.stage2.lora
    assert lora is not None
    generator = parts.builder.generator(
        parts.slow.sizes,
        parts.slow.weights,
        loras={SHARED_LORA: tensors},
        rank=lora.rank,
        alpha=lora.alpha or lora.rank,
    )
    return generator, True


def _method(parts: Parts, kind: str, settings: HybridSettings | DmdSettings | LcmSettings, student: Role) -> Method:
    builder, slow, schedule, no_prompt = parts.builder, parts.slow, parts.schedule, parts.no_prompt

    def slow_role(*, trained: bool = False) -> Role:
        """The SlowGenerator under the SlowAdapter, which alone is trained."""
        generator = builder.generator(slow.sizes, slow.weights)
        return builder.role(
            Denoiser(generator, builder.adapter(parts.adapter(SLOW, kind), slow.sizes, trained=trained))
        )

    if isinstance(settings, LcmSettings):
        return Lcm(student, slow_role(), settings, schedule.shift, no_prompt)
    if isinstance(settings, DmdSettings):
        real = slow_role()
        discriminator = None
        if settings.gan is not None:
            discriminator = builder.role(builder.discriminator(real.generator, settings.gan))
        fake = slow_role(trained=True)
        return Dmd(student, real, fake, discriminator, settings, schedule.sigmas, schedule.shift, no_prompt)
    discriminator = None
    if settings.gan.weight:
        backbone = student.generator if student.has_loras else builder.generator(slow.sizes, slow.weights)
        discriminator = builder.role(builder.discriminator(backbone, settings.gan), has_loras=student.has_loras)
    return Hybrid(student, discriminator, settings, schedule.sigmas, parts.run.world)
