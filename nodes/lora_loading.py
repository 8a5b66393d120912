"""A LoRA file -> patches of a MODEL, through ComfyUI's own LoRA code; counts what fits, which ComfyUI only logs key by key."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.lora_convert
import comfy.utils

from ..flashmotion_core.adapters.weight_checks import is_finite
from ..flashmotion_core.files.weights import read_header
from ..flashmotion_core.wan.config import describe
from ..flashmotion_core.wan.lora_keys import with_own_names

INNER = "diffusion_model."


ONE_TENSOR = (".alpha", ".dora_scale", ".diff", ".diff_b", ".w_norm", ".b_norm", ".set_weight")
"""Endings of tensors that ComfyUI's LoRA code reads by themselves."""


def apply_lora(model: Any, path: str, strength: float) -> Any:
    """A clone of a MODEL with a LoRA on it.

    Args:
        model: a Wan2.2-TI2V-5B MODEL.
        path: a safetensors file in any key layout that ComfyUI takes, or that ``lora_keys`` knows.
        strength: finite; negative takes the LoRA off.

    Raises:
        ValueError: a file that is not safetensors, one of which nothing fits, or one with weights that are not finite.
    """
    name = Path(path).name
    shapes, _ = read_header(path)
    tensors = comfy.lora_convert.convert_lora(comfy.utils.load_torch_file(path, safe_load=True))
    bad = [key for key, value in tensors.items() if value.is_floating_point() and not is_finite(value)]
    if bad:
        raise ValueError(
            f"the LoRA {name} holds numbers that are NaN or infinite (in {len(bad)} of {len(tensors)} tensors, such as {bad[0]}); "
            "download it again or choose another one."
        )
    targets: dict[str, Any] = comfy.lora.model_lora_keys_unet(model.model, {})
    keys = {str(key) for key in targets.values()}
    layers = [key.removeprefix(INNER).removesuffix(".weight") for key in keys if key.startswith(INNER)]
    tensors = with_own_names(tensors, layers, name, INNER)
    try:
        patches = comfy.lora.load_lora(tensors, targets, log_missing=False)
    except KeyError as error:
        raise ValueError(
            f"the LoRA {name} has no key {error}, the other half of one that it has; download it again."
        ) from error
    wrong = {key for key, patch in patches.items() if not _fits(model, key, patch)}
    patches = {key: patch for key, patch in patches.items() if key not in wrong}
    read = {key for patch in patches.values() for key in getattr(patch, "loaded_keys", ())}
    left_out = [
        key for key in tensors if not ((key in read or key.endswith(ONE_TENSOR)) and _belongs(key, targets, patches))
    ]
    if not patches:
        why = "its weights have other sizes" if wrong else f"it is {describe(shapes)}"
        raise ValueError(
            f"no key of the LoRA {name} fits this generator: {why}; choose one that was made for Wan2.2-TI2V-5B."
        )
    patched = model.clone()
    patched.add_patches(patches, strength)
    if left_out:
        logging.warning(
            "LoadFastGenerator: %d of %d tensors of the LoRA %s do not fit this generator and are left out (such as %s).",
            len(left_out),
            len(tensors),
            name,
            left_out[0],
        )
    logging.info("LoadFastGenerator: the LoRA %s changes %d weights at strength %g.", name, len(patches), strength)
    return patched


def _belongs(key: str, targets: Mapping[str, Any], patches: Iterable[Any]) -> bool:
    """Whether a LoRA's tensor is part of a patch: one of the names that it begins with is a target."""
    parts = key.split(".")
    for end in range(1, len(parts) + 1):
        target = targets.get(".".join(parts[:end]))
        if target is not None and (target in patches or f"{str(target).removesuffix('.weight')}.bias" in patches):
            return True
    return False


def _fits(model: Any, key: Any, patch: Any) -> bool:
    """Whether a patch has the size of its weight, where its kind shows that."""
    if not isinstance(key, str):
        return True
    try:
        weight = comfy.utils.get_attr(model.model, key)
    except AttributeError:
        return False
    shape = tuple(weight.shape)
    if isinstance(patch, tuple):
        return tuple(patch[1][0].shape) == shape
    if getattr(patch, "name", "") != "lora":
        return True
    up, down, _, mid, _, reshape = patch.weights
    if mid is not None or reshape is not None:
        return True
    sizes = (up.shape[0], up.flatten(1).shape[1], down.flatten(1).shape[1])
    return sizes == (shape[0], down.shape[0], math.prod(shape[1:]))
