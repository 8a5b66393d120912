"""Quantised adapters and quantised generators, in every format that the field writes, on the real ComfyUI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from flashmotion_core.adapters import build_adapter, read_adapter
from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.wan.quantised import dequantise, layer_formats

from ..support import generator_files as layouts
from ..support.sentences import refuses
from .helpers import Rig, own_rig

FORMATS: dict[str, layouts.Layout] = {
    "fp8": layouts.plain_fp8,
    "fp8_scaled": layouts.old_scaled_fp8,
    "float8_e4m3fn": layouts.new_scaled_fp8,
    "float8_e4m3fn in metadata": layouts.noted_in_metadata,
    "int8_tensorwise": layouts.comfy_quant("int8_tensorwise", "TensorWiseINT8Layout"),
    "mxfp8": layouts.comfy_quant("mxfp8", "TensorCoreMXFP8Layout"),
    "nvfp4": layouts.comfy_quant("nvfp4", "TensorCoreNVFP4Layout"),
}
ROTATED: dict[str, layouts.Layout] = {
    "int8_tensorwise rotated": layouts.comfy_quant(
        "int8_tensorwise", "TensorWiseINT8Layout", notes={"convrot": True}, per_channel=True, convrot=True
    ),
    "convrot_w4a4": layouts.comfy_quant("convrot_w4a4", "TensorCoreConvRotW4A4Layout"),
}
"""Formats whose weights only ComfyUI turns back."""
COARSE = {"nvfp4": 0.01, "convrot_w4a4": 0.02}
FINE = 0.003
"""How far a clip may be from the one before quantisation, as a share of what the adapter changes."""


@pytest.fixture(scope="module")
def rig(pack: ModuleType, comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Two blocks as wide as the groups of rotated weights."""
    return own_rig(pack, tmp_path_factory.mktemp("models"), "rotatable", dim=256, num_heads=2, num_layers=2)


def quantised(rig: Rig, kind: str, name: str) -> Path:
    """One of the tiny models in a format, beside it."""
    tensors, metadata = read_tensors(rig.tiny[kind])
    path = rig.tiny[kind].with_stem(f"{rig.tiny[kind].stem}_{name.replace(' ', '_')}")
    return layouts.write(path, (FORMATS | ROTATED)[name], tensors, metadata)


def controlled(rig: Rig, path: Path, model: Any = None, **changed: Any) -> Any:
    """ApplyFastAdapter with a file."""
    with torch.inference_mode():  # as ComfyUI runs nodes
        return replace(rig, tiny={**rig.tiny, "this": path}).apply("this", model or rig.generator, **changed)


def clip(rig: Rig, model: Any) -> Tensor:
    """Two steps."""
    return rig.sample(model, steps=2)


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def unpacked(path: Path) -> Path:
    """The numbers of a quantised file, in a plain one."""
    tensors, metadata = read_tensors(path)
    plain, _ = dequantise(tensors, layer_formats(tensors, metadata))
    target = path.with_name(f"plain_{path.name}")
    save_whole(target, plain, {key: value for key, value in metadata.items() if key.startswith("flashmotion.")})
    return target


def known(name: str) -> bool:
    """Whether this ComfyUI computes with a format."""
    import comfy.quant_ops

    return name.split()[0].replace("fp8_scaled", "float8_e4m3fn") in comfy.quant_ops.QUANT_ALGOS


@pytest.fixture(scope="module")
def exact(rig: Rig) -> Tensor:
    """With the ControlNet as it was before it was quantised."""
    return clip(rig, rig.apply("controlnet"))


@pytest.fixture(scope="module")
def effect(rig: Rig, exact: Tensor) -> float:
    """What the ControlNet changes."""
    found = distance(clip(rig, rig.generator), exact)
    assert found > 0.3
    return found


@pytest.mark.parametrize("name", [*FORMATS, *ROTATED])
def test_a_quantised_controlnet(
    name: str, rig: Rig, exact: Tensor, effect: float, caplog: pytest.LogCaptureFixture
) -> None:
    path = quantised(rig, "controlnet", name)
    if name in ROTATED and not known(name):
        with refuses(key=path.name, value="quantised as", remedy="choose a file in bf16"):
            controlled(rig, path)
        return
    model = controlled(rig, path)
    out = clip(rig, model)
    assert distance(out, exact) < COARSE.get(name, FINE) * effect
    if name not in ROTATED:  # int8 products round their inputs, too
        assert distance(out, clip(rig, controlled(rig, unpacked(path)))) <= 1e-3 * effect * (name == "int8_tensorwise")
    (patcher,) = model.get_additional_models()
    matrices = [key for key in read_tensors(rig.tiny["controlnet"])[0] if layouts.is_linear(key)]
    kept = [layer for layer in patcher.model.modules() if getattr(layer, "quant_format", None)]
    assert len(kept) == (len(matrices) if known(name) else 0)
    assert (f"{len(matrices)} quantised layers became plain weights" in caplog.text) == (not kept and name != "fp8")
    whole = rig.tiny["controlnet"].stat().st_size
    assert patcher.model_size() < 1.02 * (path.stat().st_size if kept or name == "fp8" else whole)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_file_headless(name: str, rig: Rig) -> None:
    path = quantised(rig, "controlnet", name)
    file = read_adapter(path)
    sizes = load_generator(rig.tiny["generator"], "cpu", torch.float32).info.config
    adapter = build_adapter(file, sizes, dtype=torch.float32)
    expected = read_tensors(unpacked(path))[0]
    for key, value in adapter.state_dict().items():
        torch.testing.assert_close(value, expected[key].float(), rtol=2**-8, atol=0)


@pytest.mark.parametrize("kind", ["resnet", "controlnet"])
def test_what_comfyui_has_no_layers_for_becomes_plain(kind: str, rig: Rig) -> None:
    """Convolutions, and a foreign file, whose layers go under other names."""
    tensors, metadata = read_tensors(rig.tiny[kind])
    if kind == "controlnet":
        tensors = {f"controlnet.{key.replace('zero_convs', 'projections')}": value for key, value in tensors.items()}
        metadata = {}
    made = {}
    for key, value in tensors.items():
        made[key] = value
        if key.endswith("weight") and value.ndim == (4 if kind == "resnet" else 2):
            rows = value.flatten(1).abs().amax(1)
            made[key] = (value / rows.reshape(-1, *(1 for _ in value.shape[1:])) * 127).round().to(torch.int8)
            made[key.removesuffix("weight") + "weight_scale"] = rows / 127
    paths = [rig.tiny[kind].with_stem(f"{rig.tiny[kind].stem}_{name}") for name in ("whole", "rows")]
    for path, state in zip(paths, (tensors, made), strict=True):
        save_whole(path, state, metadata)
    before, after = (clip(rig, controlled(rig, path)) for path in paths)
    assert 0 < distance(after, before) < 0.01 * distance(clip(rig, rig.generator), before)


def test_damaged_layers_are_refused(rig: Rig) -> None:
    path = quantised(rig, "controlnet", "float8_e4m3fn")
    tensors, metadata = read_tensors(path)
    layer = next(key for key in tensors if key.endswith("comfy_quant")).removesuffix("comfy_quant")
    damaged = path.with_stem(f"damaged_{path.stem}")
    for key, value, said, remedy in (
        ("weight_scale", torch.tensor(float("nan")), "NaN or infinite", "export the adapter again"),
        ("weight_scale", torch.ones(3), "[3, 1]", "download the file again"),
        ("comfy_quant", torch.zeros(3, dtype=torch.uint8), "not JSON", "download the file again"),
        ("weight", tensors[f"{layer}weight"][:-1], "wrong shape", "export it again"),
    ):
        save_whole(damaged, tensors | {f"{layer}{key}": value}, metadata)
        with refuses(key=damaged.name, value=said, remedy=remedy):
            controlled(rig, damaged)
    whole = {key: value.to(torch.int8) if layouts.is_linear(key) else value for key, value in tensors.items()}
    save_whole(
        damaged, {key: value for key, value in whole.items() if "scale" not in key and "quant" not in key}, metadata
    )
    with refuses(key=damaged.name, value="int8 weights without scales", remedy="export it again"):
        controlled(rig, damaged)


class Casts(TorchDispatchMode):
    """Counts casts of some tensors to another type."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()
        self.places = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        self.seen = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = args[-1] if func is torch.ops.aten.copy_.default else args[0]
            self.seen += source.dtype != out.dtype and source.untyped_storage().data_ptr() in self.places
        return out


@dataclass(frozen=True)
class Card:
    """What a graphics card with bfloat16 does, on the CPU: a resnet and a ControlNet in bfloat16 one after the other on a generator."""

    rig: Rig
    adapters: list[Path]

    def load(self, path: Path) -> Any:
        with torch.inference_mode():
            return self.rig.load(generator_name=path.name)

    def chain(self, model: Any, **changed: Any) -> Any:
        for path in self.adapters:
            model = controlled(self.rig, path, model, **changed)
        return model


@pytest.fixture(scope="module")
def card(rig: Rig) -> Iterator[Card]:
    import comfy.model_management

    paths = []
    for kind in ("resnet", "controlnet"):
        tensors, metadata = read_tensors(rig.tiny[kind])
        paths.append(rig.tiny[kind].with_stem(f"{rig.tiny[kind].stem}_bf16"))
        save_whole(paths[-1], {key: value.bfloat16() for key, value in tensors.items()}, metadata)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comfy.model_management, "should_use_bf16", lambda *_, **__: True)
        yield Card(rig, paths)


@pytest.fixture(scope="module")
def before(card: Card) -> tuple[Tensor, Tensor]:
    """The generator as it was before it was quantised, alone and with both adapters."""
    model = card.load(card.rig.tiny["generator"])
    assert model.model.get_dtype() == torch.bfloat16
    return clip(card.rig, model), clip(card.rig, card.chain(model))


@pytest.mark.parametrize("name", [*FORMATS, *ROTATED])
def test_a_quantised_generator_with_adapters_in_bf16(name: str, card: Card, before: tuple[Tensor, Tensor]) -> None:
    if name not in ("fp8", "fp8_scaled") and not known(name):
        pytest.skip("this ComfyUI refuses it: test_generator_files.py")
    model = card.load(quantised(card.rig, "generator", name))
    both = card.chain(model)
    assert model.model.get_dtype_inference() == torch.bfloat16
    weights = [value for patcher in both.get_additional_models() for value in patcher.model.parameters()]
    assert {value.dtype for value in weights} == {torch.bfloat16}
    alone = clip(card.rig, model)
    with Casts(weights) as casts:
        out = clip(card.rig, both)
    assert casts.seen == 0
    changed = distance(before[1], before[0])
    assert distance(out, before[1]) < (0.05 if name in COARSE else 0.02) * changed
    assert torch.equal(clip(card.rig, card.chain(model, strength=0.0)), alone)
