"""What the tests of nodes inside ComfyUI share."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ..conftest import ROOT, load_module

SIZE = (128, 96)
DOCUMENT = json.dumps(
    {
        "version": 1,
        "size": SIZE,
        "frames": 17,
        "fps": 12,
        "objects": [
            {
                "id": "a",
                "keyframes": [
                    {"frame": 0, "x": 0.3, "y": 0.5, "w": 0.4, "h": 0.5, "ease": "in-out"},
                    {"frame": 16, "x": 0.7, "y": 0.4, "w": 0.3, "h": 0.6},
                ],
            },
            {"id": "b", "hidden": [[8, 10]], "keyframes": [{"frame": 0, "x": 0.8, "y": 0.8, "w": 0.2, "h": 0.3}]},
        ],
    }
)
DRAW: dict[str, Any] = {
    "trajectory": DOCUMENT,
    "connected_objects": "if nothing is drawn",
    "width": 0,
    "height": 0,
    "length": 0,
    "length_change": "retime",
    "mask_batch": "one mask per object",
    "track_size": 0.25,
    "first_frame_shapes": "boxes",
}
"""Inputs of DrawTrajectory."""


def start_picture() -> torch.Tensor:
    """A fixed picture in 8-bit steps, ``[1, H, W, 3]`` 0..1."""
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (1, SIZE[1], SIZE[0], 3), generator=generator).float() / 255


@dataclass(frozen=True)
class Rig:
    """The pack inside ComfyUI with the tiny models; each model is loaded at its first use and kept."""

    pack: ModuleType
    tiny: dict[str, Path]

    @cached_property
    def vae(self) -> Any:
        """ComfyUI's VAE of the tiny codec."""
        import comfy.sd
        import comfy.utils

        return comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(self.tiny["vae"])))

    @cached_property
    def generator(self) -> Any:
        """The tiny generator, a MODEL without control."""
        return self.load()

    @cached_property
    def image_latent(self) -> dict[str, Any]:
        """The latent most tests sample: it begins with the start picture."""
        return self.latent(start_picture())

    @cached_property
    def plain(self) -> torch.Tensor:
        """What the generator makes of ``image_latent`` without control."""
        return self.sample(self.generator)

    def load(self, **changed: Any) -> Any:
        """LoadFastGenerator's output."""
        values = {"generator_name": self.tiny["generator"].name, "weight_dtype": "default", **changed}
        return self.pack.nodes.LoadFastGenerator.execute(**values).args[0]

    def draw(self, **changed: Any) -> Any:
        """DrawTrajectory's outputs and what it tells the editor."""
        return self.pack.nodes.DrawTrajectory.execute(**{**DRAW, **changed})

    def latent(self, picture: torch.Tensor | None = None, frames: int = 17, batch: int = 1) -> dict[str, Any]:
        """Wan22ImageToVideoLatent's output."""
        from comfy_extras.nodes_wan import Wan22ImageToVideoLatent

        node = Wan22ImageToVideoLatent.execute(self.vae, *SIZE, frames, batch, start_image=picture)
        latent: dict[str, Any] = node.args[0]
        return latent

    def apply(self, kind: str, model: Any = None, **changed: Any) -> Any:
        """ApplyFastAdapter's output; without ``model``, on ``generator``."""
        values = {
            "model": self.generator if model is None else model,
            "vae": self.vae,
            "trajectory": DOCUMENT,
            "adapter_name": self.tiny[kind].name,
            "strength": 1.0,
            "start": 0.0,
            "end": 1.0,
            **changed,
        }
        return self.pack.nodes.ApplyFastAdapter.execute(**values).args[0]

    def sample(self, model: Any, latent: dict[str, Any] | None = None, **changed: Any) -> torch.Tensor:
        """FewStepSampler's latent; without ``latent``, from ``image_latent``."""
        values = {
            "model": model,
            "latent": self.image_latent if latent is None else latent,
            "seed": 11,
            "preset": "from model",
            "steps": 4,
            **changed,
        }
        with torch.inference_mode():  # as ComfyUI runs nodes
            out = self.pack.nodes.FewStepSampler.execute(**values).args[0]["samples"]
        return out.clone()  # type: ignore[no-any-return]


def write_models(folder: Path, **sizes: int) -> dict[str, Path]:
    """The tiny models, smaller: one head of the real size, three blocks (a first, a last and one between), or other ``sizes``."""
    make_random = load_module("make_random", ROOT / "assets/tiny/make_random.py")
    small = replace(make_random.TINY, **{"dim": 128, "ffn_dim": 256, "num_heads": 1, "num_layers": 3, **sizes})
    paths: dict[str, Path] = make_random.write(folder, small)
    return paths


def own_rig(pack: ModuleType, folder: Path, name: str, **sizes: int) -> Rig:
    """A rig of models with other sizes, which ComfyUI finds beside those of all tests under names that begin with ``name``."""
    import folder_paths

    files = write_models(folder, **sizes)
    for kind, file in files.items():
        files[kind] = file.rename(file.with_name(f"{name}_{kind}.safetensors"))
        folder_paths.add_model_folder_path(file.parent.name, str(file.parent))
    return Rig(pack, files)


def narrow_wan_vae(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ComfyUI's VAE around its own Wan 2.2 VAE class with few channels: ComfyUI fixes the width, and 705 M parameters are too many."""
    import comfy.ldm.wan.vae2_2 as module
    import comfy.sd

    real = module.WanVAE
    monkeypatch.setattr(module, "WanVAE", lambda **sizes: real(**{**sizes, "dim": 8, "dec_dim": 8}))
    sizes = {
        "z_dim": 48,
        "dim_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attn_scales": [],
        "temperal_downsample": [False, True, True],
    }
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in module.WanVAE(**sizes).state_dict().items()}
    generator = torch.Generator().manual_seed(2)
    weights = {
        key: torch.ones(shape)
        if key.endswith("gamma")
        else torch.randn(shape, generator=generator) / max(1, math.prod(shape[1:])) ** 0.5
        for key, shape in shapes.items()
    }
    return comfy.sd.VAE(sd=weights)
