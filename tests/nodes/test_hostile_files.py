"""Files that a stranger made, in a real ComfyUI: LoadFastGenerator and ApplyFastAdapter refuse them as plain ValueErrors of one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from flashmotion_core.files.weights import read_tensors, save_whole

from ..support.sentences import refuses
from .helpers import Rig

Change = Callable[[dict[str, torch.Tensor], dict[str, str]], Any]


def write(rig: Rig, kind: str, change: Change) -> str:
    """A changed copy of a tiny model, beside it; returns its name."""
    tensors, metadata = read_tensors(rig.tiny[kind])
    change(tensors, metadata)
    path = rig.tiny[kind].with_name(f"hostile_{kind}.safetensors")
    save_whole(path, tensors, metadata)
    return path.name


def entry(name: str, text: str) -> Change:
    return lambda tensors, metadata: metadata.update({name: text})


def config(**values: Any) -> Change:
    def change(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
        metadata["flashmotion.config"] = json.dumps(json.loads(metadata["flashmotion.config"]) | values)

    return change


def spoil(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    tensors["stem.bias"][0] = torch.nan


def quantise(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    tensors["stem.weight"] = tensors["stem.weight"].to(torch.int8)


@pytest.mark.parametrize(
    ("change", "key", "value", "remedy"),
    [
        (spoil, "stem.bias", "NaN or infinite", "export the adapter again"),
        (quantise, "stem.weight", "int8", "quantised with scales; export it again"),
        (config(groups=0), "config.groups", "is 0", "export the adapter again"),
        (config(inject_after=3), "config.inject_after", "is 3", "export the adapter again"),
        (config(width="8"), "config.width", '"8"', "export the adapter again"),
        (config(width=10**12), "config.width", 10**12, "export the adapter again"),
        (
            entry("flashmotion.config", "[" * 100_000),
            "flashmotion.config",
            "100,000 characters",
            "export the adapter again",
        ),
        (entry("flashmotion.format", "9"), "format '9'", "reads '1'", "update FlashMotion"),
    ],
)
def test_an_adapter_that_cannot_be_used(change: Change, key: str, value: object, remedy: str, rig: Rig) -> None:
    name = write(rig, "resnet", change)
    with refuses(key=key, value=value, remedy=remedy) as raised:
        rig.apply("resnet", adapter_name=name)
    assert name in str(raised.value)
    assert type(raised.value) is ValueError


@pytest.mark.parametrize(
    ("change", "key", "value", "remedy"),
    [
        (entry("flashmotion.format", "9"), "format '9'", "reads '1'", "update FlashMotion"),
        (entry("flashmotion.schedule", "[" * 10_000), "flashmotion.schedule", "nested deeper", "export the"),
        (entry("config", '{"transformer": {"num_heads": 0}}'), "config.transformer.num_heads", "is 0", "export the"),
        (entry("config", '{"transformer": {"dim": 65536}}'), "config", "dim is 65536", "export the"),
        (entry("config", "[" * 10_000), "config", "nested deeper", "export the"),
    ],
)
def test_a_generator_that_cannot_be_used(change: Change, key: str, value: object, remedy: str, rig: Rig) -> None:
    name = write(rig, "generator", change)
    with refuses(key=key, value=value, remedy=remedy) as raised:
        rig.load(generator_name=name)
    assert name in str(raised.value)
    assert type(raised.value) is ValueError
