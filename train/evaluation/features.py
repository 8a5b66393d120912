"""The network of `flashmotion_core.extractors.world_network`, as `feature_network` trains it and evaluation reads it."""

from __future__ import annotations

import json
from pathlib import Path

from flashmotion_core.extractors.world_network import (
    DIMENSIONS,
    FORMAT,
    SIDE,
    TIMES,
    ClipFeatures,
    features_of,
    load_world_network,
    pixels,
)
from flashmotion_core.files.weights import save_whole

from ..errors import TrainError

__all__ = [
    "DEFAULT",
    "DIMENSIONS",
    "SIDE",
    "TIMES",
    "ClipFeatures",
    "features_of",
    "load_features",
    "pixels",
    "save_features",
]

DEFAULT = Path(__file__).resolve().parents[2] / "assets/tiny/metrics/flashmotion_world_features.safetensors"


def save_features(path: Path, network: ClipFeatures, notes: dict[str, object]) -> None:
    """Write the network in float16; the metadata says what it is and how it was made."""
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
    }
    about = "features of FlashMotion's synthetic world; distances compare only with those of this very file"
    save_whole(path, tensors, {"flashmotion.features": FORMAT, "about": about, "made": json.dumps(notes)})


def load_features(path: Path) -> ClipFeatures:
    """Read the network, on the CPU and in float32.

    Raises:
        TrainError: the file does not exist, or is not a feature network.
    """
    remedy = (
        "train one with python -m train.feature_network, or leave out Frechet distances with evaluate.features=null"
    )
    try:
        return load_world_network(path)
    except (OSError, ValueError) as error:
        raise TrainError(
            f"the feature network {path} cannot be used ({' '.join(str(error).split())}); {remedy}."
        ) from error
