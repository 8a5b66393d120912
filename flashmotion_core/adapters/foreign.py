"""Adapters without our metadata: recognised by keys and shapes, whatever stands in front of the keys and whatever their parts are called.

The authors' files were not at hand. What is looked for is what the paper fixes: a ControlNet is the generator's blocks, a patch embedding
that also takes the control latent, and one square 1 x 1 convolution per block; a ResNet is a patch stem, residual blocks of two norms and
two 3 x 3 convolutions, and one 1 x 1 convolution to the generator's width per block. Every key must find its place: keys that do not are
left in the state dict, where ``construct_adapter`` names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ..wan.config import LATENT_CHANNELS, WanConfig, count_blocks, describe, generator_shapes, shapes_of
from ..wan.keys import to_original_key
from ..wan.prefixes import COMPANIONS, PREFERRED, find_network, strip_wrappers
from .foreign_layers import depth_of, is_pointwise, pointwise, residual_blocks

TAKEN_FIRST = ("adapter", "controlnet", *PREFERRED)
USUAL_GROUPS = 32
"""Groups of a ResNet's norms, which weights do not show."""


@dataclass(frozen=True)
class ForeignAdapter:
    """What a file turned out to be, under our names.

    Attributes:
        kind: ``controlnet`` or ``resnet``.
        config: arguments of its class.
        state_dict: tensors under our names, and those that found no place.
        notes: what was assumed or left out; each a phrase.
    """

    kind: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]
    notes: tuple[str, ...]


def parse_foreign(
    state_dict: Mapping[str, Tensor],
    name: str,
    *,
    take: str | None = None,
    inject_after: Sequence[int] | None = None,
    groups: int | None = None,
) -> ForeignAdapter:
    """Recognise an adapter of other training code.

    Args:
        state_dict: all tensors of the file.
        name: of the file, for errors.
        take: see ``find_network``.
        inject_after: blocks of the generator that it adds to; None for all of them.
        groups: groups of a ResNet's norms; None for 32.

    Raises:
        ValueError: neither kind (says what it is), or a file that does not say where it adds.
    """
    network = find_network(state_dict, take, TAKEN_FIRST)
    own = {key: state_dict[found] for key, found in network.keys.items()}
    flat = [key for key in own if "flat_param" in key]
    if flat:
        raise ValueError(
            f"{name} holds flattened FSDP parameters ({flat[0]}), which only their training code can divide; save a full state dict there."
        )
    left = {}
    for key in network.others:
        bare = strip_wrappers(key)
        if bare in own or set(key.split(".")) & COMPANIONS:
            left[key] = state_dict[key]
        else:
            own[bare] = state_dict[key]
    notes = [f"{len(left)} tensors of another network are left out"] if left else []
    wan = {key for key in own if _wan_key(key) is not None}
    if {"patch_embedding.weight", "blocks.0.self_attn.q.weight"} <= {_wan_key(key) for key in wan}:
        config, weights = _controlnet(own, wan, name, inject_after)
        return ForeignAdapter("controlnet", config, weights, tuple(notes))
    if not any("self_attn" in key or ".attn1." in key or "lora" in key for key in own):
        resnet = _resnet(own, name, inject_after, groups)
        if resnet is not None:
            if groups is None:
                notes.append(f"{USUAL_GROUPS} groups are assumed for its norms")
            return ForeignAdapter("resnet", *resnet, tuple(notes))
    raise ValueError(
        f"{name} is {describe(shapes_of(own))}, but a trajectory adapter was expected; choose a file of model_patches."
    )


def _controlnet(
    own: Mapping[str, Tensor], wan: set[str], name: str, inject_after: Sequence[int] | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    clone = {str(_wan_key(key)): own[key] for key in wan}
    extra = {key: value for key, value in own.items() if key not in wan}
    dim, channels, *patch = clone["patch_embedding.weight"].shape
    blocks = count_blocks(clone)
    convolutions, extra = pointwise(extra, (dim, dim))
    embeddings = [
        key
        for key, value in extra.items()
        if value.ndim == 5 and value.shape[0] == dim and list(value.shape[2:]) == patch
    ]
    if channels == LATENT_CHANNELS and len(embeddings) == 1:
        # Adding a second embedding of the control latent is the same as one embedding of both latents.
        weight = extra.pop(embeddings[0])
        bias = extra.pop(embeddings[0].removesuffix("weight") + "bias", None)
        clone["patch_embedding.weight"] = torch.cat(
            [clone["patch_embedding.weight"], weight.to(clone["patch_embedding.weight"])], 1
        )
        if bias is not None:
            clone["patch_embedding.bias"] = clone["patch_embedding.bias"] + bias.to(clone["patch_embedding.bias"])
        channels += weight.shape[1]
    if len(convolutions) != 2 * blocks or channels <= LATENT_CHANNELS:
        if not convolutions and channels == LATENT_CHANNELS:
            raise ValueError(
                f"{name} is {describe(shapes_of(clone))}, but a trajectory adapter was expected; choose a file of model_patches."
            )
        raise ValueError(
            f"{name} looks like a ControlNet with {blocks} blocks, {len(convolutions) // 2} zero convolutions and {channels} input channels, "
            f"but as many convolutions as blocks and {2 * LATENT_CHANNELS} channels (noisy latent, control latent) were expected; "
            "choose an adapter for Wan2.2-TI2V-5B."
        )
    lacking = [key for key in _SIZES_FROM if key not in clone]
    if lacking:
        raise ValueError(f"{name} is a ControlNet without {', '.join(lacking)}; export it again.")
    generator = WanConfig(
        dim=dim,
        ffn_dim=clone["blocks.0.ffn.0.weight"].shape[0],
        num_heads=max(1, dim // 128),
        num_layers=depth_of(dim, blocks, inject_after, name),
        text_dim=clone["text_embedding.0.weight"].shape[1],
        freq_dim=clone["time_embedding.0.weight"].shape[1],
        patch_size=(patch[0], patch[1], patch[2]),
    )
    config = {
        "generator": asdict(generator),
        "inject_after": list(range(blocks) if inject_after is None else inject_after),
        "control_channels": channels - LATENT_CHANNELS,
    }
    # The generator's head is not always kept in such files, and nothing reads it.
    like = clone["patch_embedding.weight"]
    for key, shape in generator_shapes(generator).items():
        if key.startswith("head."):
            clone.setdefault(key, like.new_zeros(shape))
    convolutions = {f"zero_convs.{key}": value for key, value in convolutions.items()}
    return config, {**extra, **clone, **convolutions}


def _resnet(
    own: Mapping[str, Tensor], name: str, inject_after: Sequence[int] | None, groups: int | None
) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """A patch stem, residual blocks and pointwise outputs under any names; None for anything else."""
    stems = [
        key
        for key, value in own.items()
        if value.ndim >= 4 and value.shape[1] == LATENT_CHANNELS and max(value.shape[2:]) == 2
    ]
    if len(stems) != 1:
        return None
    stem = own[stems[0]] if own[stems[0]].ndim == 5 else own[stems[0]][:, :, None]
    width, channels, *patch = stem.shape
    rest = {key: value for key, value in own.items() if key != stems[0]}
    weights = {"stem.weight": stem}
    bias = rest.pop(stems[0].removesuffix("weight") + "bias", None)
    weights["stem.bias"] = stem.new_zeros(width) if bias is None else bias
    dims = {
        value.shape[0]
        for key, value in rest.items()
        if key.endswith("weight") and is_pointwise(value) and value.shape[1] == width
    }
    dims = dims - {width} or dims  # a shortcut inside the tower keeps the width
    if len(dims) != 1:
        return None
    dim = dims.pop()
    outputs, rest = pointwise(rest, (dim, width))
    trunk = residual_blocks(rest, width)
    if trunk is None:
        return None
    weights |= {f"zero_convs.{key}": value for key, value in outputs.items()} | trunk
    count = len(outputs) // 2
    groups = USUAL_GROUPS if groups is None else groups
    if groups < 1 or width % groups:
        raise ValueError(
            f"{name} looks like a ResNet adapter of width {width}, which {groups} groups do not divide; name the groups of its norms."
        )
    config = {
        "generator": {
            "dim": dim,
            "num_layers": depth_of(dim, count, inject_after, name),
            "num_heads": max(1, dim // 128),
            "patch_size": patch,
        },
        "inject_after": list(range(count) if inject_after is None else inject_after),
        "control_channels": channels,
        "width": width,
        "groups": groups,
    }
    return config, weights


def _wan_key(key: str) -> str | None:
    """A key of a generator's (of any depth) in the original layout; None for any other key."""
    if any(name in key for name in _DIFFUSERS):
        try:
            return to_original_key(key)
        except KeyError:
            return None
    return key if re.sub(r"^blocks\.\d+\.", "blocks.0.", key) in _ONE_BLOCK else None


_SIZES_FROM = ("blocks.0.ffn.0.weight", "text_embedding.0.weight", "time_embedding.0.weight")
_DIFFUSERS = ("condition_embedder.", "proj_out.", "scale_shift_table", ".attn1.", ".attn2.", ".ffn.net.", ".norm2.")
_ONE_BLOCK = frozenset(generator_shapes(WanConfig(num_layers=1)))
