"""Small adapter files inside a real ComfyUI: made whole from the MODEL's own weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import read_adapter, rebuilt, shrunk
from flashmotion_core.adapters.adapter_file import write_adapter
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.wan.fingerprint import fingerprint, short_name

from ..support.sentences import refuses
from .helpers import Rig
from .test_model_mark import lora, merged, with_lora
from .test_parity import TOLERANCE, headless
from .test_quantised_adapters import quantised

EXACT = 1e-5


def small_file(rig: Rig, name: str, weights: dict[str, Tensor]) -> Path:
    """The tiny ControlNet as a difference to a generator with these weights."""
    path = rig.tiny["controlnet"].with_name(f"{name}.safetensors")
    full = replace(read_adapter(rig.tiny["controlnet"], torch.float32), base_fingerprint=fingerprint(weights))
    write_adapter(path, shrunk(full, weights, 4))
    return path


def difference(rig: Rig, path: Path, weights: dict[str, Tensor], model: Any = None) -> float:
    """How far the adapter that the node builds is from the whole one, relative to the matrix that differs most."""
    patcher = rig.apply("controlnet", model, adapter_name=path.name).get_additional_models_with_key("flashmotion")[0]
    adapter = patcher.model
    file = read_adapter(path, torch.float32)
    wanted = rebuilt(file, adapter.generator, fingerprint(weights), weights.__getitem__, torch.float32).state_dict
    found = adapter.state_dict()
    assert found.keys() == wanted.keys()
    return max(float((found[key] - value).norm() / value.norm().clamp(min=1e-6)) for key, value in wanted.items())


@pytest.fixture
def weights(rig: Rig) -> dict[str, Tensor]:
    return read_tensors(rig.tiny["generator"])[0]


def test_it_is_made_whole_from_the_models_weights(
    rig: Rig, weights: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    import comfy.model_management

    path = small_file(rig, "small", weights)
    assert path.stat().st_size < rig.tiny["controlnet"].stat().st_size
    with torch.inference_mode():  # as ComfyUI runs nodes
        assert difference(rig, path, weights) < EXACT
    assert "another generator" not in caplog.text
    # With somebody's LoRA on top, also where a run has merged it into the weights, the generator below is what counts.
    core = rig.load()
    styled = with_lora(core, lora(weights), 0.3)
    comfy.model_management.load_models_gpu([styled])
    assert difference(rig, path, weights, styled) < EXACT
    # A quantised generator is the same one, as exactly as its type knows it.
    eight = replace(rig, tiny={**rig.tiny, "generator": quantised(rig, "generator", "fp8_scaled")}).load()
    assert EXACT < difference(rig, path, weights, eight) < 0.1


def test_headless_makes_the_same(rig: Rig, weights: dict[str, Tensor]) -> None:
    path = small_file(rig, "both", weights)
    ours = rig.sample(rig.apply("controlnet", adapter_name=path.name), rig.latent(None))
    theirs = headless({**rig.tiny, "controlnet": path}, ["controlnet"], None, seed=11)
    assert float((ours - theirs).abs().max()) < TOLERANCE


def test_a_generator_that_comes_as_base_and_lora(rig: Rig, weights: dict[str, Tensor]) -> None:
    added = lora(weights)
    together = merged(weights, added, 1.0)
    path = small_file(rig, "of_lora", together)
    assert difference(rig, path, together, with_lora(rig.generator, added, 1.0)) < EXACT
    with refuses(key="of_lora.safetensors", value=short_name(fingerprint(weights)), remedy="full adapter file"):
        rig.apply("controlnet", adapter_name=path.name)


def test_another_generator_is_refused_even_after_the_right_one(rig: Rig, weights: dict[str, Tensor]) -> None:
    path = small_file(rig, "known", weights)
    right = rig.apply("controlnet", adapter_name=path.name)
    tensors, metadata = read_tensors(rig.tiny["generator"])
    other = rig.tiny["generator"].with_name("another.safetensors")
    save_whole(other, {key: 1.1 * value for key, value in tensors.items()}, metadata)
    with refuses(key="known.safetensors", value="only the difference", remedy="load the generator"):
        rig.apply("controlnet", rig.load(generator_name=other.name), adapter_name=path.name)
    assert right.get_additional_models_with_key("flashmotion")
