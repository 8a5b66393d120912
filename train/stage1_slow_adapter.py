"""Stage 1, the SlowAdapter: flow matching on the frozen SlowGenerator, masks first, then boxes.

    python train/stage1_slow_adapter.py --config tiny_cpu

does this stage alone, on what the run folder already holds.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # as a script, the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.adapters import read_adapter
from train.engine.roles import Denoiser
from train.engine.run import Run
from train.methods.flow import Flow
from train.parts import BASE, SLOW, Parts, whole_state
from train.training import train_phase
from train.validation import Validator


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


if __name__ == "__main__":
    from train.command import main

    sys.exit(main(only="stage1"))
