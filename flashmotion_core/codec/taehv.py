"""Tiny video codecs in TAEHV's layout: 48 latent channels, as small as 11.4 M parameters where the Wan 2.2 VAE has 705 M.

ComfyUI's plain VAELoader takes files of this layout (not of its "super" decoder). The codec is causal: a layer looks at its own frame and the
one before, so a clip is processed chunk by chunk in constant memory. Written from the layout's key names and shapes and its published behaviour
(madebyollin/taehv, MIT). Legend: B batch, T frames, F latent frames (4 frames each), N frames of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..wan.config import LATENT_CHANNELS, SPATIAL_STRIDE, TEMPORAL_STRIDE
from .taehv_blocks import FrameMemory, Grow, MemoryBlock, Pool, SoftClamp, SuperMemoryBlock, conv, per_frame

ENCODER_POOL = (2, 2, 1)
"""Frames that each encoder stage joins into one; every stage also halves the sides."""
DECODER_GROW = (1, 2, 2)
"""Frames that each decoder stage makes of one; every stage also doubles the sides."""
BLOCKS_PER_STAGE = 3
DECODER_WIDTHS = (256, 128, 64, 64)
"""Widths of the decoder's stages, as ComfyUI loads them."""
SUPER_WIDTHS = (512, 256, 128, 64)
NO_ENCODER = "this VAE has a decoder alone, so it cannot encode; encode with the full VAE (wan2.2_vae.safetensors)."


def _run(layers: nn.Sequential, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
    """Chain the layers over a stream of chunks; nothing is computed before it is needed, and no chunk is kept longer than needed."""

    def plain(layer: nn.Module, stream: Iterable[Tensor]) -> Iterator[Tensor]:
        return (per_frame(layer, chunk) for chunk in stream)

    for layer in layers:
        chunks = layer.stream(chunks) if isinstance(layer, (FrameMemory, Pool, Grow)) else plain(layer, chunks)
    return iter(chunks)


def _encoder(latent_channels: int, width: int, pixels: int) -> nn.Sequential:
    layers: list[nn.Module] = [conv(pixels, width), nn.ReLU()]
    for stride in ENCODER_POOL:
        layers += [Pool(width, stride), conv(width, width, stride=2, bias=False)]
        layers += [MemoryBlock(width) for _ in range(BLOCKS_PER_STAGE)]
    return nn.Sequential(*layers, conv(width, latent_channels))


def _decoder(latent_channels: int, widths: Sequence[int], pixels: int) -> nn.Sequential:
    layers: list[nn.Module] = [SoftClamp(), conv(latent_channels, widths[0]), nn.ReLU()]
    for stride, wide, narrow in zip(DECODER_GROW, widths[:-1], widths[1:], strict=True):
        layers += [MemoryBlock(wide) for _ in range(BLOCKS_PER_STAGE)]
        layers += [nn.Upsample(scale_factor=2), Grow(wide, stride), conv(wide, narrow, bias=False)]
    return nn.Sequential(*layers, nn.ReLU(), conv(widths[-1], pixels))


def _super_decoder(latent_channels: int, widths: Sequence[int], pixels: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(latent_channels, widths[0], 1, bias=False)]
    for stride, wide, narrow in zip(DECODER_GROW, widths[:-1], widths[1:], strict=True):
        layers += [SuperMemoryBlock(wide) for _ in range(BLOCKS_PER_STAGE)]
        layers += [conv(wide, 4 * narrow), nn.ReLU(), nn.PixelShuffle(2), Grow(narrow, stride)]
    return nn.Sequential(*layers, conv(widths[-1], pixels))


class TAEHV(nn.Module):
    """Encoder and decoder.

    Attributes:
        latent_channels: channels of a latent, 48 for Wan 2.2.
        normalised: its latents are the generator's own, as its author trained ``taew2_2``; otherwise they are raw, as ComfyUI hands them to
            every codec of this layout, and ``conditioning.normalise`` brings them to the generator's space.
        encoder: empty in a codec that only decodes.
    """

    def __init__(
        self,
        latent_channels: int = LATENT_CHANNELS,
        encoder_width: int | None = 64,
        decoder_widths: Sequence[int] | None = None,
        patch: int = 2,
        *,
        is_super: bool = False,
        normalised: bool = False,
    ) -> None:
        """Build with random weights. ComfyUI loads the default widths; narrower ones and ``is_super`` work in our own code only.

        Args:
            latent_channels: see the class.
            encoder_width: None: no encoder.
            decoder_widths: from the smallest picture to the largest; None: the published ones.
            patch: pixels along a side that are stacked into channels.
            is_super: the larger decoder of ``taew2_2_super``.
            normalised: see the class.
        """
        super().__init__()
        self.latent_channels, self.patch, self.normalised = latent_channels, patch, normalised
        pixels = 3 * patch**2
        self.encoder = nn.Sequential() if encoder_width is None else _encoder(latent_channels, encoder_width, pixels)
        build = _super_decoder if is_super else _decoder
        self.decoder = build(latent_channels, decoder_widths or (SUPER_WIDTHS if is_super else DECODER_WIDTHS), pixels)

    def encode(self, pixels_BCTHW: Tensor, latents_per_chunk: int = 1) -> Tensor:
        """Pixels in 0..1 -> latent ``[B, 48, F, H / 16, W / 16]``, frames grouped 4 + 4 + ... .

        Like ComfyUI's, the last frame is repeated until the count is a multiple of 4, so a single picture becomes one latent frame.
        For a clip of 4k + 1 frames use ``encode_clip``.

        Args:
            pixels_BCTHW: sides a multiple of 16.
            latents_per_chunk: latent frames processed at once; more is faster and takes more memory.

        Raises:
            ValueError: a side is not a multiple of 16, or there is no encoder.
        """
        if not len(self.encoder):
            raise ValueError(NO_ENCODER)
        batch, _, frames, height, width = pixels_BCTHW.shape
        if height % SPATIAL_STRIDE or width % SPATIAL_STRIDE:
            raise ValueError(
                f"the picture is {width} x {height}, but its sides must be multiples of {SPATIAL_STRIDE}; crop or resize it."
            )
        pixels = pixels_BCTHW.movedim(2, 1)
        padding = -frames % TEMPORAL_STRIDE
        if padding:
            pixels = torch.cat([pixels, pixels[:, -1:].expand(batch, padding, -1, -1, -1)], dim=1)
        chunks = (
            functional.pixel_unshuffle(chunk, self.patch)
            for chunk in torch.split(pixels, TEMPORAL_STRIDE * latents_per_chunk, dim=1)
        )
        return torch.cat(list(_run(self.encoder, chunks)), dim=1).movedim(1, 2)

    def decode(self, latent_BCFHW: Tensor, latents_per_chunk: int = 1) -> Tensor:
        """Latent -> pixels ``[B, 3, 4 F - 3, 16 H, 16 W]`` around 0..1 (not clamped)."""
        return torch.cat(list(self.decode_stream(latent_BCFHW, latents_per_chunk)), dim=2)

    def decode_stream(self, latent_BCFHW: Tensor, latents_per_chunk: int = 1) -> Iterator[Tensor]:
        """The same, chunk by chunk ``[B, 3, T, H, W]``; the first chunk is three frames shorter, as in ComfyUI."""
        trim = math.prod(DECODER_GROW) - 1
        for chunk in _run(self.decoder, torch.split(latent_BCFHW.movedim(2, 1), latents_per_chunk, dim=1)):
            pixels = functional.pixel_shuffle(chunk, self.patch).movedim(1, 2)
            yield pixels[:, :, trim:]
            trim = 0


def encode_clip(codec: TAEHV, pixels_BCTHW: Tensor, latents_per_chunk: int = 1) -> Tensor:
    """Encode a clip of 4k + 1 frames with the Wan VAE's grouping 1 + 4 + 4 + ..., by passing frame 0 four times.

    Without this the codec's own grouping (4 + 4 + ..., padded at the end) would shift every frame against the generator's latents.
    """
    lead = pixels_BCTHW[:, :, :1].expand(-1, -1, TEMPORAL_STRIDE - 1, -1, -1)
    return codec.encode(torch.cat([lead, pixels_BCTHW], dim=2), latents_per_chunk)
