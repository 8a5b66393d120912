"""Stage 1, the SlowAdapter: flow matching on the frozen SlowGenerator, masks first, then boxes."""

from __future__ import annotations

from flashmotion_core.adapters import AdapterFile, read_adapter

from ..config.settings import Adapter
from ..evaluation.validation import Validator
from ..run_folder.artifacts import BASE, SLOW, Artifacts
from ..run_folder.run import Run
from ..run_folder.whole_state import whole_state
from . import wiring
from .train_phase import train_phase


def train(run: Run, adapter: Adapter, fingerprint: str) -> None:
    """Train an adapter and write `models/model_patches/NAME_slow_KIND.safetensors`."""
    artifacts, name = Artifacts(run), f"stage1_{adapter.kind}"
    slow, settings = artifacts.slow, run.config.stage1.scaled(adapter.lr_scale)
    file = _beginning(artifacts, adapter)
    method = wiring.flow(artifacts.builder, slow, file, settings, artifacts.no_prompt)
    clips = artifacts.clips(text_dim=slow.sizes.text_dim)
    validate = Validator(run, artifacts, name, method.student, slow.sizes, few_steps=False)
    trainer = train_phase(run, name, method, settings, fingerprint, clips, validate)
    with trainer.result():
        trained = whole_state(method.student.adapter)
        artifacts.save_adapter(artifacts.adapter_path(SLOW, adapter.kind), file, trained, slow)


def _beginning(artifacts: Artifacts, adapter: Adapter) -> AdapterFile:
    """The adapter that training starts from."""
    if adapter.start:
        return read_adapter(adapter.start)
    if adapter.from_base:
        return artifacts.adapter(BASE, adapter.kind)
    return artifacts.builder.fresh_adapter(adapter, artifacts.slow.sizes, artifacts.slow.weights)
