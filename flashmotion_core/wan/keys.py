"""Key names of a Wan generator: the original layout (Wan-Video, ComfyUI) and diffusers' ``WanTransformer3DModel``.

The weights are the same tensors under two names; nothing is reshaped or transposed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")

# (original, diffusers), each a whole dotted part of a key. Order does not matter: at most one rule of a group applies to a key.
_ROOT = (
    ("patch_embedding", "patch_embedding"),
    ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
    ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
    ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
    ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
    ("time_projection.1", "condition_embedder.time_proj"),
    ("head.modulation", "scale_shift_table"),
    ("head.head", "proj_out"),
)
_BLOCK = (
    *(
        (f"{ours}.{p}", f"{theirs}.to_{p}")
        for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for p in "qkv"
    ),
    *((f"{ours}.o", f"{theirs}.to_out.0") for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))),
    *(
        (f"{ours}.norm_{p}", f"{theirs}.norm_{p}")
        for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for p in "qk"
    ),
    ("norm3", "norm2"),
    ("ffn.0", "ffn.net.0.proj"),
    ("ffn.2", "ffn.net.2"),
    ("modulation", "scale_shift_table"),
)
SCALES = (
    "scale_weight",
    "scale_input",
    "weight_scale",
    "weight_scale_2",
    "input_scale",
    "pre_quant_scale",
    "comfy_quant",
)
"""What a quantised linear layer holds beside its ``weight`` and ``bias``: the older fp8_scaled form, and ComfyUI's newer ones."""
SCALED_FP8 = "scaled_fp8"
"""A tensor beside the layers that marks a whole file as the older fp8_scaled."""
_KEY = re.compile(rf"^(blocks\.\d+\.)?(.+?)(\.(?:weight|bias|{'|'.join(SCALES)}))?$")


def is_diffusers(keys: Iterable[str]) -> bool:
    """Whether bare keys are in diffusers' layout."""
    return any(key.startswith("condition_embedder.") or ".attn1." in key for key in keys)


def _renamer(direction: int) -> Callable[[str], str]:
    tables = [{rule[direction]: rule[1 - direction] for rule in rules} for rules in (_ROOT, _BLOCK)]

    def rename(key: str) -> str:
        match = _KEY.match(key)
        assert match is not None
        block, stem, suffix = match.group(1) or "", match.group(2), match.group(3) or ""
        if key == SCALED_FP8:
            return key
        table = tables[1] if block else tables[0]
        if stem not in table:
            raise KeyError(key)
        return f"{block}{table[stem]}{suffix}"

    return rename


to_diffusers_key = _renamer(0)
"""Original key -> diffusers key; KeyError for a key that no Wan generator has."""
to_original_key = _renamer(1)
"""Diffusers key -> original key; KeyError for a key that no Wan generator has."""


def to_diffusers(state_dict: Mapping[str, Value]) -> dict[str, Value]:
    """Rename a whole state dict from the original layout to diffusers'.

    Raises:
        ValueError: names every key that has no counterpart.
    """
    return _rename_all(state_dict, to_diffusers_key, "the original Wan")


def to_original(state_dict: Mapping[str, Value]) -> dict[str, Value]:
    """Rename a whole state dict from diffusers' layout to the original one.

    Raises:
        ValueError: names every key that has no counterpart.
    """
    return _rename_all(state_dict, to_original_key, "diffusers'")


def _rename_all(state_dict: Mapping[str, Value], rename: Callable[[str], str], layout: str) -> dict[str, Value]:
    renamed: dict[str, Value] = {}
    unknown: list[str] = []
    for key, value in state_dict.items():
        try:
            renamed[rename(key)] = value
        except KeyError:
            unknown.append(key)
    if unknown:
        raise ValueError(
            f"{len(unknown)} keys are not in {layout} key layout ({', '.join(unknown)}); choose a file of a Wan2.2-TI2V-5B generator."
        )
    return renamed
