"""Small generators in the layouts that the field hands out: the real key names, dtypes and scales, 2 blocks of width 256."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import to_diffusers

SMALL = WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=2)
Layout = Callable[[dict[str, Tensor]], tuple[dict[str, Tensor], dict[str, str]]]


def small_generator(seed: int = 0, config: WanConfig = SMALL) -> dict[str, Tensor]:
    """Random bf16 weights of a small Wan2.2-TI2V under its own names; small enough that sampling stays finite."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for key, shape in generator_shapes(config).items():
        value = torch.randn(shape, generator=generator) / max(16.0, float(shape[-1]) ** 0.5)
        made[key] = (value + 1 if "norm" in key and key.endswith("weight") else value).bfloat16()
    return made


def is_linear(key: str) -> bool:
    """Whether files quantise this weight: the large matrices of the blocks."""
    return key.startswith("blocks.") and key.endswith(
        (".q.weight", ".k.weight", ".v.weight", ".o.weight", ".0.weight", ".2.weight")
    )


def prefixed(prefix: str) -> Layout:
    """Every key behind a prefix."""
    return lambda weights: ({prefix + key: value for key, value in weights.items()}, {})


def checkpoint(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A whole checkpoint as CheckpointSave writes it: a VAE and a text encoder beside the generator."""
    beside = {
        "vae.decoder.conv1.weight": torch.zeros(4, 4),
        "text_encoders.umt5xxl.transformer.shared.weight": torch.zeros(4, 4),
    }
    return {**prefixed("model.diffusion_model.")(weights)[0], **beside}, {}


def diffusers(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """diffusers' layout in a single file."""
    return to_diffusers(weights), {"format": "pt"}


def plain_fp8(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Cast to float8 without scales."""
    return {key: value.to(torch.float8_e4m3fn) if is_linear(key) else value for key, value in weights.items()}, {}


def _scaled(weight: Tensor) -> tuple[Tensor, Tensor]:
    scale = weight.float().abs().max() / 448
    return (weight.float() / scale).to(torch.float8_e4m3fn), scale


def old_scaled_fp8(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """``scale_weight`` beside each matrix and the marker ``scaled_fp8``."""
    made: dict[str, Tensor] = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for key, value in weights.items():
        if is_linear(key):
            made[key], made[key.removesuffix("weight") + "scale_weight"] = _scaled(value)
        else:
            made[key] = value
    return made, {}


def _notes(text: dict[str, Any]) -> Tensor:
    return torch.tensor(list(json.dumps(text).encode()), dtype=torch.uint8)


def new_scaled_fp8(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """``weight_scale`` and ``comfy_quant`` beside each matrix."""
    made: dict[str, Tensor] = {}
    for key, value in weights.items():
        if is_linear(key):
            layer = key.removesuffix("weight")
            made[key], made[layer + "weight_scale"] = _scaled(value)
            made[layer + "comfy_quant"] = _notes({"format": "float8_e4m3fn"})
        else:
            made[key] = value
    return made, {}


def noted_in_metadata(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """``weight_scale`` beside each matrix, and the formats in the metadata."""
    made = {key: value for key, value in new_scaled_fp8(weights)[0].items() if not key.endswith("comfy_quant")}
    layers = {key.removesuffix(".weight"): {"format": "float8_e4m3fn"} for key in weights if is_linear(key)}
    return made, {"_quantization_metadata": json.dumps({"layers": layers})}


def comfy_quant(format_name: str, layout: str, *, notes: dict[str, Any] | None = None, **options: Any) -> Layout:
    """Quantised by ComfyUI's own code to one of its formats.

    Args:
        format_name: of the format, as files name it.
        layout: name of its class.
        notes: what a layer says of itself beside the format.
        options: of the class.
    """

    def quantised(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
        from comfy.quant_ops import QuantizedTensor

        made: dict[str, Tensor] = {}
        for key, value in weights.items():
            if is_linear(key):
                made |= QuantizedTensor.from_float(value, layout, **options).state_dict(key)
                made[key.removesuffix("weight") + "comfy_quant"] = _notes({"format": format_name, **(notes or {})})
            else:
                made[key] = value
        return made, {}

    return quantised


def write(path: Path, layout: Layout, weights: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    """Write weights in a layout as one safetensors file."""
    tensors, own = layout(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, {**own, **(metadata or {})} or None)
    return path
