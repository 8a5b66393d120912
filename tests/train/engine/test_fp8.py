"""Frozen layers in 8 bits: how large their error is, and that gradients pass through."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from flashmotion_core.acceleration.fp8 import Fp8Linear, store_as_fp8
from train.engine.checkpointing import checkpoint_blocks

from ...support.sentences import refuses


def frozen(dtype: torch.dtype = torch.float32) -> nn.ModuleDict:
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64, bias=False))
    return nn.ModuleDict({"block": block, "small": nn.Linear(8, 64)}).to(dtype).requires_grad_(False)


def test_only_large_linear_layers_are_replaced() -> None:
    model = frozen(torch.bfloat16)
    bias = model["block"][0].bias
    saved = store_as_fp8(model)
    assert saved == 2 * 64 * 128 - 4 * (64 + 128)
    kinds = [type(layer) for layer in (model["block"][0], model["block"][2], model["small"])]
    assert kinds == [Fp8Linear, Fp8Linear, nn.Linear]
    layer = model["block"][0]
    assert layer.bias is bias
    assert layer.weight.dtype == torch.float8_e4m3fn
    assert layer.scale.shape == (128, 1)
    assert store_as_fp8(model) == 0


@pytest.mark.parametrize("size", [1e-6, 0.02, 30.0])
def test_the_error(size: float) -> None:
    torch.manual_seed(1)
    linear = nn.Linear(1024, 512, bias=False).requires_grad_(False)
    linear.weight.normal_().mul_(size)
    linear.weight[3] = 0
    linear.weight[5, 7] = 100 * size  # an outlier costs its row nothing but range
    stored = Fp8Linear(linear)
    x = torch.randn(256, 1024)
    product, exact = stored(x), x @ linear.weight.T
    assert torch.equal(product[:, 3], exact[:, 3])
    assert float((product - exact).norm() / exact.norm()) == pytest.approx(0.026, abs=0.001)
    error = stored(torch.eye(1024)).T - linear.weight  # its rows, relative, are the expected error of their products
    rows = (error.norm(dim=1) / linear.weight.norm(dim=1))[torch.arange(512) != 3]
    assert rows.max() < 0.03
    large = linear.weight.abs() > linear.weight.abs().amax(1, keepdim=True) * 2**-13
    assert (error.abs() <= linear.weight.abs() / 16)[large].all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("checkpointed", [False, True])
def test_gradients_reach_the_input(dtype: torch.dtype, checkpointed: bool) -> None:
    model = frozen(dtype)
    plain = copy.deepcopy(model)
    store_as_fp8(model)
    for layer in (0, 2):
        weight = model["block"][layer]
        plain["block"][layer].weight.copy_(weight.weight.to(dtype) * weight.scale.to(dtype))
    if checkpointed:
        checkpoint_blocks([model["block"]])
    gradients = []
    for network in (model, plain):
        x = torch.linspace(-1, 1, 2 * 64).reshape(2, 64).to(dtype).requires_grad_()
        out = network["block"](x)
        assert out.dtype == dtype
        out.float().square().sum().backward()
        gradients.append(x.grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert torch.equal(gradients[0], gradients[1])
    assert gradients[0].abs().max() > 0


def test_changing_the_dtype_keeps_the_weights() -> None:
    model = frozen()
    store_as_fp8(model)
    weight, scale = model["block"][0].weight.clone(), model["block"][0].scale.clone()
    model.bfloat16()
    layer = model["block"][0]
    assert layer.weight.dtype == torch.float8_e4m3fn
    assert torch.equal(layer.weight.float(), weight.float())
    assert layer.scale.dtype == torch.float32
    assert torch.equal(layer.scale, scale)
    assert layer.bias.dtype == torch.bfloat16
    restored = frozen()
    store_as_fp8(restored)
    restored.load_state_dict(model.state_dict())


def test_a_trained_layer_is_refused() -> None:
    model = frozen()
    model["block"][2].requires_grad_(True)
    with refuses(key="block.2", value="is trained", remedy="freeze it first or leave fp8 off"):
        store_as_fp8(model)
