"""The blocks of TAEHV's layout: convolutions that see the frame before, pools and growth in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


def conv(channels_in: int, channels_out: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=bias)


class FrameMemory(nn.Module):
    """A layer over a frame and its predecessor (zeros before the first one)."""

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Chunks ``[B, N, C, H, W]`` of consecutive frames, same shape in and out."""
        last: Tensor | None = None
        for chunk in chunks:
            last = torch.zeros_like(chunk[:, :1]) if last is None else last
            before = torch.cat([last, chunk[:, :-1]], dim=1)
            last = chunk[:, -1:]
            yield per_frame(self, torch.cat([chunk, before], dim=2))


class MemoryBlock(FrameMemory):
    """Three convolutions with a skip.

    Attributes:
        only_lifts: the last convolution's weights are all zero, as in a linear encoder, so only its bias is computed.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.only_lifts = False
        self.conv = nn.Sequential(conv(2 * width, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width))

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See ``FrameMemory.stream``."""
        if self.only_lifts:
            return (functional.relu(self.lift.view(-1, 1, 1) + chunk) for chunk in chunks)
        return super().stream(chunks)

    def forward(self, frame_and_before_NCHW: Tensor) -> Tensor:
        """``[N, 2 C, H, W] -> [N, C, H, W]``."""
        frame, _ = frame_and_before_NCHW.chunk(2, dim=1)
        return functional.relu(self.conv(frame_and_before_NCHW) + frame)

    @property
    def last(self) -> nn.Conv2d:
        """The last convolution."""
        convolution = self.conv[-1]
        assert isinstance(convolution, nn.Conv2d)
        return convolution

    @property
    def lift(self) -> Tensor:
        """The last convolution's bias ``[C]``."""
        assert self.last.bias is not None
        return self.last.bias


class SuperMemoryBlock(FrameMemory):
    """A depthwise 7 x 7 convolution and two of 1 x 1, with a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, 7, padding=3, groups=2 * width, bias=False),
            nn.Conv2d(2 * width, 4 * width, 1),
            nn.ReLU(),
            nn.Conv2d(4 * width, width, 1, bias=False),
        )

    def forward(self, frame_and_before_NCHW: Tensor) -> Tensor:
        """``[N, 2 C, H, W] -> [N, C, H, W]``."""
        frame, _ = frame_and_before_NCHW.chunk(2, dim=1)
        out: Tensor = self.conv(frame_and_before_NCHW) + frame
        return out


class Pool(nn.Module):
    """Join ``stride`` consecutive frames into one with a 1 x 1 convolution over their stacked channels."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(stride * width, width, 1, bias=False)

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """``[B, N, C, H, W] -> [B, N / stride, C, H, W]``; chunks hold whole groups of frames."""
        for chunk in chunks:
            batch, frames, channels, rows, columns = chunk.shape
            groups = chunk.reshape(batch, frames // self.stride, self.stride * channels, rows, columns)
            yield per_frame(self.conv, groups)


class Grow(nn.Module):
    """Make ``stride`` consecutive frames of one with a 1 x 1 convolution."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(width, stride * width, 1, bias=False)

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """``[B, N, C, H, W] -> [B, N * stride, C, H, W]``."""
        for chunk in chunks:
            batch, frames, channels, rows, columns = chunk.shape
            yield per_frame(self.conv, chunk).reshape(batch, frames * self.stride, channels, rows, columns)


class SoftClamp(nn.Module):
    """Keep latents within -3..3."""

    def forward(self, x: Tensor) -> Tensor:
        """``3 tanh(x / 3)``."""
        return torch.tanh(x / 3) * 3


def per_frame(layer: nn.Module, chunk_BNCHW: Tensor) -> Tensor:
    out: Tensor = layer(chunk_BNCHW.flatten(0, 1))
    return out.reshape(*chunk_BNCHW.shape[:2], *out.shape[1:])
