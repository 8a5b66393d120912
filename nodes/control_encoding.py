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

from ..flashmotion_core.wan.config import LATENT_CHANNELS

LARGEST_LATENT = 1e4
"""Beyond what any encoder makes of a picture: raw latents of Wan 2.2 stay within some tens."""

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


def check_vae(vae: Any) -> None:
    """Refuse a VAE of another model.

    Raises:
        ValueError: it does not have the Wan 2.2 VAE's latent channels.
    """
    channels = getattr(vae, "latent_channels", None)
    if channels != LATENT_CHANNELS:
        raise ValueError(
            f"the VAE has {channels} latent channels, but {LATENT_CHANNELS} are needed; load the Wan 2.2 VAE (wan2.2_vae.safetensors)."
        )


def encode_control(vae: Any, model: Any, control_map: FrameSource, what: str = "control map") -> Tensor:
    """Encode a control map, or another clip, into the generator's space, ``[1, 48, F, H / 16, W / 16]``.

    Args:
        vae: ComfyUI's VAE; the Wan 2.2 one, or a TAEHV with 48 channels. See ``check_vae``.
        model: the MODEL, for its latent statistics.
        control_map: uint8 pictures, 4k + 1 of them.
        what: it is, for errors.

    Raises:
        ValueError: the result is not what an encoder makes.
    """
    encoded = encode(vae, control_map)
    latent: Tensor = model.get_model_object("latent_format").process_in(encoded)
    bad = int((~torch.isfinite(latent)).sum())
    if bad:
        raise ValueError(
            f"the VAE made {bad:,} of {latent.numel():,} values of the {what} NaN or infinite; load another file of the VAE, or start "
            "ComfyUI with --bf16-vae or --fp32-vae."
        )
    _check_encoded(encoded, what)
    return latent


def _check_encoded(latent_BCFHW: Tensor, clip: str) -> None:
    """Refuse what comes of a file without an encoder: ComfyUI only logs the missing weights and leaves them unset."""
    most = float(latent_BCFHW.detach().abs().max())
    still = bool((latent_BCFHW == latent_BCFHW[:, :, :1, :1, :1]).all())
    if still or most > LARGEST_LATENT:
        what = "the same numbers everywhere" if still else f"numbers up to {most:.3g}"
        raise ValueError(
            f"the VAE made {what} of the {clip}, as a file that only decodes does; load one that encodes (wan2.2_vae.safetensors)."
        )
