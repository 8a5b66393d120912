"""Products in 8 bits: their error against exact ones, in a layer and in a whole generator; torch's own CPU kernel runs them."""

import pytest
import torch
from torch import nn

from flashmotion_core.acceleration import fp8
from flashmotion_core.acceleration.fp8 import Fp8Linear, Fp8ProductLinear, products_lacking, rounded, store_as_fp8
from flashmotion_core.acceleration.switches import check_fp8, faster_generator
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import WanGenerator, initialise

CPU = torch.device("cpu")

needs_products = pytest.mark.skipif(
    products_lacking(CPU, torch.float32) is not None, reason="this torch has no 8-bit products on a CPU"
)


def linear(inner, outer, bias=True):
    torch.manual_seed(1)
    return nn.Linear(inner, outer, bias=bias).requires_grad_(False)


def test_rows_are_rounded_each_to_its_own_range():
    rows = torch.randn(5, 64, generator=torch.Generator().manual_seed(1)) * torch.tensor([1e-6, 1, 30, 1e4, 0])[:, None]
    small, scale = rounded(rows)
    assert small.dtype == torch.float8_e4m3fn
    assert scale.shape == (5, 1)
    back = small.float() * scale
    assert torch.equal(back[4], rows[4])
    large = rows.abs() > rows.abs().amax(1, keepdim=True) * 2**-13
    assert ((back - rows).abs() <= rows.abs() / 16 * 1.0001)[large].all()
    assert rounded(torch.randn(3, 32).bfloat16())[1].dtype == torch.float32


@needs_products
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_that_of_the_rounded_numbers(dtype, bias):
    layer = Fp8ProductLinear(linear(64, 48, bias).to(dtype))
    x = torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(2)).to(dtype)
    rows, scale = rounded(x.flatten(0, 1))
    expected = (rows.float() * scale) @ (layer.weight.float() * layer.scale).T + (layer.bias.float() if bias else 0)
    found = layer(x)
    assert found.dtype == dtype
    assert found.shape == (2, 7, 48)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found.float().flatten(0, 1), expected, rtol=tolerance, atol=tolerance)


@needs_products
def test_the_error_is_that_of_two_roundings():
    exact = linear(1024, 512, bias=False)
    exact.weight.normal_()
    x = torch.randn(256, 1024, generator=torch.Generator().manual_seed(3))
    errors = [float((kind(exact)(x) - exact(x)).norm() / exact(x).norm()) for kind in (Fp8Linear, Fp8ProductLinear)]
    assert errors[0] == pytest.approx(0.026, abs=0.001)
    assert errors[1] == pytest.approx(2**0.5 * 0.026, abs=0.002)


def test_odd_sizes_unpack_their_weights_instead():
    model = nn.Sequential(linear(64, 48), linear(48, 40), linear(40, 8))
    store_as_fp8(model, products=True)
    assert [type(layer) for layer in model] == [Fp8ProductLinear, Fp8Linear, nn.Linear]


@needs_products
def test_a_whole_generator_stays_near_its_own_velocity():
    config = WanConfig(dim=128, ffn_dim=256, num_heads=2, num_layers=2, text_dim=32)
    generator = WanGenerator(config).requires_grad_(False)
    initialise(generator, torch.Generator().manual_seed(2))
    draw = torch.Generator().manual_seed(4)
    generator.head.head.weight.copy_(torch.randn(generator.head.head.weight.shape, generator=draw) / 11)
    latent, text = torch.randn(1, 48, 2, 4, 4, generator=draw), torch.randn(1, 6, 32, generator=draw)
    exact = generator(latent, torch.full((1, 1), 500.0), text)
    faster_generator(generator, None, compiled=False, fp8="products")
    products = [layer for layer in generator.modules() if isinstance(layer, Fp8ProductLinear)]
    assert len(products) == 2 * 10
    found = generator(latent, torch.full((1, 1), 500.0), text)
    error = float((found - exact).norm() / exact.norm())
    assert 0 < error < 0.1


def test_a_device_without_products_is_named(monkeypatch):
    check_fp8("none", CPU, torch.float32)
    check_fp8("weights", CPU, torch.float32)

    def refuse(*args, **kwargs):
        raise RuntimeError("torch._scaled_mm is only supported on newer devices.\nMore of it.")

    monkeypatch.setattr(fp8.torch, "_scaled_mm", refuse)
    with pytest.raises(ValueError) as error:
        check_fp8("products", CPU, torch.bfloat16)
    assert str(error.value).startswith("torch ")
    assert str(error.value).endswith(
        "(torch._scaled_mm is only supported on newer devices); store the weights alone in 8 bits."
    )
