"""Two shortcuts through diffusers' Wan 2.2 VAE with bit-identical results: still stretches are encoded once, and frames are decoded as a stream.

The encoder works through a clip in chunks of 1, 4, 4, ... frames and carries the last two frames of every convolution's input from chunk to
chunk. Where a chunk repeats the one before it, a part of the network whose carried frames have settled too would run the same kernels on the
same numbers. It is skipped. The early parts, at full resolution and three quarters of the cost, settle after about four chunks; the last
one needs 28.

Computing only the surroundings of what is drawn is *not* exact, so it is not done. Beyond 136 pixels a drawn line does not influence
anything before the encoder's attention, but a convolution over a crop may sum in another order, and the attention sees the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..wan.config import TEMPORAL_STRIDE

Slots = list[Tensor | None]
Run = Callable[[Tensor, Slots], Tensor]
CARRIED = 2
"""Frames that a causal convolution carries over to the next chunk."""


def can_reuse(model: Any) -> bool:
    """Whether an ``AutoencoderKLWan`` is of Wan 2.2's kind and encodes whole frames; the shortcuts support no other."""
    return bool(model.config.is_residual) and not model.use_tiling


def encoder_chunks(frames: int) -> list[slice]:
    """The frames that the encoder takes at once, of 4k + 1: 0, then 1 to 4, 5 to 8, ..."""
    return [slice(0, 1), *(slice(start, start + TEMPORAL_STRIDE) for start in range(1, frames, TEMPORAL_STRIDE))]


def encode_still(model: Any, chunks: Iterable[Tensor], repeats: Sequence[bool]) -> Tensor:
    """The posterior's mode, bit-identical to ``model.encode(pixels).latent_dist.mode()`` and cheaper where the picture stands still.

    Args:
        model: diffusers' ``AutoencoderKLWan`` for which ``can_reuse`` holds.
        chunks: pixels ``[B, 3, T, H, W]`` in -1..1 and the model's type, of the frames of ``encoder_chunks``; taken one by one, so that the
            whole clip need not be on the device.
        repeats: for each chunk whether it equals the one before it.

    Returns:
        the latent ``[B, z, k + 1, H / 16, W / 16]``, not normalised.
    """
    stages = _encoder_stages(model.encoder)
    latents = []
    for chunk, repeated, followed in zip(chunks, repeats, [*repeats[1:], False], strict=True):
        x, unchanged = _patches(chunk, model.config.patch_size), repeated
        for stage in stages:
            x, unchanged = stage(x, unchanged, repeated, followed)
        latents.append(x)
    moments: Tensor = model.quant_conv(torch.cat(latents, dim=2))
    return moments.chunk(2, dim=1)[0]


@dataclass
class _Before:
    """A stage's carried frames and its output for the previous chunk."""

    slots: Slots
    output: Tensor


class _Stage:
    """A part of the encoder and the frames that it carries."""

    def __init__(self, run: Run, slots: int) -> None:
        self.run = run
        self.slots: Slots = [None] * slots
        self.before: _Before | None = None

    def __call__(self, x: Tensor, unchanged: bool, repeated: bool, followed: bool) -> tuple[Tensor, bool]:
        """The output for one chunk, and whether it is known to equal the previous chunk's output.

        Args:
            x: the input.
            unchanged: whether it is known to equal the previous chunk's input.
            repeated: whether the pixels are those of the previous chunk; otherwise nothing is compared.
            followed: whether the next chunk repeats this one; otherwise nothing is remembered.
        """
        before, self.before = self.before, None
        if unchanged and before is not None and _equal(self.slots, before.slots):
            # The carried frames would not change either.
            self.before = before
            return before.output, True
        carried = list(self.slots)
        out = self.run(x, self.slots)
        same = repeated and before is not None and torch.equal(out, before.output)
        if followed:
            self.before = _Before(carried, out)
        return out, same


def _equal(a: Slots, b: Slots) -> bool:
    return all(x is y or (x is not None and y is not None and torch.equal(x, y)) for x, y in zip(a, b, strict=True))


def _encoder_stages(encoder: Any) -> list[_Stage]:
    def block(module: Any) -> Run:
        # diffusers' blocks replace entries of feat_cache and count them in feat_idx.
        return lambda x, slots: module(x, feat_cache=slots, feat_idx=[0])

    modules = [*encoder.down_blocks, encoder.mid_block]
    return [
        _Stage(_conv(encoder.conv_in), 1),
        *(_Stage(block(module), _convolutions(module)) for module in modules),
        _Stage(_conv(encoder.conv_out, encoder.norm_out, encoder.nonlinearity), 1),
    ]


def _conv(module: Any, *before: Callable[[Tensor], Tensor]) -> Run:
    """A causal convolution outside the blocks, with the layers before it; it carries frames as those in blocks do."""

    def run(x: Tensor, slots: Slots) -> Tensor:
        for layer in before:
            x = layer(x)
        carried = slots[0]
        last = x[:, :, -CARRIED:].clone()
        if last.shape[2] < CARRIED and carried is not None:
            last = torch.cat([carried[:, :, -1:], last], dim=2)
        slots[0] = last
        out: Tensor = module(x, carried)
        return out

    return run


def _convolutions(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Conv3d) for part in module.modules())


def decode_stream(model: Any, latent_BCFHW: Tensor) -> Iterator[Tensor]:
    """Pixels in -1..1, chunk by chunk ``[B, 3, T, H, W]`` (1, then 4 frames each), bit-identical to ``model.decode``'s.

    The whole clip is never in memory, and the first frame is ready after the work of one latent frame.

    Args:
        model: diffusers' ``AutoencoderKLWan`` of Wan 2.2's kind, without tiling.
        latent_BCFHW: not normalised, in the model's dtype.
    """
    from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

    decoder = model.decoder
    conv_in, conv_out = _conv(decoder.conv_in), _conv(decoder.conv_out, decoder.norm_out, decoder.nonlinearity)
    # Every part counts its carried frames from 0, so that a compiled part depends on nothing outside it.
    first: Slots = [None]
    middle: Slots = [None] * _convolutions(decoder.mid_block)
    ups: list[Slots] = [[None] * _convolutions(block) for block in decoder.up_blocks]
    last: Slots = [None]
    for index, latent in enumerate(model.post_quant_conv(latent_BCFHW).split(1, dim=2)):
        x = decoder.mid_block(conv_in(latent, first), feat_cache=middle, feat_idx=[0])
        for block, carried in zip(decoder.up_blocks, ups, strict=True):
            x = block(x, feat_cache=carried, feat_idx=[0], first_chunk=index == 0)
        out = conv_out(x, last)
        yield unpatchify(out, patch_size=model.config.patch_size or 1).clamp(-1, 1)


def decoder_parts(model: Any) -> list[Any]:
    """The parts of an ``AutoencoderKLWan``'s decoder between its first and last convolution, where nearly all of the work is."""
    return [model.decoder.mid_block, *model.decoder.up_blocks]


def _patches(pixels: Tensor, patch_size: int | None) -> Tensor:
    from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

    patches: Tensor = patchify(pixels, patch_size=patch_size or 1)
    return patches
