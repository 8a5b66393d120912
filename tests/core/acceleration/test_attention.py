"""The choice of attention, and the libraries' tensor layouts.

FlashAttention 3 and SageAttention need CUDA, so modules of the same names and signatures stand in for them: they compute exact attention in
the layout that the real ones document, and refuse what the real ones refuse. What the real kernels compute is not tested here.
"""

import sys
from types import ModuleType

import pytest
import torch
from torch.nn import functional

from flashmotion_core.acceleration import attention
from flashmotion_core.acceleration.attention import choose_attention
from flashmotion_core.wan.block import scaled_dot_product
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import WanGenerator, initialise

from ...support.sentences import refuses

HEADS, SIZE = 3, 64
HOPPER, AMPERE, VOLTA = (9, 0), (8, 6), (7, 0)


def exact(q, k, v):
    assert q.shape[2:] == k.shape[2:] == v.shape[2:]
    assert q.stride(-1) == k.stride(-1) == v.stride(-1) == 1
    return functional.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (q, k, v))).transpose(1, 2)


def flash_attn_func(q, k, v, softmax_scale=None, causal=False):
    return exact(q, k, v)


def old_flash_attn_func(q, k, v, softmax_scale=None, causal=False):
    return exact(q, k, v), torch.zeros(q.shape[0], q.shape[2], q.shape[1])


def sageattn(q, k, v, tensor_layout="HND", is_causal=False, sm_scale=None, return_lse=False, **kwargs):
    assert not kwargs
    if tensor_layout == "NHD":
        return exact(q, k, v)
    return functional.scaled_dot_product_attention(q, k, v)


@pytest.fixture
def install(monkeypatch):
    def installed(gpu, **functions):
        monkeypatch.setattr(attention, "capability", lambda device: gpu if device.type == "cuda" else None)
        for name in ("flash_attn_interface", "sageattention"):
            monkeypatch.setitem(sys.modules, name, None)  # as if it were not there
        for name, function in functions.items():
            module = ModuleType(name)
            setattr(module, function.__name__.removeprefix("old_"), function)
            monkeypatch.setitem(sys.modules, name, module)

    return installed


BOTH = {"flash_attn_interface": flash_attn_func, "sageattention": sageattn}


def chosen(name, device="cuda", dtype=torch.bfloat16, head_size=SIZE):
    return choose_attention(name, device, dtype, head_size)


def test_auto_takes_only_what_is_exact(install):
    install(HOPPER, **BOTH)
    assert [chosen(name).name for name in attention.BACKENDS] == ["flash3", "sdpa", "cudnn", "flash3", "sage"]
    assert chosen("auto", "cpu").name == "sdpa"
    assert chosen("auto", dtype=torch.float32).name == "sdpa"
    assert chosen("auto", head_size=260).name == "sdpa"
    install(HOPPER, sageattention=sageattn)
    assert chosen("auto").name == "cudnn"
    assert chosen("auto", head_size=136).name == "sdpa"
    install(AMPERE, **BOTH)
    assert chosen("auto").name == "sdpa"
    assert chosen("sage").name == "sage"
    assert chosen("sdpa").attention is scaled_dot_product


@pytest.mark.parametrize(
    ("gpu", "name", "options", "message"),
    [
        (HOPPER, "fast", {}, "the attention is 'fast', but must be one of auto, sdpa, cudnn, flash3, sage."),
        (None, "flash3", {"device": "cpu"}, "the attention is flash3, but FlashAttention 3 needs an NVIDIA GPU, and the device is cpu"),
        (AMPERE, "flash3", {}, "is for GPUs of compute capability 9.0, and this one has 8.6; use sdpa."),
        (VOLTA, "sage", {}, "is for GPUs of compute capability 8.0, 8.6, 8.9, 9.0, 12.0, and this one has 7.0"),
        (HOPPER, "flash3", {"dtype": torch.float32}, "works in bfloat16 or float16, and the type is float32"),
        (HOPPER, "flash3", {"head_size": 20}, "takes heads of a multiple of 8 up to 256 channels, and this generator's have 20"),
        (VOLTA, "cudnn", {}, "cuDNN's attention is for GPUs of compute capability 8.0 and later, and this one has 7.0; use sdpa."),
        (HOPPER, "cudnn", {"head_size": 136}, "takes heads of a multiple of 8 up to 128 channels, and this generator's have 136; use sdpa."),
        (HOPPER, "sage", {"head_size": 256}, "takes heads of 64, 96 or 128 channels, and this generator's have 256"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(install, gpu, name, options, message):
    install(gpu, **BOTH)
    with pytest.raises(ValueError) as error:
        chosen(name, **options)
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("name", ["flash3", "sage"])
def test_a_library_that_is_not_there_is_named(install, monkeypatch, name):
    install(HOPPER)
    with refuses(key=f"attention is {name}", value=attention._LIBRARIES[name].module, remedy="use sdpa"):
        chosen(name)
    # A package of that name without the function.
    install(HOPPER, **{attention._LIBRARIES[name].module: lambda: None})
    with refuses(key=f"attention is {name}", value="cannot be imported", remedy="use sdpa"):
        chosen(name)


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("flash3", {"flash_attn_interface": flash_attn_func}),
        ("flash3", {"flash_attn_interface": old_flash_attn_func}),
        ("sage", {"sageattention": sageattn}),
        ("cudnn", {}),
    ],
    ids=["flash3", "flash3 of before August 2025", "sage", "cudnn"],
)
def test_each_layout_gives_what_torchs_own_kernel_gives(install, name, functions):
    install(HOPPER, **functions)
    backend = chosen(name)
    draw = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, tokens, HEADS * SIZE, generator=draw) for tokens in (7, 5, 5))
    torch.testing.assert_close(backend.attention(q, k, v, HEADS), scaled_dot_product(q, k, v, HEADS), rtol=0, atol=1e-6)
    config = WanConfig(dim=HEADS * SIZE, ffn_dim=128, num_heads=HEADS, num_layers=2, text_dim=32)
    latent, text = torch.randn(1, 48, 2, 4, 4, generator=draw), torch.randn(1, 6, 32, generator=draw)
    outs = []
    for function in (backend.attention, scaled_dot_product):
        generator = WanGenerator(config, attention=function).requires_grad_(False)
        initialise(generator, torch.Generator().manual_seed(2))
        outs.append(generator.features(latent, torch.full((1, 1), 500.0), text, taps=[1])[0][0])
    torch.testing.assert_close(outs[0], outs[1], rtol=0, atol=1e-5)
