"""Make tiny models with random weights in the real layouts, small enough for a CPU.

    python assets/tiny/make_random.py MODELS_FOLDER

For tests that need other sizes or several seeds. Everything runs, but nothing follows the boxes. The trained models lie beside this file under
the same names. Written into ComfyUI's folders:

    diffusion_models/flashmotion_tiny_generator.safetensors   a Wan 2.2 TI2V generator, 3.9 M parameters, without text
    vae/flashmotion_tiny_vae.safetensors                      a TAEHV with 48 latent channels, 11.4 M, loaded by the plain VAE loader
    model_patches/flashmotion_tiny_resnet.safetensors         a ResNet adapter
    model_patches/flashmotion_tiny_controlnet.safetensors     a ControlNet adapter

The same seed gives the same files. Needs torch and safetensors.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

if __name__ == "__main__":  # as a script; importers have the core on their path already
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flashmotion_core.adapters import MapStyle, save_adapter
from flashmotion_core.adapters.controlnet import ControlNetAdapter
from flashmotion_core.adapters.resnet import ResNetAdapter
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.files.weights import save_whole
from flashmotion_core.metadata.entries import generator_metadata
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan.config import WanConfig, generator_shapes, shapes_of
from flashmotion_core.wan.fingerprint import fingerprint

TINY = WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=4, text_dim=64)
# A clip of the tiny world is 8 times smaller than a real one: outlines of min(H, W) // 100 would be 1 or 2 pixels there.
MAP_STYLE = MapStyle(thickness=3)


def random_weights(shapes: Mapping[str, tuple[int, ...]], seed: int, gain: float = 1.0) -> dict[str, Tensor]:
    """Weights that preserve the scale of signals: nothing is zero, NaN or saturated."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in sorted(shapes.items()):
        noise = torch.randn(shape, generator=generator)
        if "norm" in key and key.endswith("weight"):
            weights[key] = 1 + 0.1 * noise
        elif key.endswith("modulation"):
            weights[key] = noise / math.sqrt(shape[-1]) + 0.1
        elif key.endswith("bias"):
            weights[key] = 0.02 * noise
        else:
            weights[key] = gain * noise / math.sqrt(max(1, math.prod(shape[1:])))
    return weights


def write(models: Path, config: WanConfig = TINY, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Path]:
    """Write all four files below ``models``; returns their paths by kind."""
    paths = {
        "generator": models / "diffusion_models/flashmotion_tiny_generator.safetensors",
        "vae": models / "vae/flashmotion_tiny_vae.safetensors",
        "resnet": models / "model_patches/flashmotion_tiny_resnet.safetensors",
        "controlnet": models / "model_patches/flashmotion_tiny_controlnet.safetensors",
    }
    generator = random_weights(generator_shapes(config), seed)
    metadata = generator_metadata(config, Schedule(), text=False)
    save_whole(paths["generator"], {key: value.to(dtype) for key, value in generator.items()}, metadata)
    with torch.device("meta"):
        codec = shapes_of(TAEHV().state_dict())
    save_whole(paths["vae"], {k: v.half() for k, v in random_weights(codec, seed + 1, gain=1.3).items()}, {})
    for number, kind in enumerate((ResNetAdapter, ControlNetAdapter)):
        adapter = kind(config)
        adapter.load_state_dict(random_weights(shapes_of(adapter.state_dict()), seed + 2 + number, gain=0.7))
        save_adapter(paths[kind.kind], adapter.to(dtype), map_style=MAP_STYLE, base_fingerprint=fingerprint(generator))
    return paths


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make FlashMotion's tiny models with random weights.")
    parser.add_argument("models", type=Path, help="ComfyUI's models folder")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights (default 0)")
    arguments = parser.parse_args()
    for kind, path in write(arguments.models, seed=arguments.seed).items():
        print(f"{kind:<11}{path} ({path.stat().st_size / 1e6:.1f} MB, random weights)")


if __name__ == "__main__":
    main()
