"""What every network for Frechet and kernel distances is to the benchmark: a clip in, features out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


class Extractor(Protocol):
    """Features of clips.

    Attributes:
        name: of its files and results, unique: "i3d".
        frechet, kernel: titles of its distances: "FVD", "KVD".
        protocol: the network, its weights' SHA-256, frames and resizing, in a few words.
    """

    name: str
    frechet: str
    kernel: str
    protocol: str

    def __call__(self, frames_THWC: NDArray[np.uint8]) -> Array:
        """Features [K, D] of a clip, uint8 RGB [T, H, W, 3]: K is 1, or the number of frames. Raises ValueError for too short a clip."""
        ...


def load_weights(network: nn.Module, tensors: dict[str, Tensor], path: Path, what: str) -> None:
    """Put a file's weights into a network, for use only. Raises ValueError where they are another network's."""
    try:
        network.load_state_dict(
            {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path.name} does not hold the weights of {what} ({reason}); give another file.") from error
    network.eval().requires_grad_(False)


def evenly(count: int, wanted: int) -> list[int]:
    """At most so many frames' numbers, evenly spaced, the first and the last among them."""
    chosen: list[int] = np.linspace(0, count - 1, min(wanted, count)).round().astype(int).tolist()
    return chosen
