"""Adapters as ComfyUI's models: read by its own loader, offloaded, cast and streamed like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import comfy.ldm.flux.math
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.utils
import torch
from torch import Tensor

from ..flashmotion_core.adapters import (
    AdapterFile,
    construct_adapter,
    is_ours,
    parse_adapter,
)
from ..flashmotion_core.files.weights import read_header, read_tensors
from ..flashmotion_core.metadata import PREFIX
from ..flashmotion_core.wan.config import WanConfig
from .attachments import KEY
from .quantised_adapters import NOTES, as_plain, kept_layers, put_in


def read_adapter(path: str, dtype: torch.dtype = torch.bfloat16) -> AdapterFile:
    """An adapter's file, read by ComfyUI's own loader, so that its memory mapping and streaming apply.

    Args:
        path: of the file.
        dtype: in which the generator computes, for quantised layers that cannot stay as they are.

    Raises:
        ValueError: a wrong, truncated or foreign file.
    """
    name = Path(path).name
    read_header(path)  # says what is wrong with a file in one sentence, before anything large is read
    try:
        state_dict, metadata = comfy.utils.load_torch_file(path, safe_load=True, return_metadata=True)
    except (
        KeyError
    ):  # ComfyUI's own reader of its dynamic VRAM does not know every type: in 0.30 not the scales of mxfp8
        state_dict, metadata = read_tensors(path)
    kept = kept_layers(state_dict, metadata, name) if is_ours(metadata or {}) else {}
    file = parse_adapter(as_plain(state_dict, kept, dtype), metadata, name, dtype)
    return replace(
        file, kept={f"{layer}.{key}": value for layer, parts in kept.items() for key, value in parts.items()}
    )


def base_of_small(path: str) -> str | None:
    """The mark of the generator that an adapter's file is a difference to; None for whole files. See ``base_weights``."""
    metadata = read_header(path)[1]
    return metadata.get(f"{PREFIX}base", "unknown") if f"{PREFIX}low_rank" in metadata else None


def load_adapter(file: AdapterFile, generator: WanConfig, dtype: torch.dtype | None = None) -> Any:
    """The adapter as a ModelPatcher, so that ComfyUI offloads, casts and streams it like any model; ``adapter_file`` names its file.

    Args:
        file: read and checked.
        generator: sizes of the generator.
        dtype: in which the generator computes. Weights that are larger, or as large and of another kind, are converted once, as they
            would otherwise be cast at every use; smaller ones stay, and so do quantised layers that ComfyUI computes with. None leaves
            all as they are.

    Raises:
        ValueError: the adapter belongs to another generator.
    """
    adapter = construct_adapter(file, generator, operations=comfy.ops.manual_cast)
    device = comfy.model_management.get_torch_device()
    layers = [key.removesuffix(NOTES) for key in file.kept if key.endswith(NOTES)]
    put_in(adapter, {layer: f"{layer}.bias" in file.state_dict for layer in layers}, dtype, device)
    # Looked up at call time: on a GPU ComfyUI rebinds CoreModelPatcher to its dynamic one. Weights are assigned, not copied: they stay
    # the memory-mapped file until they are moved.
    patcher = comfy.model_patcher.CoreModelPatcher(
        adapter,
        load_device=device,
        offload_device=comfy.model_management.unet_offload_device(),
    )
    plain = {key: _for_use(value, dtype) for key, value in file.state_dict.items() if not value.is_meta}
    adapter.load_state_dict(plain | file.kept, assign=True)
    adapter.requires_grad_(False).eval()
    patcher.set_attachments(f"{KEY}.file", replace(file, state_dict={}, kept={}))
    return patcher


def adapter_file(patcher: Any) -> AdapterFile:
    """What the file of a loaded adapter says about itself, its weights left out."""
    file: AdapterFile = patcher.get_attachment(f"{KEY}.file")
    return file


def _for_use(weight: Tensor, dtype: torch.dtype | None) -> Tensor:
    if dtype is None or not weight.is_floating_point() or weight.dtype.itemsize < dtype.itemsize:
        return weight
    return weight.to(dtype)
