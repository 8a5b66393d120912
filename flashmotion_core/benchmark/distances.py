"""Frechet and kernel distances of a row's clips to the real ones, on the clips that both have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import frechet_distance
from ..metrics.bootstrap import drawn
from ..metrics.frechet import centred_interval, resampled_distances
from ..metrics.kernel import kernel_distance

Array = NDArray[np.float64]

RESAMPLES, FEWER = 500, 100
WIDE, WIDEST = 128, 512
"""Rows or dimensions, whichever are fewer, above which there are fewer resamples, and none: they would take hours."""


def distances(
    clips: Mapping[str, Array], real: Mapping[str, Array], *, itself: bool, seed: int
) -> dict[str, Any] | None:
    """Distances in the features of one extractor; None with fewer than two clips.

    Args:
        clips, real: features [K, D] by clip.
        itself: whether these are the real clips: the unbiased kernel distance of a set to itself means nothing.
        seed: of the bootstrap over clips, which draws both sets' clips in pairs.
    """
    both = [name for name in clips if name in real]
    if len(both) < 2:
        return None
    a_ND, b_MD = (np.concatenate([found[name] for name in both]) for found in (clips, real))
    counts = [(len(clips[name]), len(real[name])) for name in both]
    clips_N, clips_M = (np.repeat(np.arange(len(both)), [count[side] for count in counts]) for side in (0, 1))
    estimate = frechet_distance(a_ND, b_MD)
    even = len({count for pair in counts for count in pair}) == 1
    interval = None
    size = min(a_ND.shape)
    if even and size <= WIDEST:
        rows, chosen_RC = counts[0][0], drawn(len(both), RESAMPLES if size <= WIDE else FEWER, seed)
        chosen_RN = (chosen_RC[:, :, None] * rows + np.arange(rows)).reshape(len(chosen_RC), -1)
        low, high = centred_interval(estimate, resampled_distances(a_ND, b_MD, chosen_RN))
        interval = [max(low, 0.0), high]
    return {
        "frechet": estimate,
        "frechet_95": interval,
        "kernel": None if itself else kernel_distance(a_ND, b_MD, clips_N, clips_M),
        "clips": len(both),
        "rows": len(a_ND),
        "dimensions": a_ND.shape[1],
    }
