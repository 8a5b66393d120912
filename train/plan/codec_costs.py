"""What a run's codec takes, as a plan counts it: the Wan 2.2 VAE and its small relatives by their sizes, a TAEHV codec by its own operations."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from flashmotion_core.codec.taehv import encode_clip
from flashmotion_core.codec.taehv_file import load_taehv
from flashmotion_core.codec.vae import only_decodes
from flashmotion_core.codec.wan_vae_file import is_wan_vae_file
from flashmotion_core.files.weights import read_header
from flashmotion_core.wan.config import LATENT_CHANNELS

PIXELS = 1280 * 704 * 121
ENCODE_FLOPS, DECODE_FLOPS = 382.6e12 / PIXELS, 2011e12 / PIXELS
"""Of the Wan 2.2 VAE, per pixel and frame: counted on the meta device for 121 frames of 1280 x 704; its convolutions scale with the pixels."""
WAN_BYTES = 1_410_000_000
"""Weights of the Wan 2.2 VAE in bfloat16."""
WAN_SIZES = {"encoder": 149.6e6, "decoder": 555.0e6}
"""Its weights by part."""
LATENT_FRAMES, SIDE = 5, 64
"""The clip that a TAEHV codec is counted with."""


@dataclass(frozen=True)
class CodecCosts:
    """FLOPs to encode and to decode a pixel of a frame, and the bytes of the weights in bfloat16."""

    encode: float
    decode: float
    weights: int


def codec_costs(given: str | None) -> CodecCosts:
    """Those of the codec that `models.vae` names: none for one that is trained here, as it is tiny; the Wan 2.2 VAE's for one that is not there.

    Raises:
        ValueError: a file that is not a codec.
    """
    if given is None:
        return CodecCosts(0.0, 0.0, 0)
    path = Path(given)
    if not path.is_file():
        return CodecCosts(ENCODE_FLOPS, DECODE_FLOPS, WAN_BYTES)
    if not is_wan_vae_file(path):
        return _taehv(path)
    shapes = read_header(path)[0]
    parts = {part: sum(prod(shape) for key, shape in shapes.items() if f"{part}." in key) for part in WAN_SIZES}
    encode, decode = (parts[part] / whole for part, whole in WAN_SIZES.items())
    return CodecCosts(ENCODE_FLOPS * encode, DECODE_FLOPS * decode, 2 * sum(map(prod, shapes.values())))


def _taehv(path: Path) -> CodecCosts:
    codec = load_taehv(path).to("meta", torch.float32)
    frames, latent = 4 * (LATENT_FRAMES - 1) + 1, (1, LATENT_CHANNELS, LATENT_FRAMES, SIDE // 16, SIDE // 16)
    counts = []
    with torch.no_grad():
        for encodes in (True, False):
            if encodes and only_decodes(path):
                counts.append(0)
                continue
            with FlopCounterMode(display=False) as counted:
                if encodes:
                    encode_clip(codec, torch.empty(1, 3, frames, SIDE, SIDE, device="meta"))
                else:
                    codec.decode(torch.empty(latent, device="meta"))
            counts.append(counted.get_total_flops())
    encode, decode = (count / (frames * SIDE * SIDE) for count in counts)
    return CodecCosts(encode, decode, 2 * sum(tensor.numel() for tensor in codec.state_dict().values()))
