"""A LoRA added to a generator's weights for good: a few-step generator that comes as base and LoRA becomes one file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .lora_keys import with_own_names

HALVES = {
    "down": (".lora_down.weight", ".lora_A.weight", ".lora.down.weight", "_lora.down.weight"),
    "up": (".lora_up.weight", ".lora_B.weight", ".lora.up.weight", "_lora.up.weight"),
    "alpha": (".alpha",),
    "diff": (".diff",),
    "diff_b": (".diff_b",),
}
"""By what it is, how a tensor's key may end: the two factors, their scale, and whole differences of a weight and of a bias."""

NOT_A_PRODUCT = re.compile(
    r"\.(dora_scale|lora_magnitude_vector(\.weight)?|lora_mid\.weight|(lokr|hada|oft|boft)_[a-z0-9_]+)$|\.oft_blocks$|\.[ab][12]\.weight$"
)
"""What a key ends with of a LoRA (DoRA, LoCon, LyCORIS) whose two factors are not all: without the rest, they would spoil the weights."""


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
    further = next((key for key in lora if NOT_A_PRODUCT.search(key)), None)
    if further is not None:
        raise ValueError(
            f"the LoRA {name} holds {further}, so it is more than a product of two factors, which is all that can be added; choose a plain LoRA."
        )
    layers = {key.removesuffix(".weight") for key in weights if key.endswith(".weight")}
    parts: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for key, value in with_own_names(lora, layers, name).items():
        place = _place(key, layers)
        if place is None:
            unknown.append(key)
        else:
            parts.setdefault(place.layer, {})[place.half] = value
    if not any(part.keys() - {"alpha"} for part in parts.values()):
        raise ValueError(
            f"none of the {len(lora)} tensors of {name} fits a layer of this generator (such as {next(iter(lora), 'none')}); choose a LoRA of "
            "Wan2.2-TI2V-5B."
        )
    return parts, unknown


def _place(key: str, layers: Collection[str]) -> LayerPart | None:
    for half, endings in HALVES.items():
        for ending in endings:
            if key.endswith(ending) and key.removesuffix(ending) in layers:
                return LayerPart(key.removesuffix(ending), half)
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
