"""The converter: pickles and foreign layouts to safetensors, without running anybody's code."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.adapters import (
    ControlNetAdapter,
    ResNetAdapter,
    build_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from flashmotion_core.cli.convert import main
from flashmotion_core.cli.convert_file import convert
from flashmotion_core.files import weights
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.sampling.schedule import preset_schedule
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.fingerprint import same_generator
from flashmotion_core.wan.keys import to_diffusers

from ...support.generator_files import small_generator
from ...support.sentences import names, refuses

TINY = WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=2, text_dim=32)
WEIGHTS = {key: torch.full(shape, 0.5) for key, shape in generator_shapes(TINY).items()}


def test_a_nested_prefixed_generator(tmp_path: Path) -> None:
    nested = {
        "step": 7,
        "generator": {f"model.{key}": value for key, value in WEIGHTS.items()},
        "critic": {"a": torch.zeros(1)},
    }
    torch.save(nested, tmp_path / "model.pt")
    convert(tmp_path / "model.pt", tmp_path / "out.safetensors", dtype=torch.bfloat16)
    state, _ = read_tensors(tmp_path / "out.safetensors")
    assert state.keys() == WEIGHTS.keys()
    assert all(value.dtype == torch.bfloat16 for value in state.values())
    info = read_generator_info(tmp_path / "out.safetensors")
    assert info.config == TINY
    assert info.schedule is not None
    assert info.schedule.name == "turbo"


def test_the_ema_is_preferred_and_another_entry_can_be_named(tmp_path: Path) -> None:
    ema = {key: value * 2 for key, value in WEIGHTS.items()}
    torch.save({"generator": WEIGHTS, "generator_ema": ema}, tmp_path / "model.pt")
    for take, factor in ((None, 2.0), ("generator", 1.0)):
        convert(tmp_path / "model.pt", tmp_path / "out.safetensors", take=take)
        state, _ = read_tensors(tmp_path / "out.safetensors")
        assert state["head.head.bias"][0] == 0.5 * factor
    with refuses(
        key="model.pt", value="no entry 'discriminator', but generator, generator_ema", remedy="take one of these"
    ):
        convert(tmp_path / "model.pt", tmp_path / "out.safetensors", take="discriminator")


def test_diffusers_layout_comes_out_in_the_original_one(tmp_path: Path) -> None:
    save_file(to_diffusers(WEIGHTS), tmp_path / "d.safetensors")
    assert read_generator_info(tmp_path / "d.safetensors").diffusers_layout
    convert(tmp_path / "d.safetensors", tmp_path / "o.safetensors", schedule="plain")
    info = read_generator_info(tmp_path / "o.safetensors")
    assert not info.diffusers_layout
    assert info.schedule is not None
    assert info.schedule.sigmas == (1.0, 0.75, 0.5, 0.25)


def test_a_foreign_controlnet_becomes_one_of_ours(tmp_path: Path) -> None:
    state = ControlNetAdapter(TINY).state_dict()
    torch.save(
        {"state_dict": {f"module.{key.replace('zero_convs', 'zero')}": value for key, value in state.items()}},
        tmp_path / "a.pt",
    )
    said = convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    assert "a controlnet adapter for a generator of width 128 with 2 blocks" in said
    build_adapter(read_adapter(tmp_path / "a.safetensors"), TINY)


def test_our_own_adapter_keeps_its_metadata(tmp_path: Path) -> None:
    save_adapter(tmp_path / "r.safetensors", ResNetAdapter(TINY), base_fingerprint="abc")
    convert(tmp_path / "r.safetensors", tmp_path / "half.safetensors", dtype=torch.float16)
    file = read_adapter(tmp_path / "half.safetensors")
    assert (file.kind, file.base_fingerprint) == ("resnet", "abc")
    assert file.state_dict["stem.weight"].dtype == torch.float16


RANDOM = torch.Generator().manual_seed(0)
NOISE = {key: torch.randn(shape, generator=RANDOM) * 0.05 for key, shape in generator_shapes(TINY).items()}
FP8 = torch.float8_e4m3fn


@pytest.mark.parametrize(
    "prefix", ["model.diffusion_model.", "model.", "diffusion_model.", "module.", "_fsdp_wrapped_module.", "generator."]
)
@pytest.mark.parametrize("diffusers", [False, True])
def test_every_prefix_in_either_layout_converts_and_loads(prefix: str, diffusers: bool, tmp_path: Path) -> None:
    keys = to_diffusers(NOISE) if diffusers else NOISE
    save_file({prefix + key: value for key, value in keys.items()}, tmp_path / "in.safetensors")
    convert(tmp_path / "in.safetensors", tmp_path / "out.safetensors")
    state, _ = read_tensors(tmp_path / "out.safetensors")
    assert state.keys() == NOISE.keys()
    assert all(torch.equal(state[key], NOISE[key]) for key in NOISE)
    first, second = (load_generator(tmp_path / f"{name}.safetensors", "cpu", torch.float32) for name in ("in", "out"))
    assert first.fingerprint == second.fingerprint
    assert torch.equal(first.transformer.proj_out.weight, second.transformer.proj_out.weight)


def fp8_scaled(scale_name: str, **beside: torch.Tensor) -> dict[str, torch.Tensor]:
    """Linear layers of the blocks as w / s in float8 and s, the rest in float16."""
    state = dict(beside)
    for key, value in NOISE.items():
        if key.startswith("blocks.") and key.endswith(".weight") and "norm" not in key:
            scale = value.abs().max() / 448
            state |= {key: (value / scale).to(FP8), key.replace("weight", scale_name): scale}
        else:
            state[key] = value.half()
    return state


def noted(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    note = torch.tensor(list(b'{"format": "float8_e4m3fn"}'), dtype=torch.uint8)
    scaled = [key for key in state if key.endswith("weight_scale")]
    return state | {key.replace("weight_scale", "comfy_quant"): note.clone() for key in scaled}


@pytest.mark.parametrize(
    "state",
    [
        fp8_scaled("scale_weight", scaled_fp8=torch.empty(2, dtype=FP8)),
        {f"model.diffusion_model.{key}": value for key, value in fp8_scaled("scale_weight").items()}
        | {"scaled_fp8": torch.empty(0, dtype=FP8)},
        noted(fp8_scaled("weight_scale")),
        {f"model.diffusion_model.{key}": value for key, value in noted(fp8_scaled("weight_scale")).items()},
    ],
    ids=["old", "old with a prefix", "new", "new with a prefix"],
)
def test_scaled_fp8_comes_out_as_the_weights_that_went_in(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(state, tmp_path / "in.safetensors")
    said = convert(tmp_path / "in.safetensors", tmp_path / "out.safetensors", dtype=torch.bfloat16)
    assert "20 quantised layers" in said
    plain, _ = read_tensors(tmp_path / "out.safetensors")
    assert plain.keys() == NOISE.keys()
    assert {value.dtype for value in plain.values()} == {torch.bfloat16}
    for key, value in NOISE.items():
        assert float((plain[key].float() - value).abs().max()) <= 2**-4 * float(value.abs().max()), key
        assert 0.9 < float(plain[key].float().norm() / value.norm()) < 1.1, key
    marks = [
        load_generator(tmp_path / f"{name}.safetensors", "cpu", torch.float32).fingerprint for name in ("in", "out")
    ]
    assert same_generator(*marks) is True
    save_file(NOISE, tmp_path / "before.safetensors")
    assert (
        same_generator(marks[0], load_generator(tmp_path / "before.safetensors", "cpu", torch.float32).fingerprint)
        is True
    )


def sharded(folder: Path) -> Path:
    """diffusers' folder with two parts and their index."""
    state = to_diffusers(NOISE)
    keys = list(state)
    halves = {1: keys[: len(keys) // 2], 2: keys[len(keys) // 2 :]}
    for number, half in halves.items():
        save_file({key: state[key] for key in half}, folder / f"model-0000{number}-of-00002.safetensors")
    names = {key: f"model-0000{number}-of-00002.safetensors" for number, half in halves.items() for key in half}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return index


@pytest.mark.parametrize("by", ["folder", "index"])
def test_a_sharded_model_is_read_by_its_folder_or_index(by: str, tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    index = sharded(tmp_path / "transformer")
    source = tmp_path if by == "folder" else index
    convert(source, tmp_path / "out.safetensors")
    state, _ = read_tensors(tmp_path / "out.safetensors")
    assert all(torch.equal(state[key], NOISE[key]) for key in NOISE)
    assert load_generator(source, "cpu", torch.float32).info.config == TINY


def test_a_part_of_a_sharded_file_says_so(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    part = tmp_path / "model-00002-of-00002.safetensors"
    for read in (lambda path: convert(path, tmp_path / "o.safetensors"), read_generator_info):
        with refuses(
            key=part.name, value="part 2 of 2", remedy="give the folder that holds all parts, or its index file"
        ):
            read(part)
    renamed = tmp_path / "renamed.safetensors"
    part.rename(renamed)
    with refuses(
        key="renamed.safetensors", value="a part of a Wan generator (blocks", remedy="give the folder of all its parts"
    ):
        read_generator_info(renamed)
    with refuses(key=index.name, value="model-00002-of-00002.safetensors", remedy="download it too"):
        convert(index, tmp_path / "o.safetensors")
    renamed.rename(tmp_path / "model-00003-of-00003.safetensors")
    index.unlink()
    with refuses(
        key=str(tmp_path), value="2 safetensors files that are not the parts", remedy="download what is missing"
    ):
        convert(tmp_path, tmp_path / "o.safetensors")


def test_a_pickle_of_the_format_before_zip_is_converted(tmp_path: Path) -> None:
    torch.save(
        {"generator": {f"model.{key}": value for key, value in NOISE.items()}},
        tmp_path / "old.pth",
        _use_new_zipfile_serialization=False,
    )
    convert(tmp_path / "old.pth", tmp_path / "out.safetensors")
    assert torch.equal(read_tensors(tmp_path / "out.safetensors")[0]["head.head.weight"], NOISE["head.head.weight"])
    with refuses(key="old.pth", value="format before zip", remedy="convert it with python convert.py old.pth"):
        load_generator(tmp_path / "old.pth", "cpu", torch.float32)


@pytest.mark.parametrize("suffix", ["gguf", "safetensors", "pt"])
def test_a_gguf_file_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"wan.{suffix}"
    path.write_bytes(b"GGUF\x03\x00\x00\x00")
    with refuses(key=path.name, value="a GGUF file", remedy="Unet Loader (GGUF)"):
        convert(path, tmp_path / "o.safetensors")
    with refuses(key=path.name, value="a GGUF file", remedy="Unet Loader (GGUF)"):
        load_generator(path, "cpu", torch.float32)


def test_what_training_leaves_beside_the_weights_is_counted(tmp_path: Path) -> None:
    state = {
        "app": {
            "generator": {f"_fsdp_wrapped_module.model.{key}": value for key, value in NOISE.items()},
            "critic": {f"model.{key}": value for key, value in NOISE.items()},
            "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-6}]},
        },
        "step": 1000,
    }
    torch.save(state, tmp_path / "model.pt")
    said = convert(tmp_path / "model.pt", tmp_path / "out.safetensors")
    assert "taken: app.generator.model" in said
    assert f"{len(NOISE) + 1} tensors of other networks left out" in said
    assert read_tensors(tmp_path / "out.safetensors")[0].keys() == NOISE.keys()


def test_a_distributed_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "step_1").mkdir()
    (tmp_path / "step_1" / "__0_0.distcp").write_bytes(b"")
    with refuses(key="step_1", value="distributed checkpoint", remedy="dcp_to_torch"):
        convert(tmp_path / "step_1", tmp_path / "o.safetensors")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": Evil()}, "holds code, which is not run"),
        ({"state_dict": Evil()}, "(unsupported GLOBAL "),
        ({"epoch": 3}, "holds no weights"),
        ([1, 2], "is a list"),
        ({"lora_unet.lora_down.weight": torch.zeros(1, 1)}, "is a LoRA"),
    ],
)
def test_what_cannot_be_converted(
    content: object, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "in.pt")
    assert main(["in.pt", "out.safetensors"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.pt"]


def test_other_bad_input(tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04")
    with refuses(key="cut.pt", value="cut off", remedy="download it again"):
        convert(tmp_path / "cut.pt", tmp_path / "o.safetensors")
    (tmp_path / "text.pt").write_text("hello")
    with refuses(key="text.pt", value="not a checkpoint", remedy="choose another file") as raised:
        convert(tmp_path / "text.pt", tmp_path / "o.safetensors")
    assert "mmap" not in str(raised.value)
    with refuses(key="output", value="o.pt", remedy="must end in .safetensors"):
        convert(tmp_path / "cut.pt", tmp_path / "o.pt")
    with refuses(key="no file", value="none.pt", remedy="check the name and folder"):
        convert(tmp_path / "none.pt", tmp_path / "o.safetensors")


@pytest.mark.parametrize("channels", [16, 36, 100])
def test_another_wan_is_named(channels: int, tmp_path: Path) -> None:
    weights = small_generator() | {"patch_embedding.weight": torch.zeros(256, channels, 1, 2, 2)}
    save_file(weights, tmp_path / "other.safetensors")
    with refuses(key="other.safetensors", value=f"{channels} input channels", remedy="choose another file"):
        convert(tmp_path / "other.safetensors", tmp_path / "o.safetensors")


def test_the_schedule_of_a_generator_is_known_asked_for_or_said_to_be_assumed(tmp_path: Path) -> None:
    for name, metadata, schedule, written, said in (
        ("model.safetensors", {}, None, "turbo", "schedule turbo, assumed"),
        ("model.safetensors", {}, "plain", "plain", ""),
        ("FastWan2.2.safetensors", {}, None, "fastwan", "schedule fastwan, by its name"),
        ("model.safetensors", {"modelspec.title": "FastWan 5B"}, None, "fastwan", "schedule fastwan, by its metadata"),
        ("turbo.safetensors", {"flashmotion.schedule": preset_schedule("fastwan").to_json()}, None, "fastwan", ""),
    ):
        save_file(WEIGHTS, tmp_path / name, metadata)
        sentence = convert(tmp_path / name, tmp_path / "out.safetensors", schedule=schedule)
        info = read_generator_info(tmp_path / "out.safetensors")
        assert info.schedule is not None
        assert info.schedule.name == written
        assert ("schedule" in sentence) == bool(said)
        assert said in sentence


def test_a_generator_of_another_format_is_not_converted(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "later.safetensors", {"flashmotion.format": "9", "flashmotion.kind": "generator"})
    with refuses(key="later.safetensors", value="'9'", remedy="update FlashMotion"):
        convert(tmp_path / "later.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_signal_while_the_file_is_written_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal comes once the unfinished file is there."""
    save_file(WEIGHTS, tmp_path / "in.safetensors")
    real = weights.save_file

    def interrupted(*args: Any, **rest: Any) -> None:
        real(*args, **rest)
        assert list(tmp_path.glob("*.part"))
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(weights, "save_file", interrupted)
    assert main([str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors")]) == 128 + signal.SIGTERM
    names(capsys.readouterr().err, key="stopped by SIGTERM", value="no file was written")
    assert [path.name for path in tmp_path.iterdir()] == ["in.safetensors"]
