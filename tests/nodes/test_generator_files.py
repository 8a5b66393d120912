"""LoadFastGenerator on the files that people have: each layout as a small file with its real keys, loaded and sampled in ComfyUI."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.sampling.schedule import Schedule, preset_schedule
from flashmotion_core.wan.config import WanConfig

from ..support import generator_files as layouts
from ..support.sentences import names, refuses
from .helpers import Rig

WEIGHTS = layouts.small_generator()
LATENT = {"samples": torch.zeros(1, 48, 2, 4, 4)}
PREFIXES = (
    "model.",
    "model.diffusion_model.",
    "diffusion_model.",
    "net.",
    "module.",
    "generator_ema.model.",
    "_orig_mod.",
)


def positive() -> list[list[Any]]:
    return [[torch.randn(1, 12, 4096, generator=torch.Generator().manual_seed(1)), {}]]


def load(rig: Rig, layout: layouts.Layout, name: str = "tried.safetensors", **changed: Any) -> Any:
    """LoadFastGenerator's MODEL of the small generator in a layout."""
    metadata = changed.pop("metadata", None)
    layouts.write(rig.tiny["generator"].with_name(name), layout, changed.pop("weights", WEIGHTS), metadata)
    with torch.inference_mode():  # as ComfyUI runs nodes
        return rig.load(generator_name=name, **changed)


def clip(rig: Rig, model: Any, **changed: Any) -> Tensor:
    return rig.sample(model, LATENT, positive=positive(), **changed)


@pytest.fixture(scope="module")
def expected(rig: Rig) -> Tensor:
    """What the generator makes, loaded from the layout that ComfyUI knows best."""
    return clip(rig, load(rig, layouts.prefixed(""), "plain.safetensors"))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix(prefix: str, rig: Rig, expected: Tensor) -> None:
    assert torch.equal(clip(rig, load(rig, layouts.prefixed(prefix))), expected)


@pytest.mark.parametrize("layout", [layouts.checkpoint, layouts.diffusers])
def test_checkpoints_and_diffusers_files(layout: layouts.Layout, rig: Rig, expected: Tensor) -> None:
    assert torch.equal(clip(rig, load(rig, layout)), expected)


def test_what_model_save_writes(rig: Rig, expected: Tensor) -> None:
    from comfy_extras.nodes_model_merging import ModelSave

    model = load(rig, layouts.prefixed(""))
    ModelSave().save(model, "saved/wan", prompt={"1": {"class_type": "turbo fastwan"}})
    (saved,) = rig.tiny["generator"].parents[1].glob("output/saved/wan*.safetensors")
    saved.rename(rig.tiny["generator"].with_name("saved.safetensors"))
    with torch.inference_mode():
        model = rig.load(generator_name="saved.safetensors")
    assert torch.equal(clip(rig, model), expected)


def near(out: Tensor, expected: Tensor) -> float:
    """Correlation of two clips, 1 for the same."""
    return float(torch.corrcoef(torch.stack([out.flatten(), expected.flatten()]))[0, 1])


@pytest.mark.parametrize(
    "layout", [layouts.plain_fp8, layouts.old_scaled_fp8, layouts.new_scaled_fp8, layouts.noted_in_metadata]
)
@pytest.mark.parametrize(
    ("prefix", "inside"),
    [("", True), ("model.diffusion_model.", True), ("model.diffusion_model.", False), ("diffusion_model.", True)],
)
def test_fp8_files(layout: layouts.Layout, prefix: str, inside: bool, rig: Rig, expected: Tensor) -> None:
    """`inside`: whether notes in the metadata name the layers with the prefix, too."""

    def behind(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
        tensors, metadata = layout(weights)
        noted = metadata.get("_quantization_metadata")
        if noted and inside:
            layers = {prefix + key: value for key, value in json.loads(noted)["layers"].items()}
            metadata = {"_quantization_metadata": json.dumps({"layers": layers})}
        return {prefix + key: value for key, value in tensors.items()}, metadata

    out = clip(rig, load(rig, behind))
    assert near(out, expected) > 0.98


def test_fp8_in_diffusers_layout(rig: Rig, expected: Tensor) -> None:
    def both(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
        return layouts.diffusers(layouts.new_scaled_fp8(weights)[0])

    assert near(clip(rig, load(rig, both)), expected) > 0.98


@pytest.mark.parametrize(
    ("name", "layout", "floor"),
    [
        ("int8_tensorwise", "TensorWiseINT8Layout", 0.97),
        ("mxfp8", "TensorCoreMXFP8Layout", 0.97),
        ("nvfp4", "TensorCoreNVFP4Layout", 0.8),
    ],
)
def test_int8_mxfp8_and_nvfp4_as_far_as_this_comfyui_runs_them(
    name: str, layout: str, floor: float, rig: Rig, expected: Tensor
) -> None:
    import comfy.quant_ops

    known = getattr(comfy.quant_ops, "QUANT_ALGOS", {})
    if name in known:
        assert near(clip(rig, load(rig, layouts.comfy_quant(name, layout))), expected) > floor
        return

    def unknown(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
        tensors, metadata = layouts.new_scaled_fp8(weights)
        notes = torch.tensor(list(json.dumps({"format": name}).encode()), dtype=torch.uint8)
        return {
            key: notes.clone() if key.endswith("comfy_quant") else value for key, value in tensors.items()
        }, metadata

    with refuses(key="tried.safetensors", value=name, remedy="update ComfyUI, or choose a file in bf16"):
        load(rig, unknown)


def half(weights: dict[str, Tensor], second: bool) -> dict[str, Tensor]:
    return {key: value for key, value in weights.items() if key.startswith("blocks.1.") == second}


@pytest.mark.parametrize(
    ("kept", "what"),
    [
        (lambda key: key.startswith("blocks.1."), "a part of a Wan generator"),
        (lambda key: not key.startswith("head."), "a part of a Wan generator"),
        (lambda key: key != "blocks.1.ffn.2.weight", "lacks 1 of the"),
        (lambda key: not key.startswith(("blocks.0.cross_attn", "time_projection")), "lacks 12 of the"),
    ],
)
@pytest.mark.parametrize(
    "layout", [layouts.prefixed(""), layouts.prefixed("model.diffusion_model."), layouts.diffusers]
)
def test_a_part_of_a_generator_is_refused(kept: Any, what: str, layout: layouts.Layout, rig: Rig) -> None:
    part = {key: value for key, value in WEIGHTS.items() if kept(key)}
    with refuses(key="part.safetensors", value=what, remedy="join its parts"):
        load(rig, layout, "part.safetensors", weights=part)


def test_a_part_is_told_by_its_name(rig: Rig) -> None:
    name = "diffusion_pytorch_model-00002-of-00003.safetensors"
    with refuses(key=name, value="part 2 of 3", remedy="join all parts of the folder"):
        load(rig, layouts.prefixed(""), name)


@pytest.mark.parametrize(
    ("name", "content", "what", "remedy"),
    [
        ("wan2.safetensors", b"GGUF\x03\x00\x00\x00", "a GGUF file", "Unet Loader (GGUF)"),
        ("wan.safetensors", b"GGUF\x03\x00\x00\x00", "a GGUF file", "preset turbo or fastwan"),
        ("wan.pt", b"\x80\x02\x8a\nl\xfc\x9cF", "the format before zip", "convert it with"),
        ("wan.ckpt", b"PK\x03\x04", "torch's zip format", "convert it with"),
    ],
)
def test_files_that_are_not_safetensors(name: str, content: bytes, what: str, remedy: str, rig: Rig) -> None:
    rig.tiny["generator"].with_name(name).write_bytes(content)
    with refuses(key=name, value=what, remedy=remedy):
        rig.load(generator_name=name)


def test_other_wan_models_are_named_before_their_weights_are_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.sd

    other = layouts.small_generator(
        config=WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=2, in_channels=16, out_channels=16)
    )
    monkeypatch.setattr(comfy.sd, "load_diffusion_model", None)
    with refuses(key="tried.safetensors", value="16 input channels", remedy="choose another file"):
        load(rig, layouts.prefixed(""), weights=other)


def test_a_five_b_with_more_inputs_is_a_wan22(rig: Rig) -> None:
    """Wan2.2-Fun-5B's control and inpainting models: ComfyUI loads them as WAN22 and fills what is not connected with zeros."""
    wide = layouts.small_generator(config=WanConfig(dim=256, ffn_dim=512, num_heads=2, num_layers=2, in_channels=100))
    out = clip(rig, load(rig, layouts.prefixed(""), weights=wide))
    assert out.shape == LATENT["samples"].shape
    assert torch.isfinite(out).all()


def test_keys_without_a_place_are_counted(rig: Rig, caplog: pytest.LogCaptureFixture, expected: Tensor) -> None:
    gates = {f"blocks.{block}.to_gate_compress.weight": torch.zeros(4, 4) for block in (0, 1)}
    with caplog.at_level(logging.INFO):
        model = load(rig, layouts.prefixed(""), weights={**WEIGHTS, **gates})
    names(caplog.text, key="tried.safetensors", value="2 tensors beside its generator", remedy="not used")
    names(caplog.text, key="schedule fastwan (3 steps)", value="its keys")
    assert rig.pack.nodes.attachments.attached_schedule(model).to_json() == preset_schedule("fastwan").to_json()
    assert torch.equal(clip(rig, model, preset="turbo"), expected)


@pytest.mark.parametrize("note", ["[" * 100_000, "{", '{"transformer": {"dim": "x"}}', '{"transformer": 3}'])
def test_hostile_configurations_are_one_sentence(note: str, rig: Rig) -> None:
    with refuses(key="tried.safetensors: the metadata entry config", remedy="export the generator again"):
        load(rig, layouts.prefixed(""), metadata={"config": note})


def own(schedule: Schedule) -> dict[str, str]:
    return {"flashmotion.schedule": schedule.to_json()}


@pytest.mark.parametrize(
    ("name", "metadata", "chosen", "schedule", "said"),
    [
        ("wan.safetensors", {}, "from file", "turbo", "turbo is assumed"),
        ("Wan2_2-TI2V-5B-FastWanFullAttn_bf16.safetensors", {}, "from file", "fastwan", "its name"),
        ("wan2.2_ti2v_5B_turbo.safetensors", {}, "from file", "turbo", "its name"),
        ("wan.safetensors", {"modelspec.title": "FastWan2.2 TI2V 5B"}, "from file", "fastwan", "its metadata"),
        ("wan.safetensors", {"prompt": "FastWan", "workflow": "{}"}, "from file", "turbo", "turbo is assumed"),
        ("turbo.safetensors", own(preset_schedule("fastwan")), "from file", "fastwan", "its metadata"),
        ("turbo.safetensors", {}, "fastwan", "fastwan", "your choice"),
    ],
)
def test_where_the_schedule_comes_from_is_said(
    name: str,
    metadata: dict[str, str],
    chosen: str,
    schedule: str,
    said: str,
    rig: Rig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        model = load(rig, layouts.prefixed(""), name, metadata=metadata, schedule=chosen)
    assert rig.pack.nodes.attachments.attached_schedule(model).to_json() == preset_schedule(schedule).to_json()
    assert rig.pack.nodes.attachments.schedule_is_open(model) == ("assumed" in said)
    names(caplog.text, key=name, value=said) if said != "your choice" else names(caplog.text, value=said)


def test_an_unknown_schedule_is_refused(rig: Rig) -> None:
    with refuses(key="schedule", value='"fast"', remedy='"from file", "turbo", "plain" or "fastwan"'):
        rig.load(schedule="fast")
