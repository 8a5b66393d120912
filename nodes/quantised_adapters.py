"""Adapters in quantised files: a layer stays as it is stored where this ComfyUI computes with its format, as it does for generators.

All other quantised layers become plain weights once, in the type in which the generator computes: convolutions, layers with several float8
scales, and formats of a later ComfyUI.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import comfy.ops
import comfy.quant_ops
import torch
from torch import Tensor, nn

from ..flashmotion_core.adapters import check_weights
from ..flashmotion_core.wan.keys import SCALED_FP8
from ..flashmotion_core.wan.quantised import layer_formats, weight_rows

OLD_NAMES = {"scale_weight": "weight_scale", "scale_input": "input_scale"}
"""Of fp8_scaled files before ComfyUI's own formats."""
NOTES = ".comfy_quant"
PACKED = ("nvfp4", "convrot_w4a4")
"""Formats with two weights in a byte."""


def kept_layers(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], name: str) -> dict[str, dict[str, Tensor]]:
    """What ComfyUI reads of each layer that stays as it is stored: ``{layer: {key in the layer: tensor}}``.

    Args:
        tensors: of the file.
        metadata: of the file.
        name: of the file, for errors.

    Raises:
        ValueError: damaged notes or scales.
    """
    try:
        formats = layer_formats(tensors, metadata)
        old = SCALED_FP8 in tensors
        if old:
            exact = {"full_precision_matrix_mult": True} if tensors[SCALED_FP8].numel() == 2 else {}
            layers = [key.removesuffix(".scale_weight") for key in tensors if key.endswith(".scale_weight")]
            formats = {layer: {"format": "float8_e4m3fn", **exact} for layer in layers} | formats
        beside: dict[str, dict[str, Tensor]] = {layer: {} for layer in formats}
        for key, value in tensors.items():
            layer, _, part = key.rpartition(".")
            if layer in beside:
                beside[layer][OLD_NAMES.get(part, part) if old else part] = value
        found = {layer: _for_comfyui(beside[layer], settings) for layer, settings in formats.items()}
        for layer, parts in found.items():
            # Only ComfyUI knows what a rotated layer looks like.
            if parts and "convrot" not in json.dumps(formats[layer]):
                last = torch.tensor([parts["weight"].shape[0] - 1])
                check_weights({layer: weight_rows(tensors, formats, f"{layer}.weight", last)}, name)
    except ValueError as error:
        raise ValueError(str(error) if name in str(error) else f"{name}: {error}") from error
    return {layer: parts for layer, parts in found.items() if parts}


def _for_comfyui(parts: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """A layer's tensors under ComfyUI's names, its notes among them; nothing where ComfyUI cannot use them."""
    name = settings.get("format")
    known = getattr(comfy.quant_ops, "QUANT_ALGOS", {}).get(name) if isinstance(name, str) else None
    weight, scale = parts.get("weight"), parts.get("weight_scale")
    if known is None or weight is None or scale is None or weight.ndim != 2 or weight.dtype != known["storage_t"]:
        return {}
    if name in ("float8_e4m3fn", "float8_e5m2") and scale.numel() != 1:
        return {}
    if "pre_quant_scale" in parts.keys() - known["parameters"]:  # older versions would leave it out
        return {}
    used = {key: value for key, value in parts.items() if key == "weight" or key in known["parameters"]}
    notes = torch.tensor(list(json.dumps(dict(settings)).encode()), dtype=torch.uint8)
    return {**used, NOTES[1:]: notes}


def as_plain(
    tensors: Mapping[str, Tensor], kept: Mapping[str, Mapping[str, Tensor]], dtype: torch.dtype
) -> dict[str, Tensor]:
    """The file's tensors with the real shapes of kept layers, without their values, for the checks that every adapter goes through."""
    plain = {}
    for key, value in tensors.items():
        layer, _, part = key.rpartition(".")
        if layer not in kept or part == "bias":
            plain[key] = value
        elif part == "weight":
            rows, columns = value.shape
            notes = json.loads(bytes(kept[layer][NOTES[1:]].tolist()))
            columns *= 2 if notes["format"] in PACKED else 1
            plain[key] = torch.empty(rows, columns, dtype=dtype, device="meta")
    return plain


def put_in(adapter: nn.Module, layers: Mapping[str, bool], dtype: torch.dtype | None, device: torch.device) -> None:
    """Give an adapter ComfyUI's layers for quantised weights in place of its own.

    Args:
        adapter: on the meta device.
        layers: names of the modules, and whether each has a bias: on a GPU ComfyUI's layers have none before they are loaded.
        dtype: in which the generator computes; None for bfloat16.
        device: on which it computes: what it cannot multiply is unpacked at each use.
    """
    operations: Any = None
    dtype = dtype or torch.bfloat16
    for layer, biased in layers.items():
        # Only now: ComfyUI logs which operations it picks.
        operations = operations or comfy.ops.pick_operations(
            dtype, dtype, load_device=device, model_config=SimpleNamespace(quant_config={"mixed_ops": True})
        )
        parent, _, name = layer.rpartition(".")
        plain = adapter.get_submodule(layer)
        assert isinstance(plain, nn.Linear)
        new = operations.Linear(plain.in_features, plain.out_features, bias=biased, device="cpu")
        setattr(adapter.get_submodule(parent), name, new)
