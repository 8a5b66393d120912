"""Clips spoilt in known ways, more and more: what the feature network learns to see, and what a measure must notice.

A strength is from 0 (nothing) to 1. Frame 0 is left as it is wherever time is what is spoilt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]  # [T, H, W, 3]
Degradation = Callable[[Frames, float, np.random.Generator], Frames]


def blurred(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """A Gaussian of a deviation up to 1/32 of the shorter side."""
    sigma = strength * min(frames_THWC.shape[1:3]) / 32
    if sigma < 0.1:  # less than a pixel's own width
        return frames_THWC
    down = np.tensordot(_gaussian(frames_THWC.shape[1], sigma), frames_THWC.astype(np.float32), axes=(1, 1))
    across = np.tensordot(_gaussian(frames_THWC.shape[2], sigma), down, axes=(1, 2))
    return _bytes(across.transpose(2, 1, 0, 3))


def noised(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """White noise of a deviation up to 50 of 255."""
    return _bytes(frames_THWC + 50 * strength * rng.standard_normal(frames_THWC.shape, dtype=np.float32))


def frozen(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Time stands still from some frame on; from the first one at full strength."""
    last = round((1 - strength) * (len(frames_THWC) - 1))
    return frames_THWC[np.minimum(np.arange(len(frames_THWC)), last)]


def shuffled(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """A share of the frames, but the first one, changes places."""
    count = len(frames_THWC)
    order = np.arange(count)
    moved = rng.permutation(np.arange(1, count))[: round(strength * (count - 1))]
    order[np.sort(moved)] = np.roll(moved, 1)
    return frames_THWC[order]


def ghosted(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """What was there a quarter of the clip before shines through, up to a half."""
    lag = max(len(frames_THWC) // 4, 1)
    before = frames_THWC[np.maximum(np.arange(len(frames_THWC)) - lag, 0)]
    return _bytes(frames_THWC + 0.5 * strength * (before.astype(np.float32) - frames_THWC))


def paled(frames_THWC: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Colours are drawn towards the frame's mean, up to 0.8 of the way."""
    mean = frames_THWC.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _bytes(frames_THWC + 0.8 * strength * (mean - frames_THWC))


DEGRADATIONS: Mapping[str, Degradation] = {
    "blurred": blurred,
    "noised": noised,
    "frozen": frozen,
    "shuffled": shuffled,
    "ghosted": ghosted,
    "paled": paled,
}


def _gaussian(length: int, sigma: float) -> NDArray[np.float32]:
    """[length, length]: rows that average around each pixel; what lies beyond the border does not count."""
    apart = np.arange(length)[:, None] - np.arange(length)[None]
    weights = np.exp(-0.5 * (apart / sigma) ** 2)
    shares: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _bytes(values: NDArray[np.float32]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
