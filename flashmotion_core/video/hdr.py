"""High dynamic range and wide gamut, brought to what a model was trained on: BT.709, 8 bits.

The inverse transfer functions are those of ITU-R BT.2100 (PQ: table 4, HLG: table 5, with the system gamma 1.2 of a display of 1,000 cd/m2).
Reference white is 203 cd/m2 (BT.2408). Everything up to KNEE of it keeps its brightness, so that faces look as in an ordinary video;
what is brighter approaches white, which PEAK reaches. One factor for all three channels keeps the hue.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .frames import Frames

PQ, HLG = 16, 18
BT2020 = 9
"""Numbers of ITU-T H.273."""
WHITE, PEAK = 203.0, 1000.0
KNEE = 0.7
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
"""Linear BT.2020 to linear BT.709 (BT.2087)."""
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)

Linear = NDArray[np.float32]


def to_sdr(picture_HWC: NDArray[np.uint16], transfer: int, primaries: int) -> Frames:
    """A picture ``[H, W, 3]`` of 16 bits (full range RGB, by its own matrix) as BT.709, uint8.

    Args:
        picture_HWC: the coded values.
        transfer: `PQ`, `HLG`, or another number for an ordinary video.
        primaries: `BT2020`, or another number for those of BT.709.
    """
    linear = _linear_table(transfer)[picture_HWC]  # 1.0 is reference white
    if transfer == HLG:
        linear *= (linear @ _LUMA_2020)[..., None] ** np.float32(0.2) * np.float32(PEAK / WHITE)
    if primaries == BT2020:
        linear = np.maximum(linear @ _TO_BT709.T, 0)
    if transfer in (PQ, HLG):
        linear = _below_white(linear)
    return _encode_table()[(np.clip(linear, 0, 1) * 4095 + 0.5).astype(np.uint16)]


def _below_white(linear: Linear) -> Linear:
    """Scale each pixel so that its largest channel is at most 1: the identity up to KNEE, then Reinhard's curve (2002, eq. 4)."""
    largest = linear.max(axis=-1, keepdims=True)
    above = np.maximum(largest - KNEE, 0) / (1 - KNEE)
    peak = (PEAK / WHITE - KNEE) / (1 - KNEE)
    wanted = KNEE + (1 - KNEE) * above * (1 + above / peak**2) / (1 + above)
    return np.where(largest > KNEE, linear * (wanted / np.maximum(largest, 1e-6)), linear).astype(np.float32)


@lru_cache(maxsize=4)
def _linear_table(transfer: int) -> Linear:
    """Linear light of each 16-bit value: PQ relative to reference white, HLG the scene's from 0 to 1, others by a gamma of 2.4."""
    code = np.linspace(0, 1, 65536)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        root = code ** (1 / m2)
        light = 10000 / WHITE * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    elif transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    else:
        light = code**2.4
    return light.astype(np.float32)


@lru_cache(maxsize=1)
def _encode_table() -> Frames:
    """8-bit values of 4,096 steps of linear light, for a display of BT.1886."""
    return (np.linspace(0, 1, 4096) ** (1 / 2.4) * 255 + 0.5).astype(np.uint8)
