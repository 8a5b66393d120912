"""Stage 3, the FastAdapter: the SlowAdapter, fine-tuned on the frozen FastGenerator with the method that `stage3.method` names."""

from __future__ import annotations

from flashmotion_core.files.weights import read_tensors

from ..config.method_settings import HybridSettings, SkipSettings
from ..config.settings import Adapter
from ..evaluation.validation import Validator
from ..run_folder.artifacts import FAST, SLOW, Artifacts
from ..run_folder.run import Run
from ..run_folder.whole_state import whole_state
from . import wiring
from .train_phase import train_phase


def train(run: Run, adapter: Adapter, fingerprint: str) -> None:
    """Train an adapter and write `models/model_patches/NAME_fast_KIND.safetensors`."""
    artifacts, settings, name = Artifacts(run), run.config.stage3, f"stage3_{adapter.kind}"
    slow, fast, file = artifacts.slow, artifacts.fast, artifacts.adapter(SLOW, adapter.kind)
    path = artifacts.adapter_path(FAST, adapter.kind)
    if isinstance(settings, SkipSettings):
        artifacts.save_adapter(path, file, file.state_dict, fast)
        return
    settings = settings.scaled(adapter.lr_scale)
    shared = isinstance(settings, HybridSettings) and settings.share_backbone
    method = wiring.fast_adapter(
        artifacts.builder,
        slow,
        fast,
        file,
        settings,
        artifacts.schedule,
        run.world,
        artifacts.no_prompt,
        lora=run.config.stage2.lora,
        fast_lora=read_tensors(artifacts.lora_path)[0] if shared else None,
    )
    clips = artifacts.clips(text_dim=fast.sizes.text_dim)
    validate = Validator(run, artifacts, name, method.student, fast.sizes, few_steps=True)
    trainer = train_phase(run, name, method, settings, fingerprint, clips, validate)
    with trainer.result():
        artifacts.save_adapter(path, file, whole_state(method.student.adapter), fast)
