"""Switches that make loaded models faster. All are off by default, and all but fp8 keep the results, within rounding.

docs/speed.md lists the predicted and the measured effect of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..codec.causal_vae import can_reuse, decoder_parts
from ..codec.vae import Vae, WanVae
from ..wan.block import Attention, AttentionLayer
from .compile import compile_blocks, compile_parts
from .fp8 import products_lacking, store_as_fp8


def use_attention(module: nn.Module, attention: Attention) -> None:
    """Use this attention function in every layer of a core generator or adapter; see ``attention.choose_attention``."""
    for part in module.modules():
        if isinstance(part, AttentionLayer):
            part.attention = attention


def check_fp8(fp8: str, device: torch.device | str, dtype: torch.dtype) -> None:
    """Check, before models are loaded, that 8-bit ``products`` can run here.

    Raises:
        ValueError: they cannot; the message says why.
    """
    missing = products_lacking(device, dtype) if fp8 == "products" else None
    if missing:
        raise ValueError(f"{missing}; store the weights alone in 8 bits.")


def faster_generator(
    transformer: Any, adapter: Any, *, compiled: bool, fp8: str = "none", device: torch.device | str | None = None
) -> None:
    """Switch on what makes steps faster or the models smaller, in place.

    Args:
        transformer: ``WanGenerator``, or diffusers'.
        adapter: its own blocks, if any, are stored in 8 bits too; None without an adapter.
        compiled: compile the generator's blocks at the first step.
        fp8: ``weights`` stores the linear layers of all blocks in 8 bits, ``products`` also multiplies in 8 bits, ``none`` does neither.
        device: where both go: with fp8 layer by layer, as a small GPU could not hold them in 16 bits; None leaves them where they are.
    """
    if fp8 != "none":
        for blocks in (transformer.blocks, getattr(adapter, "blocks", None)):
            if blocks is not None:
                store_as_fp8(blocks, products=fp8 == "products", device=device)
    for module in (transformer, adapter):
        if module is not None and device is not None:
            module.to(device)
    if compiled:
        compile_blocks(transformer.blocks)


def faster_decoder(vae: Vae, *, channels_last: bool, compiled: bool, **options: Any) -> None:
    """Switch on what makes the full VAE's decoder faster, in place.

    Args:
        vae: the full VAE.
        channels_last: store the weights, and so the activations, in the channels-last memory layout.
        compiled: compile its parts on first use: once for the first latent frame, once for the second, once for all later ones.
        options: for ``torch.compile``.

    Raises:
        ValueError: the codec is another one, which these switches do not support.
    """
    if not (channels_last or compiled):
        return
    if not isinstance(vae, WanVae) or not can_reuse(vae.model):
        what = "the channels-last layout" if channels_last else "compilation"
        raise ValueError(f"{what} is for the decoder of the full Wan 2.2 VAE, but another decodes; leave it off.")
    if channels_last:
        channels_last_weights(vae.model.decoder)
    if compiled:
        compile_parts(decoder_parts(vae.model), **options)


def channels_last_weights(module: nn.Module) -> None:
    """Store the weights of all convolutions channels last, in place. On a GPU, activations then follow that layout.

    Shapes, values and the state dict stay the same; only strides change. ``contiguous_weights`` undoes it.
    """
    for weight in _convolution_weights(module):
        weight.data = weight.data.contiguous(
            memory_format=torch.channels_last_3d if weight.ndim == 5 else torch.channels_last
        )


def contiguous_weights(module: nn.Module) -> None:
    """Undo ``channels_last_weights``."""
    for weight in _convolution_weights(module):
        weight.data = weight.data.contiguous()


def _convolution_weights(module: nn.Module) -> Iterator[Tensor]:
    return (part.weight for part in module.modules() if isinstance(part, (nn.Conv2d, nn.Conv3d)))
