"""Stage 2, the FastGenerator: the SlowGenerator distilled to a few steps by distribution matching."""

from __future__ import annotations

from flashmotion_core.weights import save_whole

from ..engine import lora
from ..engine.roles import Denoiser, Role
from ..evaluation.validation import Validator
from ..methods.dmd import Dmd
from ..run_folder.artifacts import FAST, Parts, whole_state
from ..run_folder.run import Run
from .train_phase import train_phase

LORAS = ("fast", "fake")


def train(run: Run, fingerprint: str) -> None:
    """Distil, and write `models/diffusion_models/NAME_fast_generator.safetensors` (and the LoRA, where one was trained)."""
    parts, settings = Parts(run), run.config.stage2
    builder, slow, schedule = parts.builder, parts.slow, parts.schedule
    if settings.lora is None:
        student, fake = (
            builder.role(Denoiser(builder.generator(slow.sizes, slow.weights, trained=True))) for _ in range(2)
        )
        real = builder.role(Denoiser(builder.generator(slow.sizes, slow.weights)))
    else:
        student, fake, real = _on_one_base(parts)
    discriminator = None
    if settings.gan is not None:
        backbone = real.generator
        discriminator = builder.role(builder.discriminator(backbone, settings.gan), has_loras=real.has_loras)
    method = Dmd(student, real, fake, discriminator, settings, schedule.sigmas, schedule.shift, parts.no_prompt)
    trainer = train_phase(
        run,
        "stage2",
        method,
        settings,
        fingerprint,
        parts.clips(text_dim=slow.sizes.text_dim),
        Validator(run, parts, "stage2", student, slow.sizes, few_steps=True),
    )
    with trainer.average():
        generator = student.generator
        if settings.lora is None:
            weights = whole_state(generator)
        else:
            weights = lora.merged(slow.weights, generator, LORAS[0])
            if run.world.is_main:
                save_whole(
                    parts.lora_path, lora.lora_state_dict(generator, LORAS[0]), {"rank": str(settings.lora.rank)}
                )
        parts.save_generator(parts.generator_path(FAST), slow.sizes, weights, schedule)


def _on_one_base(parts: Parts) -> tuple[Role, Role, Role]:
    """Student, fake score and real score as one generator: with either LoRA, or with none."""
    settings, slow, builder = parts.config.stage2, parts.slow, parts.builder
    assert settings.lora is not None
    generator = builder.generator(
        slow.sizes,
        slow.weights,
        loras=dict.fromkeys(LORAS),
        rank=settings.lora.rank,
        alpha=settings.lora.alpha or settings.lora.rank,
        trained_loras=LORAS,
    )
    network = Denoiser(generator)
    student, fake = (builder.role(network, name, has_loras=True) for name in LORAS)
    return student, fake, builder.role(network, None, has_loras=True)
