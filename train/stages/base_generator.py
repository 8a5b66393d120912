"""The phase base: a small SlowGenerator from scratch, trained together with an adapter.

A generator that saw trajectories while it learned is controlled far sooner afterwards. A share of the samples goes without the adapter, so
that the generator also works alone. Stage 1 may start from this adapter (`from_base`). `models.generator` skips this phase.
"""

from __future__ import annotations

from ..engine.build import Network
from ..evaluation.validation import Validator
from ..run_folder.artifacts import BASE, SLOW, Artifacts
from ..run_folder.generator_file import GeneratorFile
from ..run_folder.run import Run
from ..run_folder.whole_state import whole_state
from . import wiring
from .train_phase import train_phase


def train(run: Run, fingerprint: str) -> None:
    """Train both; write `models/diffusion_models/NAME_slow_generator.safetensors` and `models/model_patches/NAME_base_KIND.safetensors`."""
    artifacts, settings = Artifacts(run), run.config.base
    sizes = run.config.models.sizes.config()
    slow = Network(sizes, artifacts.builder.fresh_generator(sizes))
    file = artifacts.builder.fresh_adapter(run.config.models.base_adapter, sizes, slow.weights)
    method = wiring.flow(artifacts.builder, slow, file, settings, artifacts.no_prompt, train_generator=True)
    clips = artifacts.clips(text_dim=sizes.text_dim)
    validate = Validator(run, artifacts, "base", method.student, sizes, few_steps=False)
    trainer = train_phase(run, "base", method, settings, fingerprint, clips, validate)
    with trainer.result():
        made, with_it = whole_state(method.student.generator), whole_state(method.student.adapter)
        artifacts.save_generator(artifacts.generator_path(SLOW), sizes, made, None)
        path = artifacts.adapter_path(BASE, file.kind)
        artifacts.save_adapter(path, file, with_it, GeneratorFile(sizes, made, False))
