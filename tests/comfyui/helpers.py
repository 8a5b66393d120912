"""What the tests of nodes inside ComfyUI share."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

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


def start_picture() -> torch.Tensor:
    """A fixed picture in 8-bit steps, ``[1, H, W, 3]`` 0..1."""
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (1, SIZE[1], SIZE[0], 3), generator=generator).float() / 255


def load_vae(tiny: dict[str, Path]) -> Any:
    """ComfyUI's VAE of the tiny codec."""
    import comfy.sd
    import comfy.utils

    return comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(tiny["vae"])))


def latent_for(vae: Any, picture: torch.Tensor | None, frames: int = 17, batch: int = 1) -> dict[str, Any]:
    """Wan22ImageToVideoLatent's output."""
    from comfy_extras.nodes_wan import Wan22ImageToVideoLatent

    latent: dict[str, Any] = Wan22ImageToVideoLatent.execute(vae, *SIZE, frames, batch, start_image=picture).args[0]
    return latent


def load_model(pack: ModuleType, tiny: dict[str, Path], weight_dtype: str = "default") -> Any:
    """LoadFastGenerator's output."""
    return pack.nodes.LoadFastGenerator.execute(tiny["generator"].name, weight_dtype).args[0]


def apply(pack: ModuleType, tiny: dict[str, Path], model: Any, vae: Any, kind: str, **changed: Any) -> Any:
    """ApplyFastAdapter's output."""
    values = {"trajectory": DOCUMENT, "strength": 1.0, "start": 0.0, "end": 1.0, **changed}
    return pack.nodes.ApplyFastAdapter.execute(model, vae, adapter_name=tiny[kind].name, **values).args[0]


def few_steps(pack: ModuleType, model: Any, latent: dict[str, Any], seed: int = 11, **changed: Any) -> torch.Tensor:
    """FewStepSampler's latent."""
    values = {"preset": "from model", "steps": 4, **changed}
    with torch.inference_mode():  # as ComfyUI runs nodes
        out = pack.nodes.FewStepSampler.execute(model, latent, seed, **values).args[0]["samples"]
    return out.clone()  # type: ignore[no-any-return]


def sample_with(
    pack: ModuleType, tiny: dict[str, Path], latent: dict[str, Any], kind: str | None, vae: Any, seed: int = 11
) -> torch.Tensor:
    """Load, perhaps control, and sample."""
    model = load_model(pack, tiny)
    if kind is not None:
        model = apply(pack, tiny, model, vae, kind)
    return few_steps(pack, model, latent, seed)
