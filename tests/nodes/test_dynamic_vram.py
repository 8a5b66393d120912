"""Adapters on layers as ComfyUI makes them on NVIDIA cards, where its dynamic VRAM is on: without weights until a file is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.files.weights import read_tensors, save_whole

from .helpers import Rig
from .test_quantised_adapters import controlled, quantised


def known_types(path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """As ComfyUI 0.30 reads files there: the scales of mxfp8 are unknown to it."""
    tensors, metadata = read_tensors(path)
    if any(tensor.dtype == torch.float8_e8m0fnu for tensor in tensors.values()):
        raise KeyError("F8_E8M0")
    return tensors, metadata


@pytest.fixture
def late_weights(comfyui: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamic VRAM without a GPU: layers are made as on one. Only its reader of files, which needs the driver, is safetensors' own."""
    import comfy.memory_management
    import comfy.ops
    import comfy.utils

    if not hasattr(comfy.memory_management, "aimdo_enabled"):
        pytest.skip("this ComfyUI has no dynamic VRAM")
    monkeypatch.setattr(comfy.memory_management, "aimdo_enabled", True)
    monkeypatch.setattr(comfy.utils, "load_safetensors", known_types)
    assert comfy.ops.manual_cast.Linear(2, 2).weight is None


@pytest.mark.parametrize("name", ["resnet", "controlnet", "fp8_scaled", "mxfp8", "nvfp4"])
def test_an_adapter_does_what_it_does_on_layers_with_weights(
    name: str, rig: Rig, request: pytest.FixtureRequest
) -> None:
    path = quantised(rig, "controlnet", name) if name not in rig.tiny else rig.tiny[name]
    expected = rig.sample(controlled(rig, path), steps=1)
    request.getfixturevalue("late_weights")
    copy = Path(shutil.copy(path, path.with_name(f"late_{path.name}")))  # not the adapter that is loaded already
    assert torch.equal(rig.sample(controlled(rig, copy), steps=1), expected)


def test_what_does_not_fit_is_named(rig: Rig, late_weights: Any) -> None:
    tensors, metadata = read_tensors(rig.tiny["controlnet"])
    weight: Tensor = tensors["blocks.0.self_attn.q.weight"]
    changed = {**tensors, "blocks.0.self_attn.q.weight": weight[:1].clone(), "blocks.9.extra": torch.zeros(1)}
    del changed["blocks.0.ffn.0.bias"]
    path = rig.tiny["controlnet"].with_name("other_layers.safetensors")
    save_whole(path, changed, metadata)
    with pytest.raises(ValueError) as raised:
        controlled(rig, path)
    for part in ("missing: blocks.0.ffn.0.bias", "unknown: blocks.9.extra", "blocks.0.self_attn.q.weight is (1, 128)"):
        assert part in str(raised.value)
