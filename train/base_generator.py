"""Phase 0: a small SlowGenerator from nothing, together with an adapter that is thrown away.

A generator that saw trajectories while it learned is controlled far sooner afterwards; the adapter is left out of a share of the samples,
so that the generator also works alone. With `models.generator` this phase is not needed.
"""

from __future__ import annotations

from .engine.roles import Denoiser
from .engine.run import Run
from .engine.settings import Adapter
from .methods.flow import Flow
from .parts import SLOW, Parts, whole_state
from .training import train_phase
from .validation import Validator


def train(run: Run, fingerprint: str) -> None:
    """Train it and write `models/diffusion_models/NAME_slow_generator.safetensors`."""
    parts, settings = Parts(run), run.config.base
    sizes = run.config.models.sizes.config()
    weights = parts.builder.fresh_generator(sizes)
    generator = parts.builder.generator(sizes, weights, trained=True)
    throwaway = parts.builder.fresh_adapter(Adapter(kind="resnet"), sizes, weights)
    adapter = parts.builder.adapter(throwaway, sizes, trained=True)
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
        parts.save_generator(parts.generator_path(SLOW), sizes, whole_state(generator), None)
