"""Adapter files: what they hold, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import (
    ControlNetAdapter,
    MapStyle,
    ResNetAdapter,
    TrajectoryAdapter,
    build_adapter,
    parse_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan.config import TI2V_5B, generator_shapes

from ...support.sentences import names, refuses
from ...support.tiny_adapters import BOTH, TINY, filled, residuals


@BOTH
def test_file_round_trip(kind: type[TrajectoryAdapter], tmp_path: Path) -> None:
    adapter = filled(kind(TINY, inject_after=(0, 2)))  # type: ignore[call-arg]
    path = tmp_path / "adapter.safetensors"
    style, schedule = MapStyle("mask", 1.0, 3), Schedule("custom", (1.0, 0.5), 3.0)
    save_adapter(path, adapter, schedule=schedule, map_style=style, base_fingerprint="0123456789abcdef")
    file = read_adapter(path)
    assert (file.kind, file.schedule, file.map_style, file.base_fingerprint) == (
        adapter.kind,
        schedule,
        style,
        "0123456789abcdef",
    )
    again = build_adapter(file, TINY)
    assert again.config() == adapter.config()
    assert all(torch.equal(a, b) for a, b in zip(residuals(again), residuals(adapter), strict=True))
    assert [entry.name for entry in tmp_path.iterdir()] == ["adapter.safetensors"]


@pytest.mark.parametrize("prefix", ["", "model.", "module.controlnet.", "_fsdp_wrapped_module.model.adapter."])
@pytest.mark.parametrize("name", ["zero_convs.{}", "controlnet_blocks.{}", "zero_linears.{}.proj"])
def test_a_foreign_controlnet_is_recognised(prefix: str, name: str) -> None:
    adapter = filled(ControlNetAdapter(TINY))
    foreign = {}
    for key, value in adapter.state_dict().items():
        parts = key.split(".")
        renamed = name.format(parts[1]) + "." + parts[2] if parts[0] == "zero_convs" else key
        foreign[prefix + renamed] = value
    again = build_adapter(parse_adapter(foreign, None, "foreign.safetensors"), TINY)
    assert all(torch.equal(a, b) for a, b in zip(residuals(again), residuals(adapter), strict=True))


def test_every_unmatched_key_is_named() -> None:
    state = dict(filled(ControlNetAdapter(TINY)).state_dict())
    del state["blocks.1.norm3.bias"]
    state["extra.weight"] = torch.zeros(2)
    state["time_embedding.0.bias"] = torch.zeros(7)
    file = parse_adapter(state, None, "odd.safetensors")
    with refuses(key="odd.safetensors", remedy="export it again") as raised:
        build_adapter(file, TINY)
    for label, key in (
        ("missing", "blocks.1.norm3.bias"),
        ("unknown", "extra.weight"),
        ("wrong shape", "time_embedding.0.bias"),
    ):
        names(raised.value, value=f"{label}: {key}")
    names(raised.value, value="(7,)")


def test_a_controlnet_at_half_resolution_is_refused_by_name(tmp_path: Path) -> None:
    adapter = filled(ControlNetAdapter(TINY))
    save_adapter(tmp_path / "whole.safetensors", adapter)
    state, metadata = read_tensors(tmp_path / "whole.safetensors")
    for value in (True, False):
        config = json.dumps({**adapter.config(), "half_resolution": value})
        save_file(state, tmp_path / f"{value}.safetensors", {**metadata, "flashmotion.config": config})
    with refuses(key="True.safetensors", value="half_resolution is on", remedy="train it again"):
        read_adapter(tmp_path / "True.safetensors")
    assert build_adapter(read_adapter(tmp_path / "False.safetensors"), TINY).config() == adapter.config()


def test_an_adapter_for_another_generator() -> None:
    adapter = filled(ResNetAdapter(TINY))
    metadata = {
        "flashmotion.format": "1",
        "flashmotion.kind": "resnet",
        "flashmotion.config": json.dumps(adapter.config()),
        "flashmotion.schedule": Schedule().to_json(),
        "flashmotion.map": "{}",
    }
    file = parse_adapter(adapter.state_dict(), metadata, "a.safetensors")
    with refuses(
        key="a.safetensors",
        value="width 128 with 3 blocks, but this one has width 3072 with 30 blocks",
        remedy="use it with the generator that it was trained on",
    ):
        build_adapter(file, TI2V_5B)
    sizes = adapter.config()["generator"]
    for config, value, remedy in (
        ({**adapter.config(), "quarter_resolution": True}, "(config.quarter_resolution)", "update FlashMotion"),
        ({"generator": {**sizes, "experts": 2}}, "(config.generator.experts)", "update FlashMotion"),
        ({}, "config.generator is missing", "export the adapter again"),
        ({"generator": {**sizes, "dim": None}}, "config.generator.dim is null", "export the adapter again"),
        ({"generator": {"num_layers": 3}}, "config.generator.dim is missing", "export the adapter again"),
        ({"generator": 3}, "config.generator is 3", "export the adapter again"),
        ([], "config is a list of 0 items", "export the adapter again"),
    ):
        with refuses(key="a.safetensors", value=value, remedy=remedy):
            parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.config": json.dumps(config)}, "a.safetensors")
    with refuses(key="a.safetensors", value="format '2'", remedy="update FlashMotion"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.format": "2"}, "a.safetensors")
    with refuses(key="a.safetensors", value="a FlashMotion 'generator'", remedy="choose another file"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.kind": "generator"}, "a.safetensors")
    with refuses(key="a.safetensors", value='flashmotion.map is "{"', remedy="must be JSON; export the adapter again"):
        parse_adapter(adapter.state_dict(), {**metadata, "flashmotion.map": "{"}, "a.safetensors")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"lora_unet_blocks_0.lora_down.weight": torch.zeros(1, 1)}, "is a LoRA"),
        ({"decoder.22.bias": torch.zeros(12)}, "is a VAE"),
        (
            {"patch_embedding.weight": torch.zeros(5120, 36, 1, 2, 2), "head.modulation": torch.zeros(1, 2, 5120)},
            "the 14B",
        ),
    ],
)
def test_a_file_that_is_no_adapter(state: dict[str, torch.Tensor], words: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_file(state, path)
    with refuses(
        key="wrong.safetensors", value=words, remedy="a trajectory adapter was expected; choose a file of model_patches"
    ):
        read_adapter(path)


def test_truncated_missing_and_pickled_files(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_adapter(path, filled(ResNetAdapter(TINY)))
    path.write_bytes(path.read_bytes()[:-1000])
    with refuses(key="cut.safetensors", value="cut off", remedy="download or copy it again"):
        read_adapter(path)
    (tmp_path / "old.pt").write_bytes(random.Random(0).randbytes(100))
    with refuses(key="old.pt", value="a pickle file", remedy="convert it with python convert.py old.pt"):
        read_adapter(tmp_path / "old.pt")
    with refuses(key="no file", value="none.safetensors", remedy="check the name and folder"):
        read_adapter(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("style", "key", "value", "remedy"),
    [
        ({"mode": "circle"}, "map mode", "'circle'", "'box' or 'mask'"),
        ({"opacity": 0}, "map opacity", "is 0", "above 0 and at most 1"),
        ({"opacity": 1.5}, "map opacity", 1.5, "above 0 and at most 1"),
        ({"thickness": 0}, "thickness", 0, "at least 1 pixel"),
    ],
)
def test_map_styles_that_make_no_sense(style: dict[str, object], key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        MapStyle(**style)  # type: ignore[arg-type]


def test_a_generator_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    weights = {key: torch.zeros(shape) for key, shape in generator_shapes(TINY).items()}
    save_whole(
        path,
        weights,
        {"flashmotion.text": "none", "flashmotion.schedule": Schedule("plain", (1.0, 0.5), 5.0).to_json()},
    )
    info = read_generator_info(path)
    assert (info.config, info.text, info.diffusers_layout) == (TINY, False, False)
    assert info.schedule == Schedule("plain", (1.0, 0.5), 5.0)
    save_whole(path, weights, {})
    assert read_generator_info(path).schedule is None
    assert read_generator_info(path).text


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        save_whole(tmp_path / "taken", {"a": torch.zeros(1)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
