"""A small network that sees clips of the synthetic world. It is neither Inception nor I3D: its distances compare only with one another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..files.weights import read_tensors
from .extractor import evenly, load_weights

Array = NDArray[np.float64]
Frames = NDArray[np.uint8]

FORMAT = "1"
SIDE, TIMES = 128, 9
"""Pixels of the shorter side at which the network sees clips, and how many frames, evenly spaced."""
DIMENSIONS = 32


class ClipFeatures(nn.Module):
    """Three strided convolutions over each frame, two over time, then means and peaks over the clip; `DIMENSIONS` numbers.

    Attributes:
        mean_D, std_D: of the raw features over training clips, used to standardise them.
    """

    mean_D: Tensor
    std_D: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.frame = nn.Sequential(
            *(nn.Conv2d(3, 24, 7, stride=4, padding=3), nn.BatchNorm2d(24), nn.SiLU()),
            *(nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.SiLU()),
            *(nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.SiLU()),
        )
        self.time = nn.Sequential(
            *(nn.Conv3d(64, 96, (3, 1, 1), padding=(1, 0, 0)), nn.BatchNorm3d(96), nn.SiLU()),
            *(nn.Conv3d(96, 128, (3, 3, 3), stride=2, padding=1), nn.BatchNorm3d(128), nn.SiLU()),
        )
        self.out = nn.Linear(256, DIMENSIONS)
        self.register_buffer("mean_D", torch.zeros(DIMENSIONS))
        self.register_buffer("std_D", torch.ones(DIMENSIONS))

    def raw(self, pixels_BTCHW: Tensor) -> Tensor:
        """Features ``[B, D]`` of clips in 0..1, not standardised; the heads in training see these."""
        batch, frames = pixels_BTCHW.shape[:2]
        per_frame = self.frame((pixels_BTCHW.flatten(0, 1) - 0.5) * 4)
        clip_BCTHW = self.time(per_frame.unflatten(0, (batch, frames)).transpose(1, 2))
        pooled = torch.cat([clip_BCTHW.mean(dim=(2, 3, 4)), clip_BCTHW.amax(dim=(3, 4)).mean(dim=2)], dim=1)
        out: Tensor = self.out(pooled)
        return out

    def forward(self, pixels_BTCHW: Tensor) -> Tensor:
        """Standardised features ``[B, D]``."""
        return (self.raw(pixels_BTCHW) - self.mean_D) / self.std_D


def pixels(frames_THWC: Frames) -> Tensor:
    """At most `TIMES` of the frames, ``[T, 3, h, w]`` in 0..1, resized by area to a shorter side of `SIDE`."""
    tensor_TCHW = torch.from_numpy(frames_THWC[evenly(len(frames_THWC), TIMES)]).movedim(-1, 1).float() / 255
    height, width = tensor_TCHW.shape[2:]
    if min(height, width) == SIDE:
        return tensor_TCHW
    scale = SIDE / min(height, width)
    return functional.interpolate(tensor_TCHW, (round(height * scale), round(width * scale)), mode="area")


@torch.no_grad()
def features_of(network: ClipFeatures, clips: Sequence[Frames]) -> Array:
    """Features ``[N, D]`` of clips, computed one by one."""
    found = [network(pixels(frames)[None])[0].double().numpy() for frames in clips]
    return np.stack(found) if found else np.zeros((0, DIMENSIONS))


def load_world_network(path: Path) -> ClipFeatures:
    """Read the network, on the CPU and in float32. Raises ValueError: the file is missing, or not such a network of this version."""
    tensors, metadata = read_tensors(path)
    if metadata.get("flashmotion.features") != FORMAT:
        raise ValueError(f"{path.name} is not a feature network of this version; give another file.")
    network = ClipFeatures()
    load_weights(network, tensors, path, "the world's feature network")
    return network


class WorldExtractor:
    """The network as an `Extractor`.

    Args:
        path: see `load_world_network`.
        digest: SHA-256 of the file.
    """

    name, frechet, kernel = "world", "Frechet, world", "kernel, world"

    def __init__(self, path: Path, digest: str) -> None:
        self.network = load_world_network(path)
        self.protocol = (
            f"the synthetic world's own network, SHA-256 {digest}, {DIMENSIONS} numbers per clip, at most {TIMES} frames, evenly spaced, "
            f"area-resized to a shorter side of {SIDE}"
        )

    def __call__(self, frames_THWC: Frames) -> Array:
        """See `Extractor`."""
        return features_of(self.network, [frames_THWC])
