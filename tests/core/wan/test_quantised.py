"""Quantised files give back the weights that were quantised, to the error of their format."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from flashmotion_core.wan.quantised import FLOATS, dequantise, half_steps, layer_formats, weight_rows

from ...support.sentences import refuses

WEIGHT = torch.randn(256, 192, generator=torch.Generator().manual_seed(0)) * 0.02
FP8 = torch.float8_e4m3fn


def note(**settings: object) -> Tensor:
    return torch.tensor(list(json.dumps(settings).encode()), dtype=torch.uint8)


def fp8(weight: Tensor, scale: Tensor, name: str = "weight_scale") -> dict[str, Tensor]:
    return {"a.weight": (weight / scale).to(FP8), "a.bias": torch.ones(3), f"a.{name}": scale}


def layouts() -> dict[str, dict[str, Tensor]]:
    whole = WEIGHT.abs().max() / 448
    rows = WEIGHT.abs().amax(1, keepdim=True) / 448
    blocks = WEIGHT.unflatten(0, (2, 128)).unflatten(2, (3, 64)).abs().amax((1, 3)) / 448
    spread = blocks.repeat_interleave(128, 0).repeat_interleave(64, 1)
    marker = {"scaled_fp8": torch.empty(2, dtype=FP8)}
    new = {"a.comfy_quant": note(format="float8_e4m3fn"), "a.input_scale": torch.ones(())}
    integers = WEIGHT.abs().amax(1, keepdim=True) / 127
    return {
        "old": fp8(WEIGHT, whole, "scale_weight") | marker | {"a.scale_input": torch.ones(1)},
        "old per row": fp8(WEIGHT, rows, "scale_weight") | marker,
        "new": fp8(WEIGHT, whole) | new,
        "new per row": fp8(WEIGHT, rows) | {"a.weight_scale": rows.flatten()} | new,
        "new per block": fp8(WEIGHT, spread) | {"a.weight_scale": blocks} | new,
        "no note": fp8(WEIGHT, whole),
        "plain": {"a.weight": WEIGHT.to(FP8), "a.bias": torch.ones(3)},
        "int8": {
            "a.weight": (WEIGHT / integers).round().to(torch.int8),
            "a.weight_scale": integers,
            "a.comfy_quant": note(format="int8_tensorwise"),
            "a.bias": torch.ones(3),
        },
    }


@pytest.mark.parametrize("layout", layouts())
def test_weights_come_back_to_the_formats_error_and_no_scale_is_left(layout: str) -> None:
    state = layouts()[layout]
    plain, changed = dequantise(state, dtype=torch.bfloat16)
    assert plain.keys() == {"a.weight", "a.bias"}
    assert changed == ["a.weight"]
    assert plain["a.weight"].dtype == torch.bfloat16
    error = weight_rows(state, layer_formats(state), "a.weight", steps=True)
    difference = (plain["a.weight"].float() - WEIGHT).abs()
    assert bool((difference <= error * 1.001 + plain["a.weight"].abs() * 2**-8).all())
    assert float(difference.mean() / WEIGHT.abs().mean()) < 0.03 + 0.3 * (layout == "plain")


@pytest.mark.parametrize(
    ("name", "limit"), [("TensorCoreNVFP4Layout", 0.12), ("TensorCoreMXFP8Layout", 0.04), ("TensorCoreFP8Layout", 0.04)]
)
def test_comfy_kitchens_own_files(name: str, limit: float) -> None:
    kitchen = pytest.importorskip("comfy_kitchen.tensor")
    quantised = kitchen.QuantizedTensor.from_float(WEIGHT, name)
    format_of = {
        "TensorCoreNVFP4Layout": "nvfp4",
        "TensorCoreMXFP8Layout": "mxfp8",
        "TensorCoreFP8Layout": "float8_e4m3fn",
    }
    state = dict(quantised.state_dict("a.weight")) | {"a.comfy_quant": note(format=format_of[name])}
    plain, _ = dequantise(state)
    assert torch.equal(plain["a.weight"], quantised.dequantize())
    assert float((plain["a.weight"] - WEIGHT).norm() / WEIGHT.norm()) < limit
    some = torch.tensor([3, 130, 255])
    assert torch.equal(weight_rows(state, layer_formats(state), "a.weight", some), plain["a.weight"][some])


def test_a_file_may_keep_its_notes_in_the_metadata() -> None:
    state = {"a.weight": torch.ones(4, 4, dtype=torch.int8), "a.weight_scale": torch.tensor(0.5)}
    metadata = {"_quantization_metadata": json.dumps({"layers": {"a": {"format": "int8_tensorwise"}}})}
    assert float(dequantise(state, layer_formats(state, metadata))[0]["a.weight"][0, 0]) == 0.5


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (
            {"a.weight": torch.ones(4, 4, dtype=torch.int8), "a.comfy_quant": note(format="int8_tensorwise")},
            "without a scale",
        ),
        (
            {"a.weight": torch.ones(4, 4, dtype=torch.int8), "a.weight_scale": torch.ones(1)}
            | {"a.comfy_quant": note(format="int8_tensorwise", convrot=True)},
            "rotated",
        ),
        (
            {
                "a.weight": torch.ones(4, 2, dtype=torch.int8),
                "a.weight_scale": torch.ones(4),
                "a.comfy_quant": note(format="convrot_w4a4"),
            },
            "convrot_w4a4",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name(state: dict[str, Tensor], value: str) -> None:
    with refuses(key="layer a", value=value, remedy="choose a file in bf16"):
        dequantise(state)


def test_damaged_scales_and_notes_are_refused() -> None:
    with refuses(key="scale of a", value="[3, 1]", remedy="download"):
        dequantise(fp8(WEIGHT, torch.ones(())) | {"a.weight_scale": torch.ones(3)})
    with refuses(key="comfy_quant", remedy="download"):
        dequantise({"a.weight": WEIGHT, "a.comfy_quant": torch.ones(3, dtype=torch.uint8)})
    with refuses(key="scales of a", value="4 bytes", remedy="download"):
        dequantise(
            {
                "a.weight": torch.zeros(32, 32, dtype=torch.uint8),
                "a.weight_scale": torch.ones(4).to(FP8),
                "a.comfy_quant": note(format="nvfp4"),
            }
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, FP8, torch.float8_e5m2])
def test_half_steps_bound_the_rounding(dtype: torch.dtype) -> None:
    exact = torch.randn(4096, generator=torch.Generator().manual_seed(1)) * torch.logspace(-6, 1, 4096)
    stored = exact.to(dtype).float()
    steps = half_steps(stored, *FLOATS[dtype])
    assert bool(((stored - exact).abs() <= steps).all())
    assert float(((stored - exact).abs() / steps).max()) > 0.95
