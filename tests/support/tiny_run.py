"""A run folder as the phases before evaluation leave it, with tiny random networks, to test evaluation and export on.

A process that exports such a folder: python -m tests.support.tiny_run FOLDER.
"""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from flashmotion_core.files.weights import save_whole
from flashmotion_core.wan.config import generator_shapes, shapes_of
from tests.conftest import ROOT, load_module
from train.config.load import parse
from train.data.encode import encode_clips
from train.monitor.console import Console
from train.parallel import World
from train.publish.export import export
from train.run_folder.artifacts import FAST, SLOW, Artifacts
from train.run_folder.run import Run

from .encoding import tiny_vae

random_weights = load_module("make_random", ROOT / "assets/tiny/make_random.py").random_weights

SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "device": "cpu",
    "precision": "fp32",
    "data": {
        "size": [64, 64],
        "frames": 5,
        "thickness": 3,
        "workers": 0,
        "evaluation": {"kind": "synthetic", "count": 3, "difficulty": "easy"},
    },
    "models": {
        "sizes": {"dim": 128, "ffn_dim": 192, "num_heads": 1, "num_layers": 2, "text_dim": 32},
        "adapters": [{"kind": "resnet", "width": 32}, {"kind": "controlnet"}],
    },
    "evaluate": {"clips": 2, "slow_steps": 3, "workers": 0},
}


def open_run(folder: Path, **changes: Any) -> tuple[Run, StringIO]:
    """The run of these settings, and what it says."""
    said = StringIO()
    world = World(0, 1, 0, torch.device("cpu"))
    return Run(parse({**SETTINGS, **changes}), folder, world, Console(said, plain=True)), said


def trained_run(folder: Path, **changes: Any) -> Run:
    """The same with a codec, encoded held-out clips, two generators, and adapters of both kinds on both."""
    run, _ = open_run(folder, **changes)
    run.open()
    artifacts = Artifacts(run)
    codec = tiny_vae()
    save_whole(artifacts.vae_path, codec.codec.state_dict(), {})
    encode_clips(
        artifacts.source("eval"), codec, artifacts.clips_folder("eval"), style=run.config.data.style(), fingerprint="f"
    )
    sizes = run.config.models.sizes.config()
    for seed, which in enumerate((SLOW, FAST)):
        weights = random_weights(generator_shapes(sizes), seed)
        artifacts.save_generator(
            artifacts.generator_path(which), sizes, weights, artifacts.schedule if which == FAST else None
        )
        base = artifacts.slow if which == SLOW else artifacts.fast
        for adapter in run.config.models.adapters:
            file = artifacts.builder.fresh_adapter(adapter, sizes, weights)
            weights_of_it = random_weights(shapes_of(file.state_dict), seed + 2, gain=0.7)
            artifacts.save_adapter(artifacts.adapter_path(which, adapter.kind), file, weights_of_it, base)
    return run


if __name__ == "__main__":
    torch.set_num_threads(1)
    export(open_run(Path(sys.argv[1]))[0])
