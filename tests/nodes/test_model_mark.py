"""The mark of a MODEL: its file's, a loaded model's, and with LoRAs on top, inside a real ComfyUI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.wan.fingerprint import fingerprint, same_generator

from .helpers import Rig


def mark(rig: Rig, model: Any) -> str:
    found: str = rig.pack.nodes.model_mark.model_mark(model)
    return found


def lora(weights: dict[str, Tensor], rank: int = 4, size: float = 0.1) -> dict[str, Tensor]:
    """A LoRA in the form of Wan's: every second linear layer of the blocks."""
    random = torch.Generator().manual_seed(3)
    keys = [key for key in weights if key.startswith("blocks.") and key.endswith(".weight") and "norm" not in key][::2]
    found = {}
    for key in keys:
        rows, columns = weights[key].shape
        layer = f"diffusion_model.{key.removesuffix('.weight')}"
        found[f"{layer}.lora_up.weight"] = torch.randn(rows, rank, generator=random) * size
        found[f"{layer}.lora_down.weight"] = torch.randn(rank, columns, generator=random) * size
        found[f"{layer}.alpha"] = torch.tensor(2.0)
    return found


def merged(weights: dict[str, Tensor], added: dict[str, Tensor], strength: float) -> dict[str, Tensor]:
    result = dict(weights)
    for key, up in added.items():
        if key.endswith("lora_up.weight"):
            layer = key.removesuffix(".lora_up.weight")
            down, alpha = added[f"{layer}.lora_down.weight"], added[f"{layer}.alpha"]
            name = f"{layer.removeprefix('diffusion_model.')}.weight"
            result[name] = weights[name].float() + strength * alpha / len(down) * (up @ down)
    return result


def with_lora(model: Any, added: dict[str, Tensor], strength: float) -> Any:
    import comfy.sd

    return comfy.sd.load_lora_for_models(model, None, added, strength, 0)[0]


@pytest.fixture
def weights(rig: Rig) -> dict[str, Tensor]:
    return read_tensors(rig.tiny["generator"])[0]


@pytest.mark.parametrize("dtype", ["default", "fp8_e4m3fn"])
def test_loaders_agree_with_the_file(dtype: str, rig: Rig, weights: dict[str, Tensor]) -> None:
    import comfy.sd

    ours = rig.load(weight_dtype=dtype)
    options = {} if dtype == "default" else {"dtype": torch.float8_e4m3fn}
    core = comfy.sd.load_diffusion_model(str(rig.tiny["generator"]), model_options=options)
    assert mark(rig, ours) == fingerprint(weights)
    assert same_generator(mark(rig, core), fingerprint(weights)) is True


def test_a_lora_on_top_is_part_of_the_mark_and_equals_the_merged_file(rig: Rig, weights: dict[str, Tensor]) -> None:
    added = lora(weights)
    model = with_lora(rig.generator, added, 0.7)
    assert same_generator(mark(rig, model), fingerprint(weights)) is False
    assert same_generator(mark(rig, model), fingerprint(merged(weights, added, 0.7))) is True
    assert same_generator(mark(rig, with_lora(model, added, -0.7)), fingerprint(weights)) is True
    assert mark(rig, with_lora(rig.generator, added, 0.0)) == fingerprint(weights)
    assert mark(rig, model.clone()) == mark(rig, model)


def test_the_mark_does_not_depend_on_what_a_run_left_in_the_weights(rig: Rig, weights: dict[str, Tensor]) -> None:
    import comfy.model_management
    import comfy.sd

    core = comfy.sd.load_diffusion_model(str(rig.tiny["generator"]))
    model = with_lora(core, lora(weights), 0.7)
    before = mark(rig, model)
    comfy.model_management.load_models_gpu([model])
    assert mark(rig, model) == before
    assert same_generator(mark(rig, core), fingerprint(weights)) is True


def test_a_merge_is_another_generator(rig: Rig, weights: dict[str, Tensor]) -> None:
    from comfy_extras.nodes_model_merging import ModelMergeSimple

    other = rig.load()
    half = ModelMergeSimple().merge(rig.generator, other, 0.5)[0]
    assert same_generator(mark(rig, half), fingerprint(weights)) is False
    assert (
        same_generator(mark(rig, ModelMergeSimple().merge(rig.generator, other, 1.0)[0]), fingerprint(weights)) is True
    )


def test_an_adapter_warns_where_the_lora_is_missing_and_where_it_is_new(
    rig: Rig, weights: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    added = lora(weights)
    tensors, metadata = read_tensors(rig.tiny["resnet"])
    of_lora: Path = rig.tiny["resnet"].with_name("of_lora.safetensors")
    save_whole(of_lora, tensors, {**metadata, "flashmotion.base": fingerprint(merged(weights, added, 1.0))})
    for name, strength, warned in (
        ("resnet", 0.0, False),
        ("resnet", 1.0, True),
        ("of_lora", 0.0, True),
        ("of_lora", 1.0, False),
    ):
        caplog.clear()
        path = rig.tiny["resnet"] if name == "resnet" else of_lora
        rig.apply("resnet", with_lora(rig.generator, added, strength), adapter_name=path.name)
        assert ("another generator" in caplog.text) is warned, (name, strength)
