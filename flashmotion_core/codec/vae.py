"""From uint8 frames to normalised latents and back, through the Wan 2.2 VAE, a pruned one (LightVAE) or a TAEHV codec.

Latents are in the generator's normalised space everywhere outside this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..files.model_folder import load_whole_folder, read_folder_config
from ..files.weights import read_header
from ..video.frames import Frames
from ..wan.conditioning import LATENT_MEAN, LATENT_STD, denormalise, normalise
from ..wan.config import LATENT_CHANNELS
from .causal_vae import can_reuse, decode_stream, encode_still, encoder_chunks
from .taehv import NO_ENCODER, TAEHV, encode_clip
from .taehv_file import load_taehv
from .wan_vae_file import has_encoder, is_wan_vae_file, load_wan_vae


class Vae(Protocol):
    """A codec between uint8 frames and normalised latents."""

    def encode(self, frames: Frames) -> Tensor:
        """Frames ``[4 k + 1, H, W, 3]`` (a picture: one) -> normalised latent ``[1, 48, k + 1, H / 16, W / 16]`` float32.

        Raises:
            ValueError: the codec only decodes.
        """

    def decode(self, latent_BCFHW: Tensor) -> Iterator[Frames]:
        """Normalised latent of one clip -> its frames ``[H, W, 3]``, one by one."""


class TinyVae:
    """The TAEHV codec: pixels in 0..1, decoded as a stream."""

    def __init__(self, codec: TAEHV) -> None:
        self.codec = codec

    @torch.no_grad()
    def encode(self, frames: Frames) -> Tensor:
        """See ``Vae.encode``."""
        pixels = _pixels(frames, next(self.codec.parameters()))
        latent = encode_clip(self.codec, pixels).float()
        return latent if self.codec.normalised else normalise(latent)

    def decode(self, latent_BCFHW: Tensor) -> Iterator[Frames]:
        """See ``Vae.decode``."""
        latent = latent_BCFHW.float() if self.codec.normalised else denormalise(latent_BCFHW.float())
        latent = latent.to(next(self.codec.parameters()))
        for chunk in _without_gradients(self.codec.decode_stream(latent)):
            yield from _frames(chunk)


class WanVae:
    """The Wan 2.2 VAE as diffusers' ``AutoencoderKLWan``: pixels in -1..1, mode of the posterior."""

    def __init__(self, model: Any, *, plain: bool = False) -> None:
        """Take a loaded model.

        Args:
            model: diffusers' ``AutoencoderKLWan`` with 48 latent channels.
            plain: use diffusers' own ``encode`` and ``decode`` instead of ``causal_vae``'s bit-identical shortcuts.
        """
        self.model, self.plain = model, plain
        # Older exports carry Wan 2.1's 16 statistics, diffusers' default.
        given = [model.config.latents_mean, model.config.latents_std]
        mean, std = given if all(len(values) == LATENT_CHANNELS for values in given) else (LATENT_MEAN, LATENT_STD)
        self.mean, self.std = (torch.tensor(values, device=model.device).view(1, -1, 1, 1, 1) for values in (mean, std))

    @torch.no_grad()
    def encode(self, frames: Frames) -> Tensor:
        """See ``Vae.encode``."""
        if not has_encoder(self.model):
            raise ValueError(NO_ENCODER)
        like = next(self.model.parameters())
        if self.plain or not can_reuse(self.model):
            latent = self.model.encode(_pixels(frames, like) * 2 - 1).latent_dist.mode()
        else:
            parts = [frames[part] for part in encoder_chunks(len(frames))]
            # Compared as bytes before the upload, so that nothing waits for the device.
            repeats = [False, *(np.array_equal(a, b) for a, b in pairwise(parts))]
            latent = encode_still(self.model, (_pixels(part, like) * 2 - 1 for part in parts), repeats)
        result: Tensor = (latent.float() - self.mean) / self.std
        return result

    def decode(self, latent_BCFHW: Tensor) -> Iterator[Frames]:
        """See ``Vae.decode``; with ``plain`` the whole clip is decoded before the first frame comes."""
        latent = (latent_BCFHW.float().to(self.mean.device) * self.std + self.mean).to(self.model.dtype)
        if self.plain or not can_reuse(self.model):
            with torch.no_grad():
                chunks = iter([self.model.decode(latent, return_dict=False)[0]])
        else:
            chunks = decode_stream(self.model, latent)
        for chunk in _without_gradients(chunks):
            yield from _frames((chunk + 1) / 2)


def _without_gradients(chunks: Iterator[Tensor]) -> Iterator[Tensor]:
    """Compute a stream without gradients, but leave them on for its reader."""
    while True:
        with torch.no_grad():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _pixels(frames: Frames, like: Tensor) -> Tensor:
    """uint8 ``[T, H, W, 3]`` -> 0..1 ``[1, 3, T, H, W]``; divided in float32 as ComfyUI does."""
    pixels = torch.from_numpy(frames).to(like.device).movedim(-1, 0)[None]
    return (pixels / 255).to(like.dtype)


def _frames(pixels_BCTHW: Tensor) -> Iterator[Frames]:
    """Pixels in 0..1 of one clip -> uint8 frames."""
    for frame in pixels_BCTHW[0].unbind(1):
        array: Frames = (frame.float() * 255).round().clamp(0, 255).to(torch.uint8).movedim(0, -1).cpu().numpy()
        yield array


def only_decodes(path: Path) -> bool:
    """Whether a file holds no encoder, by its header.

    Raises:
        ValueError: the file is unreadable.
    """
    return not any("encoder." in key for key in read_header(path)[0])


def load_vae(path: str | Path, device: torch.device | str, dtype: torch.dtype, *, plain: bool = False) -> Vae:
    """Load a codec.

    Args:
        path: a TAEHV safetensors file, ComfyUI's file of the Wan 2.2 VAE, a LightVAE's, an ``AutoencoderKLWan`` folder, or a diffusers
            folder with ``vae/`` in it.
        device: where it runs.
        dtype: of its weights.
        plain: see ``WanVae``.

    Raises:
        ValueError: the codec is unreadable or does not have 48 latent channels.
    """
    path = Path(path)
    if not path.is_dir():
        if is_wan_vae_file(path):
            return WanVae(load_wan_vae(path, dtype).to(device), plain=plain)
        return TinyVae(load_taehv(path).to(device, dtype))
    from diffusers import AutoencoderKLWan

    folder = path / "vae" if (path / "vae").is_dir() else path
    config = read_folder_config(folder, "VAE", ("AutoencoderKLWan",))
    if config.get("z_dim") != LATENT_CHANNELS:
        raise ValueError(
            f"the VAE in {folder} has {config.get('z_dim')} latent channels, but {LATENT_CHANNELS} were expected; choose the VAE of Wan 2.2."
        )
    return WanVae(load_whole_folder(AutoencoderKLWan, folder, dtype).to(device), plain=plain)
