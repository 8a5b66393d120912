"""Small LoRAs in the key layouts that the field hands out, and the weights that they stand for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flashmotion_core.wan.keys import to_diffusers_key

Pairs = dict[str, tuple[Tensor, Tensor]]
"""``{weight of the generator: (down [rank, in], up [out, rank])}``."""
LAYERS = ("blocks.0.self_attn.q", "blocks.1.cross_attn.o", "blocks.1.ffn.0", "time_embedding.2")


def pairs_for(weights: dict[str, Tensor], rank: int = 4, seed: int = 3) -> Pairs:
    """Random pairs for ``LAYERS``, large enough to be seen in a clip."""
    generator = torch.Generator().manual_seed(seed)
    made: Pairs = {}
    for layer in LAYERS:
        out, inner = weights[f"{layer}.weight"].shape
        down = torch.randn(rank, inner, generator=generator) / inner**0.5
        made[layer] = (down, torch.randn(out, rank, generator=generator) / 4)
    return made


def merged(weights: dict[str, Tensor], pairs: Pairs, strength: float = 1.0) -> dict[str, Tensor]:
    """The generator with the LoRA in its weights, float32."""
    made = {key: value.float() for key, value in weights.items()}
    for layer, (down, up) in pairs.items():
        made[f"{layer}.weight"] = made[f"{layer}.weight"] + strength * (up @ down)
    return made


def _dotted(
    prefix: str, down: str, up: str, rename: Callable[[str], str] = str
) -> Callable[[Pairs], dict[str, Tensor]]:
    def made(pairs: Pairs) -> dict[str, Tensor]:
        tensors = {}
        for layer, (lower, upper) in pairs.items():
            name = prefix + rename(f"{layer}.weight").removesuffix(".weight")
            tensors |= {f"{name}.{down}.weight": lower, f"{name}.{up}.weight": upper}
        return tensors

    return made


def _with_alpha(prefix: str, joint: str) -> Callable[[Pairs], dict[str, Tensor]]:
    """``lora_down`` and ``lora_up`` with an alpha of half the rank, so that the halves are stored twice as large."""

    def made(pairs: Pairs) -> dict[str, Tensor]:
        tensors = {}
        for layer, (down, up) in pairs.items():
            name = prefix + layer.replace(".", joint)
            tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": 2 * up}
            tensors[f"{name}.alpha"] = torch.tensor(len(down) / 2)
        return tensors

    return made


def _with_joined_names(prefix: str) -> Callable[[Pairs], dict[str, Tensor]]:
    """As kohya's trainers write diffusers' names."""
    return lambda pairs: {
        f"{prefix}{to_diffusers_key(f'{layer}.weight').removesuffix('.weight').replace('.', '_')}.lora_{half}.weight": value
        for layer, both in pairs.items()
        for half, value in zip(("down", "up"), both, strict=True)
    }


def _differences(pairs: Pairs) -> dict[str, Tensor]:
    return {f"diffusion_model.{layer}.diff": up @ down for layer, (down, up) in pairs.items()}


LAYOUTS: dict[str, Callable[[Pairs], dict[str, Tensor]]] = {
    "comfyui": _dotted("diffusion_model.", "lora_A", "lora_B"),
    "extracted": _with_alpha("diffusion_model.", "."),
    "differences": _differences,
    "kohya": _with_alpha("lora_unet_", "_"),
    "diffsynth": _dotted("", "lora_A.default", "lora_B.default"),
    "diffusers": _dotted("transformer.", "lora_A", "lora_B", to_diffusers_key),
    "videox-fun": _with_alpha("lora_unet__", "_"),
    "onetrainer": _with_joined_names("lora_transformer_"),
    "model save": _dotted("model.diffusion_model.", "lora_A", "lora_B"),
    "pipeline": _dotted("pipe.dit.", "lora_A.default", "lora_B.default"),
    "compiled": _dotted("transformer._orig_mod.", "lora_A", "lora_B", to_diffusers_key),
    "old diffusers": _dotted("transformer.", "lora.down", "lora.up", to_diffusers_key),
    "named adapter": _dotted("base_model.model.", "lora_A.turbo", "lora_B.turbo"),
    "peft": _dotted("base_model.model.", "lora_A", "lora_B", to_diffusers_key),
}
