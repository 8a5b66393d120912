"""Stage 2, the FastGenerator: the SlowGenerator, distilled to a few steps by distribution matching."""

from __future__ import annotations

from flashmotion_core.files.weights import save_whole

from ..engine import lora
from ..evaluation.validation import Validator
from ..run_folder.artifacts import FAST, Artifacts
from ..run_folder.run import Run
from ..run_folder.whole_state import whole_state, whole_tensors
from . import wiring
from .train_phase import train_phase


def train(run: Run, fingerprint: str) -> None:
    """Distil; write `models/diffusion_models/NAME_fast_generator.safetensors` and, with `stage2.lora`, `models/loras/NAME_fast_lora.safetensors`."""
    artifacts, settings = Artifacts(run), run.config.stage2
    slow, schedule = artifacts.slow, artifacts.schedule
    method = wiring.distil(artifacts.builder, slow, settings, schedule, artifacts.no_prompt, artifacts.fast_start)
    clips = artifacts.clips(text_dim=slow.sizes.text_dim)
    validate = Validator(run, artifacts, "stage2", method.student, slow.sizes, few_steps=True)
    trainer = train_phase(run, "stage2", method, settings, fingerprint, clips, validate)
    with trainer.result():
        generator = method.student.generator
        if settings.lora is None:
            weights = whole_state(generator)
        else:
            weights = lora.merged(slow.weights, generator, wiring.LORAS[0])
            difference = whole_tensors(lora.lora_state_dict(generator, wiring.LORAS[0]))
            if run.world.is_main:
                save_whole(artifacts.lora_path, difference, {"rank": str(settings.lora.rank)})
        artifacts.save_generator(artifacts.generator_path(FAST), slow.sizes, weights, schedule)
