"""The embedded models, and clips that they make for a set."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from bench.tiny_sets import array_bytes
from flashmotion_core.adapters import build_adapter, read_adapter
from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import BenchClip
from flashmotion_core.pipeline import Control, load_generator, load_vae, no_text, sample_latent
from flashmotion_core.trajectory import render, sample
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.whole_file import write_whole

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
VAE = TINY / "vae" / "flashmotion_tiny_vae.safetensors"


@dataclass(frozen=True)
class TinyModel:
    """A generator with an adapter, by their files in `TINY`."""

    generator: str
    adapter: str


MODELS = {
    "FastAdapter-ResNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_resnet"),
    "FastAdapter-ControlNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_controlnet"),
    "SlowAdapter-ResNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_slow_resnet"),
    "SlowAdapter-ControlNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_slow_controlnet"),
}
"""All on the FastGenerator, with its own four steps."""


def write_clips(folder: Path, clips: Sequence[BenchClip], model: TinyModel) -> None:
    """Generate the clips of a model that are not there yet, from frame 0 of the real ones, and note what they cost."""
    missing = [clip for clip in clips if not (folder / f"{clip.name}.npy").is_file()]
    if not missing:
        return
    generator = load_generator(
        TINY / "diffusion_models" / f"{model.generator}.safetensors", "cpu", torch.float32, "core"
    )
    file = read_adapter(TINY / "model_patches" / f"{model.adapter}.safetensors", torch.float32)
    adapter = build_adapter(file, generator.info.config, device="cpu", dtype=torch.float32)
    vae = load_vae(VAE, "cpu", torch.float32)
    schedule = generator.info.schedule or file.schedule
    spent = {"encode": 0.0, "denoise": 0.0, "decode": 0.0}
    for clip in missing:
        started = time.perf_counter()
        control_map = render(sample(clip.trajectory), **asdict(file.map_style))
        control = Control(adapter, vae.encode(control_map))
        clean = vae.encode(real(clip)[:1])
        encoded = time.perf_counter()
        seed = int(hashlib.sha256(clip.name.encode()).hexdigest()[:8], 16)  # the same noise for every model
        shape = latent_shape(*clip.trajectory.size, clip.trajectory.frames)
        text = no_text(generator.info.config)
        latent = sample_latent(generator, text, shape, [control], clean_BCFHW=clean, schedule=schedule, seed=seed)
        denoised = time.perf_counter()
        frames_THWC = np.stack(list(vae.decode(latent)))
        for stage, seconds in zip(
            spent, (encoded - started, denoised - encoded, time.perf_counter() - denoised), strict=True
        ):
            spent[stage] += seconds
        write_whole(folder / f"{clip.name}.npy", array_bytes(frames_THWC))
    cost = {f"{stage} s": round(seconds / len(missing), 3) for stage, seconds in spent.items()}
    write_whole(folder / "cost.json", json.dumps(cost) + "\n")
