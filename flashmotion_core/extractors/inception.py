"""Inception v3 as FID is defined with it, by torch-fidelity: one row of 2,048 features per frame.

Theirs: the network and its resizing to 299 x 299 (TensorFlow's bilinear). Ours: reading the weights from safetensors, and the distance.
torch-fidelity itself opens its weights with a full unpickler and fetches them where no path is given. `python convert.py --plain` makes
a safetensors file of its `weights-inception-2015-12-05-6726825d.pth`.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files.weights import read_tensors

Array = NDArray[np.float64]

BATCH = 16
LAYER = "2048"


class InceptionExtractor:
    """The network as an `Extractor`; one row per frame.

    Args:
        path: safetensors with torch-fidelity's key names.
        digest: its SHA-256.
        device: "cpu" or "cuda".

    Raises:
        ValueError: torch-fidelity is not installed, or the file holds other weights.
    """

    name, frechet, kernel = "inception", "FID", "KID"

    def __init__(self, path: Path, digest: str, device: str = "cpu") -> None:
        import torch

        try:
            from torch_fidelity import __version__
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise ValueError(
                "torch_fidelity is not installed; run pip install torch-fidelity, or take another extractor."
            ) from error
        tensors, _ = read_tensors(path)
        # It insists on opening a file itself: it gets one of ours, in memory, that holds these tensors and nothing else.
        held = io.BytesIO()
        torch.save(tensors, held)
        held.seek(0)
        try:
            network = FeatureExtractorInceptionV3("inception", [LAYER], feature_extractor_weights_path=held)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path.name} does not hold torch-fidelity's Inception ({reason}); give another file."
            ) from error
        self.network, self.device = network.to(device), device
        self.protocol = (
            f"Inception v3 of torch-fidelity {__version__}, weights SHA-256 {digest}, pool3, 2048 numbers per frame, all frames, resized to "
            f"299 x 299 as TensorFlow does, on {device}"
        )

    def __call__(self, frames_THWC: NDArray[np.uint8]) -> Array:
        """See `Extractor`."""
        import torch

        rows = []
        with torch.no_grad():
            for start in range(0, len(frames_THWC), BATCH):
                batch_BCHW = (
                    torch.from_numpy(np.ascontiguousarray(frames_THWC[start : start + BATCH]))
                    .movedim(-1, 1)
                    .contiguous()
                )
                rows.append(self.network(batch_BCHW.to(self.device))[0].double().cpu().numpy())
        return np.concatenate(rows)
