"""Which kernel computes attention: torch's own, cuDNN's, FlashAttention 3 or SageAttention.

Interfaces, as their projects document them: ``flash_attn_interface.flash_attn_func(q, k, v)`` of Dao-AILab/flash-attention (``hopper``)
takes and returns ``[B, L, H, d]`` in bf16 or fp16, needs a Hopper GPU, and returned a pair with the log-sum-exp before August 2025.
``sageattention.sageattn(q, k, v, tensor_layout="NHD")`` of thu-ml/SageAttention takes and returns the same layout in the same types, for heads
of 64, 96 or 128 channels; it rounds queries and keys to 8 bits, so its result differs from the others'.

torch itself prefers FlashAttention 2, which uses half of a Hopper GPU, to cuDNN's kernel, which was written for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..files.reasons import first_line
from ..wan.block import Attention, scaled_dot_product

BACKENDS = ("auto", "sdpa", "cudnn", "flash3", "sage")
"""What ``choose_attention`` knows; ``auto`` takes the fastest that computes exact attention."""

HALF = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class _Library:
    """What a library provides and requires.

    Attributes:
        title: its name, for messages.
        module: the Python module to import.
        function: the function in that module.
        gpus: compute capabilities that it supports.
        heads: whether it supports heads with this number of channels.
        sizes: the supported head sizes, in words.
        call: ``(function, q_BLHd, k_BMHd, v_BMHd) -> BLHd``.
    """

    title: str
    module: str
    function: str
    gpus: tuple[tuple[int, int], ...]
    heads: Callable[[int], bool]
    sizes: str
    call: Callable[[Any, Tensor, Tensor, Tensor], Tensor]


def _flash3(function: Any, q_BLHd: Tensor, k_BMHd: Tensor, v_BMHd: Tensor) -> Tensor:
    out = function(q_BLHd, k_BMHd, v_BMHd)
    result: Tensor = out[0] if isinstance(out, tuple) else out
    return result


def _sage(function: Any, q_BLHd: Tensor, k_BMHd: Tensor, v_BMHd: Tensor) -> Tensor:
    result: Tensor = function(q_BLHd, k_BMHd, v_BMHd, tensor_layout="NHD")
    return result


_LIBRARIES = {
    "flash3": _Library(
        "FlashAttention 3",
        "flash_attn_interface",
        "flash_attn_func",
        ((9, 0),),
        lambda size: size % 8 == 0 and size <= 256,
        "a multiple of 8 up to 256",
        _flash3,
    ),
    "sage": _Library(
        "SageAttention",
        "sageattention",
        "sageattn",
        ((8, 0), (8, 6), (8, 9), (9, 0), (12, 0)),
        lambda size: size in (64, 96, 128),
        "64, 96 or 128",
        _sage,
    ),
}


CUDNN_FIRST = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]
CUDNN_GPUS = (8, 0)
"""The first compute capability for which cuDNN has attention in torch; ``auto`` takes it on ``HOPPER`` alone, where it was measured."""
CUDNN_HEADS = 128
HOPPER = (9, 0)


def cudnn_attention(q_BLD: Tensor, k_BMD: Tensor, v_BMD: Tensor, heads: int) -> Tensor:
    """As ``scaled_dot_product``, by cuDNN's kernel where it supports the sizes."""
    with sdpa_kernel(CUDNN_FIRST, set_priority=True):
        return scaled_dot_product(q_BLD, k_BMD, v_BMD, heads)


@dataclass(frozen=True)
class Backend:
    """A way to compute attention.

    Attributes:
        name: one of ``BACKENDS`` without ``auto``.
        attention: see ``wan.block.Attention``.
    """

    name: str
    attention: Attention


def choose_attention(name: str, device: torch.device | str, dtype: torch.dtype, head_size: int) -> Backend:
    """The kernel for a generator; ``auto`` keeps to exact ones: on Hopper FlashAttention 3 where it runs, else cuDNN's; elsewhere torch's choice.

    Args:
        name: one of ``BACKENDS``.
        device: where the generator runs.
        dtype: dtype of its weights.
        head_size: channels per head.

    Raises:
        ValueError: the name is unknown, or that backend cannot run here; the message says what is missing.
    """
    if name not in BACKENDS:
        raise ValueError(f"the attention is {name!r}, but must be one of {', '.join(BACKENDS)}.")
    if name == "auto":
        hopper = capability(torch.device(device)) == HOPPER
        exact = ("flash3", "cudnn") if hopper else ()
        name = next((found for found in exact if not lacking(found, device, dtype, head_size)), "sdpa")
    if name == "sdpa":
        return Backend(name, scaled_dot_product)
    missing = lacking(name, device, dtype, head_size)
    if missing:
        raise ValueError(f"the attention is {name}, but {missing}; use sdpa.")
    if name == "cudnn":
        return Backend(name, cudnn_attention)
    library = _LIBRARIES[name]
    function = getattr(import_module(library.module), library.function)
    return Backend(name, partial(_attend, library.call, function))


def lacking(name: str, device: torch.device | str, dtype: torch.dtype, head_size: int) -> str | None:
    """Why ``cudnn``, ``flash3`` or ``sage`` cannot run, as half a sentence; None if it can."""
    found = capability(torch.device(device))
    library = _LIBRARIES.get(name)
    title = "cuDNN's attention" if library is None else library.title
    if found is None:
        return f"{title} needs an NVIDIA GPU, and the device is {torch.device(device).type}"
    if dtype not in HALF:
        return f"{title} works in bfloat16 or float16, and the type is {str(dtype).removeprefix('torch.')}"
    if library is None:
        return _lacks_cudnn(found, head_size)
    if found not in library.gpus:
        wanted = ", ".join(f"{major}.{minor}" for major, minor in library.gpus)
        return f"{title} is for GPUs of compute capability {wanted}, and this one has {found[0]}.{found[1]}"
    if not library.heads(head_size):
        return f"{title} takes heads of {library.sizes} channels, and this generator's have {head_size}"
    try:
        getattr(import_module(library.module), library.function)
    # A library built for another torch or CUDA fails to load with an OSError or a RuntimeError.
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return f"{title} (the module {library.module}) cannot be imported ({first_line(error)})"
    return None


def _lacks_cudnn(gpu: tuple[int, int], head_size: int) -> str | None:
    if gpu < CUDNN_GPUS:
        return f"cuDNN's attention is for GPUs of compute capability 8.0 and later, and this one has {gpu[0]}.{gpu[1]}"
    if head_size % 8 or head_size > CUDNN_HEADS:
        return f"cuDNN's attention takes heads of a multiple of 8 up to {CUDNN_HEADS} channels, and this generator's have {head_size}"
    return None


def capability(device: torch.device) -> tuple[int, int] | None:
    """The compute capability of a CUDA device; None for any other."""
    if device.type != "cuda" or torch.version.hip is not None:
        return None
    return torch.cuda.get_device_capability(device)


def _attend(
    call: Callable[[Any, Tensor, Tensor, Tensor], Tensor],
    function: Any,
    q_BLD: Tensor,
    k_BMD: Tensor,
    v_BMD: Tensor,
    heads: int,
) -> Tensor:
    """Call a library that takes ``[B, L, H, d]``; nothing is copied on the way in or out."""
    out = call(function, *(tensor.unflatten(-1, (heads, -1)) for tensor in (q_BLD, k_BMD, v_BMD)))
    return out.flatten(2)
