"""Phase 0: a small SlowGenerator from nothing, together with an adapter.

A generator that saw trajectories while it learned is controlled far sooner afterwards; the adapter is left out of a share of the samples,
so that the generator also works alone. Stage 1 may begin with this adapter (`from_base`). With `models.generator` this phase is not needed.
"""

from __future__ import annotations

from ..engine.roles import Denoiser
from ..evaluation.validation import Validator
from ..methods.flow import Flow
from ..run_folder.artifacts import BASE, SLOW, GeneratorFile, Parts, whole_state
from ..run_folder.run import Run
from .train_phase import train_phase


def train(run: Run, fingerprint: str) -> None:
    """Train it and write `models/diffusion_models/NAME_slow_generator.safetensors`."""
    parts, settings = Parts(run), run.config.base
    sizes = run.config.models.sizes.config()
    weights = parts.builder.fresh_generator(sizes)
    generator = parts.builder.generator(sizes, weights, trained=True)
    file = parts.builder.fresh_adapter(run.config.models.base_adapter, sizes, weights)
    adapter = parts.builder.adapter(file, sizes, trained=True)
    student = parts.builder.role(Denoiser(generator, adapter))
    trainer = train_phase(
        run,
        "base",
        Flow(student, settings, parts.no_prompt),
        settings,
        fingerprint,
        parts.clips(text_dim=sizes.text_dim),
        Validator(run, parts, "base", student, sizes, few_steps=False),
    )
    with trainer.average():
        made, with_it = whole_state(generator), whole_state(adapter)
        parts.save_generator(parts.generator_path(SLOW), sizes, made, None)
        parts.save_adapter(parts.adapter_path(BASE, file.kind), file, with_it, GeneratorFile(sizes, made, False))
