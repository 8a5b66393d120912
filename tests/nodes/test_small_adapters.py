"""Small adapter files inside a real ComfyUI: made whole from the MODEL's own weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters import read_adapter, shrunk
from flashmotion_core.adapters.adapter_file import write_adapter
from flashmotion_core.wan.fingerprint import fingerprint
from flashmotion_core.weights import read_tensors, save_whole

from ..support.sentences import refuses
from .helpers import Rig
from .test_model_mark import lora, merged, with_lora
from .test_quantised_adapters import quantised


def small_file(rig: Rig, name: str, weights: dict[str, Tensor], rank: int = 4) -> Path:
    """The tiny ControlNet as a difference to a generator with these weights, and the whole adapter that it stands for beside it."""
    path = rig.tiny["controlnet"].with_name(f"{name}.safetensors")
    full = replace(read_adapter(rig.tiny["controlnet"], torch.float32), base_fingerprint=fingerprint(weights))
    write_adapter(path, shrunk(full, weights, rank))
    return path


def made_whole(path: Path, weights: dict[str, Tensor]) -> Path:
    """The whole adapter of a small file, as a file."""
    from flashmotion_core.adapters import rebuilt
    from flashmotion_core.loading import parse_generator

    file = read_adapter(path, torch.float32)
    sizes = parse_generator(weights, {}, "g")[0].config
    sizes = replace(sizes, num_heads=file.config["generator"]["num_heads"])
    target = path.with_name(f"{path.stem}_whole.safetensors")
    write_adapter(target, rebuilt(file, sizes, fingerprint(weights), weights.__getitem__, torch.float32))
    return target


@pytest.fixture
def weights(rig: Rig) -> dict[str, Tensor]:
    return read_tensors(rig.tiny["generator"])[0]


def apart(rig: Rig, path: Path, whole: Path, model: object) -> float:
    """How far a small file's clip is from that of the whole adapter it stands for, on one MODEL."""
    found = rig.sample(rig.apply("controlnet", model, adapter_name=path.name))
    wanted = rig.sample(rig.apply("controlnet", model, adapter_name=whole.name))
    assert float((wanted - rig.plain).abs().max()) > 0.01
    return float((found - wanted).abs().max())


def test_it_is_made_whole_from_the_models_weights(
    rig: Rig, weights: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    path = small_file(rig, "small", weights)
    whole = made_whole(path, weights)
    assert path.stat().st_size < whole.stat().st_size
    with torch.inference_mode():  # as ComfyUI runs nodes
        assert apart(rig, path, whole, rig.generator) < 1e-3
    assert "another generator" not in caplog.text
    # With somebody's LoRA on top, even after a run has merged it into the weights, the generator below is what counts.
    styled = with_lora(rig.generator, lora(weights), 0.3)
    rig.sample(styled)
    assert apart(rig, path, whole, styled) < 1e-3
    # A generator in another type is the same one, as far as that type goes.
    eight = replace(rig, tiny={**rig.tiny, "generator": quantised(rig, "generator", "fp8_scaled")}).load()
    rough = rig.sample(rig.apply("controlnet", eight, adapter_name=path.name))
    assert torch.isfinite(rough).all()


def test_headless_makes_the_same(rig: Rig, weights: dict[str, Tensor]) -> None:
    from .test_parity import TOLERANCE, headless

    path = small_file(rig, "both", weights)
    whole = made_whole(path, weights)
    ours = rig.sample(rig.apply("controlnet", adapter_name=path.name), rig.latent(None))
    theirs = headless({**rig.tiny, "whole": whole}, ["whole"], None, seed=11)
    assert float((ours - theirs).abs().max()) < TOLERANCE


def test_a_generator_that_comes_as_base_and_lora(rig: Rig, weights: dict[str, Tensor]) -> None:
    added = lora(weights)
    together = merged(weights, added, 1.0)
    path = small_file(rig, "of_lora", together)
    whole = made_whole(path, together)
    assert apart(rig, path, whole, with_lora(rig.generator, added, 1.0)) < 1e-3
    with refuses(key="of_lora.safetensors", value=fingerprint(weights).split(":")[1], remedy="full adapter file"):
        rig.apply("controlnet", adapter_name=path.name)


def test_another_generator_is_refused_even_after_the_right_one(rig: Rig, weights: dict[str, Tensor]) -> None:
    path = small_file(rig, "known", weights)
    right = rig.apply("controlnet", adapter_name=path.name)
    other = rig.tiny["generator"].with_name("another.safetensors")
    tensors, metadata = read_tensors(rig.tiny["generator"])
    random = torch.Generator().manual_seed(7)
    save_whole(
        other,
        {key: value + 0.1 * torch.randn(value.shape, generator=random) for key, value in tensors.items()},
        metadata,
    )
    with refuses(key="known.safetensors", value="only the difference", remedy="load the generator"):
        rig.apply("controlnet", rig.load(generator_name=other.name), adapter_name=path.name)
    assert right.get_additional_models_with_key("flashmotion")
    # As LoRAs, both files say what they are.
    import folder_paths

    folder_paths.add_model_folder_path("loras", str(path.parent))
    with refuses(key="known.safetensors"):
        rig.load(lora_name=path.name)
