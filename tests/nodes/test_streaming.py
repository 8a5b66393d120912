"""Where ComfyUI streams weights (--lowvram, --novram): the adapter is loaded beside the generator, part by part, and samples the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from .helpers import Rig
from .test_quantised_adapters import controlled, quantised

BUDGET = 2_000_000
"""Bytes for weights: half of the tiny generator."""


@pytest.fixture
def asked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Memory that each run asks for, on a CPU that ComfyUI takes for a card with that and ``BUDGET`` free."""
    import comfy.model_management as management

    needs: list[float] = []
    load = management.load_models_gpu

    def loading(models: Any, memory_required: float = 0, minimum_memory_required: Any = None, **rest: Any) -> Any:
        needs.append(memory_required)
        return load(models, memory_required=memory_required, minimum_memory_required=minimum_memory_required, **rest)

    def free(_: Any = None, torch_free_too: bool = False) -> Any:
        inside = sum(entry.model.loaded_size() for entry in management.current_loaded_models if entry.model)
        least = management.minimum_inference_memory() + BUDGET - inside
        return (least, least) if torch_free_too else least

    monkeypatch.setattr(management, "load_models_gpu", loading)
    monkeypatch.setattr(management, "is_device_cpu", lambda _: False)
    monkeypatch.setattr(management, "get_free_memory", free)
    monkeypatch.setattr(management, "minimum_inference_memory", lambda: 10**12)  # more than any run asks for
    yield needs
    with torch.inference_mode():
        management.unload_all_models()


@pytest.mark.parametrize("mode", ["LOW_VRAM", "NO_VRAM"])
def test_a_chain_of_adapters_samples_the_same(
    mode: str, rig: Rig, asked: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management as management

    chain = controlled(rig, quantised(rig, "controlnet", "float8_e4m3fn"), rig.apply("controlnet", rig.apply("resnet")))
    patchers = [chain, *chain.get_additional_models()]
    assert len(patchers) == 4
    found = {}
    for state in ("HIGH_VRAM", mode):
        with torch.inference_mode():  # as ComfyUI runs nodes
            management.unload_all_models()
        monkeypatch.setattr(management, "vram_state", management.VRAMState[state])
        out = rig.sample(chain)
        found[state] = out, [patcher.loaded_size() for patcher in patchers], asked[-1]
    (whole, sizes, needed), (out, loaded, needed_here) = found["HIGH_VRAM"], found[mode]
    assert sizes == [patcher.model_size() for patcher in patchers]
    assert torch.equal(out, whole)
    assert needed_here == needed
    assert patchers[0].model.model_lowvram
    assert patchers[2].model.model_lowvram
    assert sum(loaded) <= (BUDGET if mode == "LOW_VRAM" else 0)
    assert bool(sum(loaded)) == (mode == "LOW_VRAM")
