"""A LoRA added to a generator's weights for good: a few-step generator that comes as base and LoRA becomes one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .keys import to_diffusers_key

PREFIXES = (
    "",
    "diffusion_model.",
    "model.diffusion_model.",
    "transformer.",
    "base_model.model.",
    "unet.",
    "lora_unet_",
    "lora_transformer_",
)
"""What may stand before a layer's name."""
HALVES = {
    "down": (".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight", ".lora.down.weight", "_lora.down.weight"),
    "up": (".lora_up.weight", ".lora_B.weight", ".lora_B.default.weight", ".lora.up.weight", "_lora.up.weight"),
    "alpha": (".alpha",),
    "diff": (".diff",),
    "diff_b": (".diff_b",),
}
"""By what it is, how a tensor's key may end: the two factors, their scale, and whole differences of a weight and of a bias."""

NOT_A_PRODUCT = (".dora_scale", ".lora_magnitude_vector.weight", ".lora_magnitude_vector", ".lora_mid.weight")
"""What a key ends with of a LoRA (DoRA, LoCon) whose two factors are not all: without the rest, they would spoil the weights."""


class LayerPart(NamedTuple):
    """A layer of the generator, by the original name, and which of `HALVES` a tensor is."""

    layer: str
    half: str


def merge_lora(weights: Mapping[str, Tensor], lora: Mapping[str, Tensor], name: str) -> tuple[dict[str, Tensor], int]:
    """The generator's weights with a LoRA added, W + (alpha / rank) up down, computed in float32 and kept in their type.

    Also how many of the LoRA's tensors have no place in the generator, such as those of another attention.

    Args:
        weights: in the original layout.
        lora: tensors in any layout that ComfyUI takes.
        name: of the LoRA's file, for errors.

    Raises:
        ValueError: no tensor has a place, one does not have the layer's shape, a half without the other, DoRA, or a weight that is not finite.
    """
    parts, unknown = _parts(weights, lora, name)
    merged = dict(weights)
    for layer, part in parts.items():
        for half, key in (("diff", f"{layer}.weight"), ("diff_b", f"{layer}.bias")):
            if half in part:
                merged[key] = _added(merged.get(key), part[half], key, name)
        if "down" in part or "up" in part:
            merged[f"{layer}.weight"] = _added(
                merged.get(f"{layer}.weight"), _difference(part, layer, name), f"{layer}.weight", name
            )
    return merged, len(unknown)


def _parts(
    weights: Mapping[str, Tensor], lora: Mapping[str, Tensor], name: str
) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """The LoRA's tensors by layer and half, and the keys of those without a place."""
    further = next((key for key in lora if key.endswith(NOT_A_PRODUCT)), None)
    if further is not None:
        raise ValueError(
            f"the LoRA {name} holds {further}, so it is more than a product of two factors, which is all that can be added; choose a plain LoRA."
        )
    layers = _spellings(weights)
    parts: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for key, value in lora.items():
        place = _place(key, layers)
        if place is None:
            unknown.append(key)
        else:
            parts.setdefault(place.layer, {})[place.half] = value
    if not parts:
        raise ValueError(
            f"none of the {len(lora)} tensors of {name} fits a layer of this generator (such as {next(iter(lora), 'none')}); choose a LoRA of "
            "Wan2.2-TI2V-5B."
        )
    return parts, unknown


def _spellings(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Every way to write a layer's name: original or diffusers', with dots or underscores."""
    found: dict[str, str] = {}
    for key in weights:
        layer, _, ending = key.rpartition(".")
        if ending == "weight":
            names = (layer, *_theirs(key))
            found |= {spelt: layer for name in names for spelt in (name, name.replace(".", "_"))}
    return found


def _theirs(key: str) -> list[str]:
    """Diffusers' name of a weight's layer; nothing where it has none."""
    try:
        return [to_diffusers_key(key).rpartition(".")[0]]
    except KeyError:
        return []


def _place(key: str, layers: Mapping[str, str]) -> LayerPart | None:
    for half, endings in HALVES.items():
        for ending in endings:
            if not key.endswith(ending):
                continue
            stem = key.removesuffix(ending)
            for prefix in PREFIXES:
                if stem.startswith(prefix) and stem.removeprefix(prefix) in layers:
                    return LayerPart(layers[stem.removeprefix(prefix)], half)
    return None


def _difference(part: Mapping[str, Tensor], layer: str, name: str) -> Tensor:
    if "down" not in part or "up" not in part:
        lacks = "up" if "down" in part else "down"
        raise ValueError(f"the LoRA {name} lacks the half '{lacks}' of {layer}; download it again.")
    down, up = part["down"].float().flatten(1), part["up"].float().flatten(1)
    rank = down.shape[0]
    if up.shape[1] != rank:
        raise ValueError(f"the LoRA {name} has halves of rank {rank} and {up.shape[1]} for {layer}; download it again.")
    if not rank or ("alpha" in part and part["alpha"].numel() != 1):
        raise ValueError(f"the LoRA {name} has rank {rank} or more than one alpha for {layer}; download it again.")
    scale = float(part["alpha"]) / rank if "alpha" in part else 1.0
    return scale * (up @ down)


def _added(weight: Tensor | None, difference: Tensor, key: str, name: str) -> Tensor:
    if weight is None or weight.numel() != difference.numel() or weight.shape[0] != difference.shape[0]:
        found = "none" if weight is None else list(weight.shape)
        raise ValueError(
            f"the LoRA {name} changes {key} by a tensor of {list(difference.shape)}, but the generator's is {found}; choose a LoRA of its size."
        )
    result = (weight.float() + difference.float().reshape(weight.shape)).to(weight.dtype)
    if not torch.isfinite(result).all():
        raise ValueError(f"{key} is NaN or infinite once the LoRA {name} is added; download it again.")
    return result
