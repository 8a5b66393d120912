"""Stage 1, the SlowAdapter: flow matching on the frozen SlowGenerator, masks first, then boxes."""

from __future__ import annotations

from flashmotion_core.adapters import read_adapter

from ..engine.roles import Denoiser
from ..evaluation.validation import Validator
from ..methods.flow import Flow
from ..run_folder.artifacts import BASE, SLOW, Parts, whole_state
from ..run_folder.run import Run
from .train_phase import train_phase


def train(run: Run, kind: str, fingerprint: str) -> None:
    """Train an adapter and write `models/model_patches/NAME_slow_KIND.safetensors`."""
    parts = Parts(run)
    wanted, slow = parts.adapter_settings(kind), parts.slow
    settings = run.config.stage1.scaled(wanted.lr_scale)
    if wanted.start:
        file = read_adapter(wanted.start)
    elif wanted.from_base:
        file = parts.adapter(BASE, kind)
    else:
        file = parts.builder.fresh_adapter(wanted, slow.sizes, slow.weights)
    adapter = parts.builder.adapter(file, slow.sizes, trained=True)
    student = parts.builder.role(Denoiser(parts.builder.generator(slow.sizes, slow.weights), adapter))
    name = f"stage1_{kind}"
    trainer = train_phase(
        run,
        name,
        Flow(student, settings, parts.no_prompt),
        settings,
        fingerprint,
        parts.clips(text_dim=slow.sizes.text_dim),
        Validator(run, parts, name, student, slow.sizes, few_steps=False),
    )
    with trainer.average():
        parts.save_adapter(parts.adapter_path(SLOW, kind), file, whole_state(adapter), slow)
