"""The converter: pickles and foreign layouts to safetensors, without running anybody's code."""

from __future__ import annotations

import os
from pathlib import Path

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
from flashmotion_core.cli.convert import convert, main
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.keys import to_diffusers
from flashmotion_core.weights import read_tensors

from ..support.sentences import refuses

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
    with refuses(key="checkpoint", value="no entry 'discriminator'", remedy="leave --take out to see what it has"):
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


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": Evil()}, "holds code, which is not run"),
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
    assert words in capsys.readouterr().err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.pt"]


def test_other_bad_input(tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04")
    with refuses(key="cut.pt", value="cut off", remedy="download it again"):
        convert(tmp_path / "cut.pt", tmp_path / "o.safetensors")
    with refuses(key="output", value="o.pt", remedy="must end in .safetensors"):
        convert(tmp_path / "cut.pt", tmp_path / "o.pt")
    with refuses(key="no file", value="none.pt", remedy="check the name and folder"):
        convert(tmp_path / "none.pt", tmp_path / "o.safetensors")
