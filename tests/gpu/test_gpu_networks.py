"""The networks on a GPU give what they give on a CPU: in float32, in bfloat16, compiled, in 8 bits and with each kernel of attention."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.full_size import models
from bench.full_size.clip_job import ClipSize, latent_of
from flashmotion_core.acceleration.attention import choose_attention, lacking
from flashmotion_core.acceleration.compile import compile_blocks, plain_blocks
from flashmotion_core.acceleration.fp8 import Fp8ProductLinear, products_lacking, store_as_fp8
from flashmotion_core.acceleration.switches import use_attention
from flashmotion_core.generation.adapter_control import Control
from flashmotion_core.generation.loading import Generator
from flashmotion_core.generation.pipeline import sample_latent

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
CLIP = ClipSize(64, 96, 9)
CONFIG = models.TINY.generator
HALF_ERROR = 0.03
"""Of bfloat16 against float32, relative, root mean square: its rounding of 0.4 %, over four blocks and their norms."""


def error(found: Tensor, expected: Tensor) -> float:
    """Relative, root mean square."""
    found, expected = found.detach().float().cpu(), expected.detach().float().cpu()
    return float((found - expected).norm() / expected.norm())


def on(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Any:
    return copy.deepcopy(module).to(device, dtype)


@pytest.fixture(scope="module")
def network() -> Any:
    return models.made("generator", models.TINY, CPU, torch.float32)


def forward(network: Any) -> Tensor:
    weight = network.patch_embedding.weight
    random = torch.Generator().manual_seed(1)
    context = torch.randn(1, 512, CONFIG.text_dim, generator=random)
    timestep = torch.full((1, CLIP.latent[1]), 500.0)
    with torch.no_grad():
        return network(latent_of(CLIP, CPU).to(weight), timestep.to(weight.device), context.to(weight))


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-4), (torch.bfloat16, HALF_ERROR)], ids=str)
def test_the_generator_gives_what_it_gives_on_a_cpu(
    network: Any, device: torch.device, dtype: torch.dtype, most: float
) -> None:
    assert 0 <= error(forward(on(network, device, dtype)), forward(network)) < most


@pytest.mark.parametrize("kind", ["resnet", "controlnet"])
def test_a_clip_under_an_adapter_is_the_same_in_float32_and_close_in_bfloat16(
    network: Any, device: torch.device, kind: str
) -> None:
    adapter = models.adapter(kind, models.TINY, CPU, torch.float32)
    info = models.generator(models.TINY, "core", CPU, torch.float32).info
    random = torch.Generator().manual_seed(4)
    context, control = torch.randn(1, 512, CONFIG.text_dim, generator=random), latent_of(CLIP, CPU, 3)

    def clip(place: torch.device, dtype: torch.dtype, strength: float = 1.0) -> Tensor:
        generator = Generator(on(network, place, dtype), info, "random")
        controls = [Control(on(adapter, place, dtype), strength * control.to(place))] if strength else []
        clean = latent_of(CLIP, CPU, 5)[:, :, :1]
        return sample_latent(generator, context.to(place), CLIP.latent, controls, clean_BCFHW=clean)

    expected = clip(CPU, torch.float32)
    assert error(clip(device, torch.float32), expected) < 1e-3
    assert error(clip(device, torch.bfloat16), expected) < 3 * HALF_ERROR
    # The adapter matters, so its share is compared too.
    assert error(clip(CPU, torch.float32, strength=0), expected) > 3 * HALF_ERROR


def test_the_small_codec_decodes_alike(device: torch.device) -> None:
    codec = models.made("small_vae", models.TINY, CPU, torch.float32)
    latent = latent_of(CLIP, CPU)

    def decoded(place: torch.device, dtype: torch.dtype) -> Tensor:
        from flashmotion_core.codec.vae import TinyVae

        frames = TinyVae(on(codec, place, dtype)).decode(latent.to(place))
        with torch.no_grad():
            return torch.stack([torch.as_tensor(frame) for frame in frames]).float()

    expected = decoded(CPU, torch.float32)
    assert (decoded(device, torch.float32) - expected).abs().max() <= 1  # of 255
    assert (decoded(device, torch.bfloat16) - expected).abs().mean() < 4


def test_compiled_blocks_give_what_eager_ones_give(network: Any, device: torch.device) -> None:
    generator = on(network, device, torch.bfloat16 if device.type == "cuda" else torch.float32)
    plain = forward(generator)
    torch._dynamo.reset()
    options = {} if device.type == "cuda" else {"backend": "aot_eager"}
    compile_blocks(generator.blocks, **options)
    compiled = forward(generator)
    plain_blocks(generator.blocks)
    assert error(compiled, plain) < HALF_ERROR


def test_8_bit_weights_are_the_same_on_both(network: Any, device: torch.device) -> None:
    ours, theirs = on(network, CPU, torch.float32), on(network, device, torch.float32)
    for module in (ours, theirs):
        assert store_as_fp8(module.blocks) > 0
    expected = forward(ours)
    assert error(forward(theirs), expected) < 1e-3
    assert error(expected, forward(network)) > 1e-3  # they round


def test_8_bit_products_are_close_to_8_bit_weights(network: Any, device: torch.device) -> None:
    dtype = torch.bfloat16
    missing = products_lacking(device, dtype)
    if missing:
        pytest.skip(missing)
    weights, products = (on(network, device, dtype) for _ in range(2))
    store_as_fp8(weights.blocks)
    store_as_fp8(products.blocks, products=True)
    assert any(isinstance(module, Fp8ProductLinear) for module in products.modules())
    assert error(forward(products), forward(weights)) < 0.1


@pytest.mark.parametrize("name", ["cudnn", "flash3", "sage"])
def test_libraries_of_attention_agree_with_torchs_own(network: Any, device: torch.device, name: str) -> None:
    generator = on(network, device, torch.bfloat16)
    missing = lacking(name, device, torch.bfloat16, CONFIG.head_dim)
    if missing:
        pytest.skip(missing)
    plain = forward(generator)
    use_attention(generator, choose_attention(name, device, torch.bfloat16, CONFIG.head_dim).attention)
    assert error(forward(generator), plain) < (0.1 if name == "sage" else HALF_ERROR)


@pytest.mark.parametrize("kernel", ["FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION"])
def test_torchs_kernels_agree_with_plain_mathematics(device: torch.device, kernel: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if device.type != "cuda" and kernel != "FLASH_ATTENTION":
        pytest.skip("a CPU has only this one")
    random = torch.Generator().manual_seed(0)
    shape = (1, 4, 300, CONFIG.head_dim)
    q, k, v = (torch.randn(shape, generator=random).to(device, torch.bfloat16) for _ in range(3))
    expected = nn.functional.scaled_dot_product_attention(*(tensor.float().cpu() for tensor in (q, k, v)))
    with sdpa_kernel([getattr(SDPBackend, kernel)]):
        found = nn.functional.scaled_dot_product_attention(q, k, v)
    assert error(found, expected) < HALF_ERROR
