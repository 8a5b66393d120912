"""The codec's starting point: a linear code that already works, inside the layers of TAEHV.

With the usual random weights, a codec gets stuck at grey: it only learns the mean picture. So every layer starts as linear as it can
be. A memory block starts with a last convolution of zero and a bias that lifts its input above zero, where ReLU changes nothing, so it passes
frames on unchanged (`memory=False` also skips computing the zeros). What remains of the encoder is a pyramid of projections, which are set to
principal components: first of 2 frames x 4 x 4 pixels, then of 4 x 8 x 8, then of 4 x 16 x 16. The decoder has no such closed form: its
upsampling gives the four cells of a parent equal values, so only differences between neighbours can tell them apart. It starts by passing the
strongest channels through, with its last layer set by least squares (a blurred, still picture for each latent frame), and learns the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.taehv_blocks import Grow, MemoryBlock, Pool
from flashmotion_core.wan.conditioning import LATENT_MEAN, LATENT_STD
from flashmotion_core.wan.config import TEMPORAL_STRIDE

DECODER_CLIPS = 8
"""Clips used to set the decoder's lifts and its last layer."""
RIDGE = 1e-3
"""Added to the diagonal of the least squares, as a share of its mean: it keeps weights small, so that noise is not amplified."""
LIFT = 3.0
"""How far features are lifted, in standard deviations, so that hardly any of them reaches ReLU's corner."""


def run_layers(layers: Iterable[nn.Module], frames_NCHW: Tensor, batch: int, *, memory: bool = True) -> Tensor:
    """Run all frames of a batch of clips through an encoder or decoder at once: TAEHV's own result, some 15 % faster.

    Args:
        layers: the layers of the encoder or decoder.
        frames_NCHW: the frames of one clip after the other, in temporal order; N is a multiple of `batch`.
        batch: the number of clips.
        memory: False treats memory blocks as what they are at the start, a lift by their bias.
    """
    x = frames_NCHW
    upsample: nn.Module | None = None
    for layer in layers:
        if isinstance(layer, MemoryBlock) and memory:
            clips = x.unflatten(0, (batch, -1))
            before = torch.cat([torch.zeros_like(clips[:, :1]), clips[:, :-1]], dim=1)
            x = layer(torch.cat([x, before.flatten(0, 1)], dim=1))
        elif isinstance(layer, MemoryBlock):
            x = functional.relu(x + layer.lift.view(1, -1, 1, 1))
        elif isinstance(layer, Pool):
            x = layer.conv(torch.cat([x[offset :: layer.stride] for offset in range(layer.stride)], dim=1))
        elif isinstance(layer, nn.Upsample):
            upsample = layer
        elif isinstance(layer, Grow):
            # A 1 x 1 convolution and the upsampling may be swapped, and before upsampling there are a quarter of the pixels.
            x = torch.stack(layer.conv(x).chunk(layer.stride, dim=1), dim=1).flatten(0, 1)
            assert upsample is not None, "Grow follows an upsampling"
            x = upsample(x)
        else:
            x = layer(x)
    return x


def encode_whole(codec: TAEHV, pixels_BCTHW: Tensor, *, memory: bool = True) -> Tensor:
    """The same as `taehv.encode_clip`, for all frames at once."""
    batch = pixels_BCTHW.shape[0]
    lead = pixels_BCTHW[:, :, :1].expand(-1, -1, TEMPORAL_STRIDE - 1, -1, -1)
    frames = torch.cat([lead, pixels_BCTHW], dim=2).transpose(1, 2).flatten(0, 1)
    patches = functional.pixel_unshuffle(frames, codec.patch).contiguous(memory_format=torch.channels_last)
    latent: Tensor = run_layers(codec.encoder, patches, batch, memory=memory).unflatten(0, (batch, -1))
    return latent.transpose(1, 2)


def decode_whole(codec: TAEHV, latent_BCFHW: Tensor, *, memory: bool = True) -> Tensor:
    """The same as `TAEHV.decode`, for all frames at once."""
    batch = latent_BCFHW.shape[0]
    cells = latent_BCFHW.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    frames = functional.pixel_shuffle(run_layers(codec.decoder, cells, batch, memory=memory), codec.patch)
    clips: Tensor = frames.unflatten(0, (batch, -1)).transpose(1, 2)
    return clips[:, :, TEMPORAL_STRIDE - 1 :]


def components(rows_NC: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first principal components of rows: unit vectors ``[C, count]`` and their standard deviations ``[count]``.

    A direction in which the rows do not vary becomes a vector of zeros.
    """
    centred = (rows_NC - rows_NC.mean(dim=0)).double()
    variances, vectors = torch.linalg.eigh(centred.T @ centred / len(rows_NC))
    order = torch.arange(len(variances) - 1, len(variances) - 1 - count, -1)
    vectors, variances = vectors[:, order], variances[order]
    signs = torch.where(vectors.sum(dim=0) < 0, -1.0, 1.0)  # of a vector and its negative, always the same one
    vectors = vectors * signs * (variances > 1e-9 * variances[0])
    return vectors.to(rows_NC.dtype), variances.clamp_min(0).sqrt().to(rows_NC.dtype)


@torch.no_grad()
def start(
    codec: TAEHV, pixels_BCTHW: Tensor, generator: torch.Generator, whitening: float = 1.0, stays: bool = False
) -> None:
    """Set all weights: the encoder to the principal components of these clips, the decoder to a blurred picture.

    The normalised latents of the clips then have mean 0 in each channel and mean square 1 over all. Needs float32 on the CPU.

    Args:
        codec: the codec to set.
        pixels_BCTHW: clips in 0..1 with 4k + 1 frames and sides that are multiples of 16.
        generator: draws the random weights.
        whitening: a channel's standard deviation is that of its component to the power of 1 - whitening, so at 1 all are equal.
        stays: the encoder will not learn, so its features may be lifted so far that the code is linear for any clip. Learning from there
            would be unstable, because of their large means.
    """
    for module in codec.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(0, module.weight[0].numel() ** -0.5, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
    for block in (layer for layer in codec.modules() if isinstance(layer, MemoryBlock)):
        for convolution in (layer for layer in block.conv if isinstance(layer, nn.Conv2d)):
            convolution.weight.mul_(2**0.5)  # ReLU removes half of the power
        block.last.weight.zero_()
    _start_encoder(codec, pixels_BCTHW, whitening, stays)
    _start_decoder(codec, pixels_BCTHW[:DECODER_CLIPS])


def _start_encoder(codec: TAEHV, pixels_BCTHW: Tensor, whitening: float, stays: bool) -> None:
    lead = pixels_BCTHW[:, :, :1].expand(-1, -1, TEMPORAL_STRIDE - 1, -1, -1)
    frames = torch.cat([lead, pixels_BCTHW], dim=2).transpose(1, 2).flatten(0, 1)
    x = functional.pixel_unshuffle(frames, codec.patch)
    first, last = codec.encoder[0], codec.encoder[-1]
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.Conv2d)
    # Pixels are not negative, so ReLU passes them. The channels left over start as random features that nothing uses yet.
    first.weight[: x.shape[1]] = 0
    first.weight[: x.shape[1], :, 1, 1] = torch.eye(x.shape[1])
    x = functional.pad(x, (0, 0, 0, 0, 0, first.out_channels - x.shape[1]))
    for index, pool in enumerate(codec.encoder):
        if not isinstance(pool, Pool):
            continue
        join, block = codec.encoder[index + 1], codec.encoder[index + 2]
        assert isinstance(join, nn.Conv2d)
        assert isinstance(block, MemoryBlock)
        width = join.in_channels
        x = torch.cat([x[offset :: pool.stride] for offset in range(pool.stride)], dim=1)
        pool.conv.weight.copy_(components(_rows(x), width)[0].T[:, :, None, None])
        x = pool.conv(x)
        vectors, _ = components(_rows(functional.pixel_unshuffle(x, 2)), width)
        # A stride of 2 puts the kernel's centre on the upper left of the four cells.
        join.weight.zero_()
        join.weight[:, :, 1:, 1:] = vectors.T.reshape(width, width, 2, 2)
        x = join(x)
        rows = _rows(x)
        low, high = rows.aminmax(dim=0)
        # (high - low) / 2 - low: beyond everything seen, by half of its range.
        block.lift.copy_((high - low) / 2 - low if stays else LIFT * rows.std(dim=0) - rows.mean(dim=0))
        x = functional.relu(x + block.lift.view(1, -1, 1, 1))
    vectors, deviations = components(_rows(x), last.out_channels)
    wanted = deviations ** (1 - whitening)
    wanted = wanted / wanted.square().mean().sqrt()
    projection = (vectors * (torch.tensor(LATENT_STD) * wanted / deviations.clamp_min(1e-4))).T
    last.weight.zero_()
    last.weight[:, :, 1, 1] = projection
    _bias(last).copy_(torch.tensor(LATENT_MEAN) - projection @ _rows(x).mean(dim=0))


def _start_decoder(codec: TAEHV, pixels_BCTHW: Tensor) -> None:
    batch = len(pixels_BCTHW)
    x = encode_whole(codec, pixels_BCTHW, memory=False).transpose(1, 2).flatten(0, 1)
    *layers, last = codec.decoder
    for index, layer in enumerate(layers):
        if isinstance(layer, Grow):
            # All frames of a latent frame start as the same picture.
            copies = torch.eye(layer.conv.in_channels).repeat(layer.stride, 1)
            layer.conv.weight.copy_(copies[:, :, None, None])
        if not isinstance(layer, nn.Conv2d):
            continue
        after = layers[index + 1]
        width, mirrored = layer.out_channels, layer.bias is None and isinstance(after, nn.ReLU)
        # The strongest latent channels are passed on unchanged, next to random mixtures of all.
        kept = min(layer.in_channels, width // 2 if mirrored else width, x.shape[1])
        layer.weight[:kept] = 0
        layer.weight[:kept, :kept, 1, 1] = torch.eye(kept)
        if index > 1:  # The lift of the features before must not reach these.
            layer.weight.sub_(layer.weight.mean(dim=1, keepdim=True))
        if mirrored:  # Nothing can lift these above ReLU's corner, so there is one for each sign.
            layer.weight[width // 2 :] = -layer.weight[: width // 2]
            continue
        rows = _rows(run_layers(layers[: index + 1], x, batch, memory=False))
        bias = after.lift if isinstance(after, MemoryBlock) else _bias(layer)
        bias.copy_(LIFT * rows.std(dim=0).max() - rows.mean(dim=0))
    assert isinstance(last, nn.Conv2d)
    features = run_layers(layers, x, batch, memory=False).unflatten(0, (batch, -1))[:, TEMPORAL_STRIDE - 1 :]
    seen = _rows(functional.unfold(features.flatten(0, 1), 3, padding=1))
    wanted = _rows(functional.pixel_unshuffle(pixels_BCTHW.transpose(1, 2).flatten(0, 1), codec.patch))
    inputs = torch.cat([seen, torch.ones(len(seen), 1)], dim=1)
    gram = (inputs.T @ inputs).double()
    ridge = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.linalg.solve(gram + ridge, (inputs.T @ wanted).double()).to(last.weight.dtype)
    last.weight.copy_(weights[:-1].T.reshape(last.weight.shape))
    _bias(last).copy_(weights[-1])


def _rows(x: Tensor) -> Tensor:
    """``[..., C]`` as rows ``[N, C]``, with the channels (dimension 1) last."""
    return x.movedim(1, -1).flatten(0, -2)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
