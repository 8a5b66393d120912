"""What files say about themselves: hostile metadata is refused in one sentence at load, and what is written is what is read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import (
    ControlNetAdapter,
    MapStyle,
    ResNetAdapter,
    build_adapter,
    construct_adapter,
    parse_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from flashmotion_core.adapters.adapter_file import generator_info
from flashmotion_core.files.weights import save_whole
from flashmotion_core.metadata.bounded_json import MAX_CHARACTERS, read_json
from flashmotion_core.metadata.entries import adapter_metadata, generator_metadata
from flashmotion_core.sampling.schedule import Schedule
from flashmotion_core.wan.config import WanConfig, generator_shapes

from ...support.sentences import refuses

ROOT = Path(__file__).resolve().parents[3]
SMALL = WanConfig(dim=128, ffn_dim=192, num_heads=2, num_layers=3, text_dim=32)
KINDS = {"resnet": ResNetAdapter, "controlnet": ControlNetAdapter}
AGAIN = "export the adapter again"


def metadata_of(kind: str = "resnet") -> dict[str, str]:
    config = KINDS[kind](SMALL, device="meta").config()
    return adapter_metadata(kind, config, Schedule(), MapStyle(), "0123456789abcdef")


def changed(kind: str, changes: dict[str, Any]) -> dict[str, str]:
    """Metadata whose configuration has other values; dotted names reach into the generator's sizes."""
    config = json.loads(metadata_of(kind)["flashmotion.config"])
    for name, value in changes.items():
        place, _, last = name.rpartition(".")
        (config[place] if place else config)[last] = value
    return {**metadata_of(kind), "flashmotion.config": json.dumps(config)}


def load(metadata: dict[str, str], kind: str = "resnet") -> None:
    """Everything that happens to an adapter before sampling."""
    state = {key: torch.zeros(value.shape) for key, value in KINDS[kind](SMALL, device="meta").state_dict().items()}
    build_adapter(parse_adapter(state, metadata, "a.safetensors"), SMALL)


@pytest.mark.parametrize("kind", KINDS)
def test_the_unchanged_metadata_loads(kind: str) -> None:
    load(metadata_of(kind), kind)


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"groups": 0}, "config.groups", 0),
        ({"groups": 3}, "config", "a multiple of the 3 groups"),
        ({"inject_after": 3}, "config.inject_after", 3),
        ({"inject_after": [0, 1, 1]}, "injection points", "[0, 1, 1]"),
        ({"inject_after": [0, True]}, "config.inject_after.1", "true"),
        ({"inject_after": list(range(300))}, "config.inject_after", "a list of 300 items"),
        ({"width": "8"}, "config.width", '"8"'),
        ({"width": True}, "config.width", "true"),
        ({"width": 128.0}, "config.width", 128.0),
        ({"width": 10**12, "groups": 1}, "config.width", 10**12),
        ({"width": -32}, "config.width", -32),
        ({"control_channels": None, "width": None}, "config.width", "null"),
        ({"generator.dim": [128]}, "config.generator.dim", "a list of 1 items"),
        ({"generator.num_layers": 10**9}, "config.generator.num_layers", 10**9),
        ({"generator.patch_size": [1, 2]}, "config.generator.patch_size", "a list of 2 items"),
        ({"generator.patch_size": [1, 0, 2]}, "config.generator.patch_size.1", 0),
        ({"generator.patch_size": [1, 2, 10**9]}, "config.generator.patch_size.2", 10**9),
        ({"generator.num_heads": 7}, "config.generator", "num_heads is 7"),
        ({"generator.num_heads": 0}, "config.generator.num_heads", 0),
    ],
)
def test_a_configuration_out_of_range(changes: dict[str, Any], key: str, value: object) -> None:
    with refuses(
        key=f"a.safetensors: its metadata entry flashmotion.{key}" if "." in key else key, value=value, remedy=AGAIN
    ):
        load(changed("resnet", changes))


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"control_channels": 16}, "control_channels 16, not 48"),
        ({"generator.in_channels": 47}, "in_channels 47, not 48"),
        ({"generator.text_dim": 64}, "text_dim 64, not 32"),
        ({"generator.patch_size": [1, 1, 1]}, "patch_size (1, 1, 1), not (1, 2, 2)"),
    ],
)
def test_sizes_that_would_fail_in_sampling(changes: dict[str, Any], value: str) -> None:
    with refuses(key="a.safetensors", value=value, remedy="use it with the generator that it was trained on"):
        load(changed("controlnet", changes), "controlnet")


@pytest.mark.parametrize("entry", ["config", "schedule", "map"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[" * 100_000, "100,000 characters"),
        ("[" * 10_000, "nested deeper than the 16 levels"),
        ('{"a":' * 17 + "1" + "}" * 17, "nested deeper than the 16 levels"),
        ('{"a": 1e400}', '"1e400"'),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"a": 1, "a": 2}', '"a" twice'),
        ("[]", "a list of 0 items"),
        ("null", "null"),
        ("", '""'),
        (r'{"\ud800": 1}', "half of a surrogate pair"),
    ],
)
def test_texts_that_are_no_entry(entry: str, text: str, value: str) -> None:
    with refuses(key=f"a.safetensors: its metadata entry flashmotion.{entry}", value=value):
        load({**metadata_of(), f"flashmotion.{entry}": text})


@pytest.mark.parametrize(
    ("entry", "text", "key", "value"),
    [
        ("schedule", '{"name": "x", "sigmas": [1, true], "shift": 5}', "schedule.sigmas.1", "true"),
        ("schedule", '{"name": "x", "sigmas": [1, "0.5"], "shift": 5}', "schedule.sigmas.1", '"0.5"'),
        ("schedule", '{"name": "x", "sigmas": [1, 0.9999999], "shift": 5}', "the sigmas", "[1.0, 0.9999999]"),
        ("schedule", '{"name": "x", "sigmas": [5e-324], "shift": 5}', "the sigmas", "5e-324"),
        ("schedule", '{"name": "x", "sigmas": [0], "shift": 5}', "the sigmas", "[0.0]"),
        ("schedule", '{"name": "x", "sigmas": [], "shift": 5}', "schedule.sigmas", "a list of 0 items"),
        ("schedule", '{"name": "x", "sigmas": [1], "shift": 1e308}', "the shift", "1e+308"),
        ("schedule", '{"name": "x", "sigmas": [1], "shift": false}', "schedule.shift", "false"),
        ("schedule", '{"name": 3, "sigmas": [1], "shift": 5}', "schedule.name", 3),
        ("schedule", '{"name": "\\n", "sigmas": [1], "shift": 5}', "schedule.name", r'"\n"'),
        ("map", '{"mode": "circle"}', "map.mode", '"circle"'),
        ("map", '{"opacity": true}', "map.opacity", "true"),
        ("map", '{"opacity": 0}', "map opacity", "0"),
        ("map", '{"thickness": 1000000000}', "thickness", 10**9),
        ("map", '{"thickness": 1.5}', "map.thickness", 1.5),
        ("base", "", "flashmotion.base", '""'),
        ("base", "x" * 70_000, "flashmotion.base", "xxx..."),
    ],
)
def test_schedules_maps_and_marks_out_of_range(entry: str, text: str, key: str, value: object) -> None:
    with refuses(key=key, value=value, remedy=AGAIN):
        load({**metadata_of(), f"flashmotion.{entry}": text})


@pytest.mark.parametrize("entry", ["format", "kind", "config", "schedule", "map"])
def test_an_entry_that_is_missing(entry: str) -> None:
    metadata = metadata_of()
    del metadata[f"flashmotion.{entry}"]
    with refuses(key="a.safetensors", value={"format": "none", "kind": "''"}.get(entry, f"{entry} is missing")):
        load(metadata)


def test_entries_of_other_programs_are_left_alone() -> None:
    load({**metadata_of(), "modelspec.title": "[" * 100_000, "flashmotion.note": "of a later version"})


# Generators


def info_of(metadata: dict[str, str]) -> Any:
    return generator_info(generator_shapes(SMALL), metadata)


def test_a_generator_of_another_format_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_whole(
        path, {key: torch.zeros(shape) for key, shape in generator_shapes(SMALL).items()}, {"flashmotion.format": "9"}
    )
    with refuses(
        key="generator.safetensors", value="format '9', but this version reads '1'", remedy="update FlashMotion"
    ):
        read_generator_info(path)


@pytest.mark.parametrize(
    ("entries", "key", "value"),
    [
        ({"flashmotion.schedule": "[" * 100_000}, "flashmotion.schedule", "100,000 characters"),
        ({"flashmotion.schedule": "{}"}, "flashmotion.schedule.name", "missing"),
        ({"flashmotion.text": "maybe"}, "flashmotion.text", '"maybe"'),
        ({"flashmotion.kind": "resnet"}, "flashmotion.kind", '"resnet"'),
        ({"config": "[" * 10_000}, "config", "nested deeper"),
        ({"config": "[]"}, "config", "a list of 0 items"),
        ({"config": '{"transformer": 3}'}, "config.transformer", 3),
        ({"config": '{"transformer": {"num_heads": 0}}'}, "config.transformer.num_heads", 0),
        ({"config": '{"transformer": {"num_heads": "2"}}'}, "config.transformer.num_heads", '"2"'),
        ({"config": '{"transformer": {"num_heads": 7}}'}, "config", "num_heads is 7"),
        ({"config": '{"transformer": {"dim": 1000000000000}}'}, "config.transformer.dim", 10**12),
        ({"config": '{"transformer": {"dim": 65536}}'}, "config", "dim is 65536, but the weights have 128"),
        ({"config": '{"transformer": {"text_dim": 4096}}'}, "config", "text_dim is 4096, but the weights have 32"),
        ({"config": '{"transformer": {"in_dim": 16}}'}, "config", "in_dim is 16, but the weights have 48"),
        ({"config": '{"transformer": {"model_type": "vace"}}'}, "config.transformer.model_type", '"vace"'),
    ],
)
def test_hostile_entries_of_a_generator(entries: dict[str, str], key: str, value: object) -> None:
    with refuses(key=key, value=value, remedy="export the generator again"):
        info_of(entries)


def test_an_argument_that_comfyui_does_not_have_is_named() -> None:
    with refuses(key="metadata entry config", value="transformer.experts", remedy="update FlashMotion"):
        info_of({"config": '{"transformer": {"experts": 2}}'})


def test_block_numbers_of_many_digits_are_not_counted() -> None:
    shapes = {**generator_shapes(SMALL), "blocks.999999999.norm3.bias": (1,), f"blocks.{'9' * 5000}.x": (1,)}
    assert generator_info(shapes, generator_metadata(SMALL, None, text=True)).config.num_layers == 3


# Weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_that_are_not_finite(kind: str, bad: float, dtype: torch.dtype, tmp_path: Path) -> None:
    adapter = KINDS[kind](SMALL).to(dtype)
    with torch.no_grad():
        for value in adapter.parameters():
            value.fill_(0.5)
        adapter.zero_convs[1].bias[77] = bad
    save_adapter(tmp_path / "a.safetensors", adapter)
    with refuses(key="a.safetensors", value="zero_convs.1.bias", remedy="export the adapter again"):
        read_adapter(tmp_path / "a.safetensors")


def test_large_finite_weights_are_taken() -> None:
    state = {key: torch.full(value.shape, 3e38) for key, value in ResNetAdapter(SMALL).state_dict().items()}
    assert parse_adapter(state, metadata_of(), "a.safetensors").state_dict.keys() == state.keys()


def test_unscaled_float8_weights_are_taken_and_their_nan_is_not() -> None:
    state = {key: value.to(torch.float8_e4m3fn) for key, value in ResNetAdapter(SMALL).state_dict().items()}
    assert parse_adapter(state, metadata_of(), "a.safetensors").state_dict.keys() == state.keys()
    state["stem.bias"][3] = float("nan")
    with refuses(key="a.safetensors", value="stem.bias", remedy="export the adapter again"):
        parse_adapter(state, metadata_of(), "a.safetensors")


def test_weights_of_whole_numbers_are_refused(tmp_path: Path) -> None:
    state = {
        key: torch.zeros(value.shape, dtype=torch.int8) for key, value in ResNetAdapter(SMALL).state_dict().items()
    }
    save_file(state, tmp_path / "a.safetensors", metadata_of())
    with refuses(key="a.safetensors", value="int8", remedy="export it again"):
        read_adapter(tmp_path / "a.safetensors")


def test_a_file_of_too_many_empty_tensors_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "many.safetensors"
    header = {
        f"blocks.{index}.zero.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        for index in range(100_000)
    }
    text = json.dumps({**header, "__metadata__": metadata_of()}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    for read in (read_adapter, read_generator_info):
        start = time.perf_counter()
        with refuses(key="many.safetensors", value="100,000 tensors", remedy="choose another file"):
            read(path)
        assert time.perf_counter() - start < 1


# One truth


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_again_is_not_written(kind: str, tmp_path: Path) -> None:
    with refuses(key="flashmotion.base", value="two words", remedy="correct it before writing"):
        save_adapter(tmp_path / "a.safetensors", KINDS[kind](SMALL), base_fingerprint="two words")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("schedule", [None, Schedule("custom", (0.9, 0.5), 3.0)])
def test_a_generators_metadata_is_read_as_it_was_written(text: bool, schedule: Schedule | None) -> None:
    info = info_of(generator_metadata(SMALL, schedule, text=text))
    assert (info.config, info.text, info.schedule) == (SMALL, text, schedule)


def test_the_tiny_models_still_load() -> None:
    info = read_generator_info(ROOT / "assets/tiny/diffusion_models/flashmotion_tiny_generator.safetensors")
    paths = sorted((ROOT / "assets/tiny/model_patches").glob("*.safetensors"))
    assert info.schedule
    assert paths
    for path in paths:
        assert construct_adapter(read_adapter(path), info.config).inject_after


def test_json_up_to_the_limits_is_read() -> None:
    deep = "[" * 16 + "]" * 16
    assert json.dumps(read_json(deep, "x", "y")).replace(" ", "") == deep
    assert read_json(f'"{"a" * (MAX_CHARACTERS - 2)}"', "x", "y") == "a" * (MAX_CHARACTERS - 2)
    assert read_json("[-999999999999999999, 1e308]", "x", "y") == [-(10**18) + 1, 1e308]


def test_the_packs_start_does_not_import_pydantic() -> None:
    program = "import sys, flashmotion_core.adapters, flashmotion_core.wan.config; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
