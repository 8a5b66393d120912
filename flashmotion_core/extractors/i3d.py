"""I3D of Kinetics 400 as FVD is defined with it, by cd-fvd: 400 logits per clip.

Theirs: the network and its preprocessing (both sides stretched to 224, values -1 to 1). Ours: reading the weights from safetensors, the
frames that are taken, and the distance: cd-fvd's own covariance divides by N instead of N - 1, and its matrix root fails with SciPy 1.18.
`python convert.py --plain` makes a safetensors file of `i3d_pretrained_400.pt`. StyleGAN-V's `i3d_torchscript.pt` is not read: TorchScript is a
program, and programs of files are not run here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files.weights import read_tensors
from .extractor import evenly, load_weights

Array = NDArray[np.float64]

LEAST = 10
"""Frames that its strides over time need."""


class I3dExtractor:
    """The network as an `Extractor`; one row per clip.

    Args:
        path: safetensors with cd-fvd's key names.
        digest: its SHA-256.
        device: "cpu" or "cuda".
        frames: so many, evenly spaced; None for all.

    Raises:
        ValueError: cd-fvd is not installed, or the file holds other weights.
    """

    name, frechet, kernel = "i3d", "FVD", "KVD"

    def __init__(self, path: Path, digest: str, device: str = "cpu", frames: int | None = 16) -> None:
        try:
            from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
        except ImportError as error:
            raise ValueError(
                f"cdfvd cannot be imported ({error}); run pip install cd-fvd, or take another extractor."
            ) from error
        network = InceptionI3d(400, in_channels=3)
        load_weights(network, read_tensors(path)[0], path, "cd-fvd's I3D")
        self.network, self.device, self.frames = network.to(device), device, frames
        taken = "all frames" if frames is None else f"{frames} frames, evenly spaced"
        if frames is None:
            self.name, self.frechet, self.kernel = "i3d_all", "FVD, all frames", "KVD, all frames"
        self.protocol = (
            f"I3D (Kinetics 400) of cd-fvd, weights SHA-256 {digest}, 400 logits per clip, {taken}, both sides stretched to 224 bilinearly, "
            f"on {device}"
        )

    def __call__(self, frames_THWC: NDArray[np.uint8]) -> Array:
        """See `Extractor`."""
        import torch
        from cdfvd.third_party.i3d.utils import preprocess_i3d

        if len(frames_THWC) < LEAST:
            raise ValueError(f"it has {len(frames_THWC)} frames, but I3D needs {LEAST}")
        chosen = evenly(len(frames_THWC), self.frames or len(frames_THWC))
        with torch.no_grad():
            clip_BCTHW = preprocess_i3d(frames_THWC[chosen][None]).to(self.device)
            features_BD: Array = self.network(clip_BCTHW).double().cpu().numpy()
        return features_BD
