"""Files of TAEHV's layout for Wan 2.2: ``taew2_2``, ``lighttaew2_2``, ``taew2_2_super`` and our own, with or without an encoder.

The first two share every key and shape but not the latents: madebyollin's take the generator's own, LightX2V's take raw ones
(``need_scaled`` in its loader). Only the name tells them apart, as in those two projects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..files.weights import read_tensors
from ..wan.config import LATENT_CHANNELS, Shapes, describe, shapes_of
from .taehv import TAEHV
from .taehv_blocks import MemoryBlock

WIDTHS_AT = (1, 8, 14, 20)
SUPER_WIDTHS_AT = (0, 7, 14, 21)


def is_taehv(shapes: Shapes) -> bool:
    """Whether a file's shapes are of this layout (any number of latent channels)."""
    return "decoder.22.bias" in shapes and ("decoder.1.weight" in shapes or _is_super(shapes))


def _is_super(shapes: Shapes) -> bool:
    return "decoder.1.conv.3.weight" in shapes


def takes_generators_latents(name: str) -> bool:
    """Whether a file of this name decodes the generator's own latents: ``taew2_2`` and what its author calls alike, not ``lighttaew2_2``."""
    stem = name.lower()
    return "taew2_2" in stem and "lighttae" not in stem


def from_state_dict(state_dict: Mapping[str, Tensor], name: str) -> TAEHV:
    """Build a codec with a state dict's widths and weights (dtypes are kept); ``name`` says which latents it takes.

    Raises:
        ValueError: another layout or number of latent channels; the message names every key that does not match.
    """
    shapes = shapes_of(state_dict)
    if not is_taehv(shapes):
        raise ValueError(
            f"{name} is {describe(shapes)}, but a VAE of Wan 2.2 with {LATENT_CHANNELS} latent channels was expected (its own, an "
            "MG-LightVAE or a TAEHV; the layout of LightX2V's LightVAE Pro and Lite is not known here); choose another file."
        )
    is_super = _is_super(shapes)
    channels = shapes.get("decoder.0.weight" if is_super else "decoder.1.weight", (0, 0))[1]
    if channels != LATENT_CHANNELS:
        raise ValueError(
            f"{name} is a TAEHV codec with {channels} latent channels, but {LATENT_CHANNELS} (Wan 2.2) were expected; choose a file for Wan 2.2."
        )
    keys = [
        f"decoder.{at}.{'conv.' if is_super and at else ''}weight"
        for at in (SUPER_WIDTHS_AT if is_super else WIDTHS_AT)
    ]
    stages = [shapes.get(key, (0,))[0] for key in keys]
    if is_super:  # its last two stages stack two frames into channels
        stages = [max(1, width // frames) for width, frames in zip(stages, (1, 1, 2, 2), strict=True)]
    encodes = any(key.startswith("encoder.") for key in shapes)
    width = shapes.get("encoder.0.weight", (0,))[0] if encodes else None
    patch = math.isqrt(shapes["decoder.22.bias"][0] // 3)
    with torch.device("meta"):
        codec = TAEHV(
            channels, width, stages, patch, is_super=is_super, normalised=is_super or takes_generators_latents(name)
        )
    expected = shapes_of(codec.state_dict())
    wrong = sorted(key for key in expected.keys() | shapes.keys() if expected.get(key) != shapes.get(key))
    if wrong:
        raise ValueError(
            f"{name} does not fit the TAEHV layout ({len(wrong)} keys missing, unknown or of another shape: {', '.join(wrong)}); choose another file."
        )
    codec.load_state_dict(dict(state_dict), assign=True)
    for layer in codec.encoder:
        if isinstance(layer, MemoryBlock):
            layer.only_lifts = not bool(layer.last.weight.any())
    return codec.requires_grad_(False).eval()


def load_taehv(path: str | Path) -> TAEHV:
    """Read a codec from a safetensors file; the widths come from its weights.

    Raises:
        ValueError: the file is unreadable, or has another layout or number of latent channels.
    """
    state_dict, _ = read_tensors(path)
    return from_state_dict(state_dict, Path(path).name)
