"""A control map through ComfyUI's VAE, a few frames at a time, so that the whole clip is never held as numbers.

ComfyUI's VAE takes a clip whole, in float32, and maps it to -1..1: 36 bytes for each pixel of each frame (4 GB at 1280 x 704 x 121). Its
Wan 2.2 VAE then goes through it by one frame and by four more each, so it can be handed them as they are drawn. A TAEHV takes the clip
whole; it gets that in the type in which it computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Protocol

import comfy.model_management
import comfy.sd
import comfy.taesd.taehv
import torch
from comfy.ldm.wan.vae2_2 import WanVAE, count_conv3d, patchify
from torch import Tensor

PIECE = 4
"""Frames at a time: those of one latent frame."""


class FrameSource(Protocol):
    """A clip of uint8 pictures: a tensor, or what draws them when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames, height, width and 3."""
        ...

    def __getitem__(self, frames: slice, /) -> Tensor:
        """Some of them, ``[T, H, W, 3]``."""
        ...


def encode(vae: Any, frames: FrameSource) -> Tensor:
    """What ComfyUI's VAE makes of a clip, ``[1, 48, F, H / 16, W / 16]``, not normalised.

    Args:
        vae: ComfyUI's VAE; the Wan 2.2 one, or a TAEHV with 48 channels.
        frames: 4k + 1 of them, with sides in multiples of 16 pixels.
    """
    network = vae.first_stage_model
    if isinstance(network, comfy.taesd.taehv.TAEHV):
        # The Wan VAE groups frames 1 + 4 + 4 ..., TAEHV 4 + 4 ... and pads the end: three copies in front give the same groups.
        encoded: Tensor = vae.encode(_whole(frames, vae.vae_dtype, in_front=PIECE - 1))
        return encoded
    if type(network) is WanVAE and type(vae) is comfy.sd.VAE:
        try:
            return _in_pieces(vae, frames)
        except comfy.model_management.OOM_EXCEPTION:
            comfy.model_management.soft_empty_cache()  # ComfyUI tries once more, and then tile by tile
    encoded = vae.encode(_whole(frames, torch.float32))
    return encoded


def _in_pieces(vae: Any, frames: FrameSource) -> Tensor:
    """``VAE.encode`` and ``WanVAE.encode`` in one, which see no more than one latent frame's pictures at a time."""
    network = vae.first_stage_model
    count, height, width, _ = frames.shape
    vae.throw_exception_if_invalid()
    needed = vae.memory_used_encode((1, 3, count, height, width), vae.vae_dtype)
    comfy.model_management.load_models_gpu(
        [vae.patcher], memory_required=needed, force_full_load=getattr(vae, "disable_offload", False)
    )
    on_device = getattr(comfy.model_management, "cuda_device_context", nullcontext)
    with on_device(vae.device):
        cache = [None] * count_conv3d(network.encoder)
        hidden = []
        for pixels_THWC in _pieces(frames):
            comfy.model_management.throw_exception_if_processing_interrupted()
            pixels = vae.process_input(pixels_THWC.movedim(-1, 0)[None]).to(vae.vae_dtype).to(vae.device)
            patches = patchify(pixels, patch_size=2)
            hidden.append(network.encoder(patches, feat_cache=cache, feat_idx=[0]))
        mean, _ = network.conv1(torch.cat(hidden, 2)).chunk(2, dim=1)
    kind = vae.vae_output_dtype() if hasattr(vae, "vae_output_dtype") else torch.float32
    return mean.to(vae.output_device).to(kind)  # type: ignore[no-any-return]


def _pieces(frames: FrameSource) -> Iterator[Tensor]:
    """One picture, then four at a time, ``[T, H, W, 3]`` float32 in 0..1."""
    yield frames[:1].float().div_(255)
    for first in range(1, frames.shape[0], PIECE):
        yield frames[first : first + PIECE].float().div_(255)


def _whole(frames: FrameSource, dtype: torch.dtype, in_front: int = 0) -> Tensor:
    """All pictures, 0..1, with copies of the first in front."""
    count, *size = frames.shape
    whole_THWC = torch.empty(in_front + count, *size, dtype=dtype)
    place = in_front
    for piece in _pieces(frames):
        whole_THWC[place : place + len(piece)] = piece
        place += len(piece)
    whole_THWC[:in_front] = whole_THWC[in_front : in_front + 1]
    return whole_THWC
