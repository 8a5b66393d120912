"""The noise levels of training: stratified uniform numbers, and the law that maps them to sigmas.

Both are pure: ``u`` comes from a generator that the caller owns, and a law is a monotone function of ``u`` (an inverse distribution
function), so that strata of u are strata of sigma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..sampling.schedule import TRAINED_SHIFT, check_shift


def stratified_uniform(count: int, generator: torch.Generator) -> Tensor:
    """``count`` numbers in [0, 1), exactly one in each of ``count`` equal strata, in random order: ``[count]`` float64 on the CPU.

    ``count`` is the global batch. Every rank draws all of them from a generator with the same state and takes its ``own_share``; the
    order is random, so that no rank (and no part of the data set) sees the same noise levels step after step.

    Raises:
        ValueError: ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"the global batch is {count}, but must be at least 1.")
    strata = torch.randperm(count, generator=generator)
    jitter = torch.rand(count, dtype=torch.float64, generator=generator)
    # The sum may round up to the next stratum, and to 1 in the last one.
    largest = torch.nextafter((strata + 1).double() / count, torch.zeros((), dtype=torch.float64))
    return torch.minimum((strata + jitter) / count, largest)


def own_share(u_N: Tensor, *, rank: int, ranks: int, micro_step: int, micro_steps: int) -> Tensor:
    """The part of a global batch that one rank works on in one micro-step: ``[N / (ranks * micro_steps)]``. Disjoint; together, the batch.

    Raises:
        ValueError: the global batch does not divide evenly, or the rank or micro-step is out of range.
    """
    shares = ranks * micro_steps
    if u_N.shape[0] % shares:
        raise ValueError(
            f"the global batch is {u_N.shape[0]}, but must be a multiple of {ranks} ranks x {micro_steps} micro-steps; "
            f"use {math.ceil(u_N.shape[0] / shares) * shares}."
        )
    if not (0 <= rank < ranks and 0 <= micro_step < micro_steps):
        raise ValueError(
            f"rank {rank} and micro-step {micro_step} were asked for, but there are {ranks} ranks and {micro_steps} micro-steps, from 0."
        )
    return u_N.view(shares, -1)[micro_step * ranks + rank]


@dataclass(frozen=True)
class SigmaLaw:
    """The distribution of sigma in training.

    A uniform ``sigma = u``, then the time shift ``s * sigma / (1 + (s - 1) * sigma)`` (SD3, eq. 23), then a clamp to ``[low, high]``,
    which moves the mass outside onto the ends.

    Attributes:
        shift: 5 gives Wan2.2's own density at 720p, 3 at 480p; 1 is no shift.
        low: smallest sigma; 0.02 for the scores of DMD and for the discriminator.
        high: largest sigma; 0.98 for the same.
    """

    shift: float = TRAINED_SHIFT
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        check_shift(self.shift)
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"the sigma window is {self.low!r} to {self.high!r}, but must rise within 0 to 1.")

    def sigma(self, u_N: Tensor) -> Tensor:
        """Sigma at the quantiles ``u`` in [0, 1]: same shape and type, rising with u."""
        sigma = self.shift * u_N / (1 + (self.shift - 1) * u_N)
        return sigma.clamp(self.low, self.high)


SCORE_LAW = SigmaLaw(low=0.02, high=0.98)
"""Noise levels at which DMD's scores and the discriminator are evaluated (Self-Forcing, FlashMotion)."""
