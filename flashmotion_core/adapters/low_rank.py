"""A trained matrix as the one that it began as, and a product of two thin ones: W = scale B + up down.

B is the generator's, ``up`` is ``[rows, rank]`` and ``down`` ``[rank, columns]``. The scale is there for weight decay, which shrinks a whole
matrix: that change has every rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

EXACT = 1024
"""Up to so many rows or columns all singular values are computed; beyond, only the first ones, to within a percent or so."""
SPARE, ROUNDS = 16, 4
FITS = 2
"""Of scale and product, in turn: the first scale takes a little of the product along."""


@dataclass(frozen=True)
class LowRank:
    """What a small adapter file says of its pairs.

    Attributes:
        rank: of every product.
        mean_error: of the change that training made of a matrix, the share that is lost; the mean over matrices.
        worst_error: the largest.
    """

    rank: int
    mean_error: float
    worst_error: float


class Pair(NamedTuple):
    """See the module; ``scale`` has no dimension."""

    up: Tensor
    down: Tensor
    scale: Tensor


def pays(shape: Sequence[int], rank: int) -> bool:
    """Whether a product of this rank takes less than the tensor, which must be a matrix."""
    return len(shape) == 2 and rank * sum(shape) < shape[0] * shape[1]


def pair_of(weight: Tensor, base: Tensor, rank: int) -> Pair:
    """The closest pair of a rank, in the weight's type, its scale in float32.

    Args:
        weight: ``[rows, columns]``.
        base: of the same shape.
        rank: from 1 to the smaller side.
    """
    whole, began = weight.float(), base.float()
    squares = began.square().sum().clamp(min=1e-30)
    up, down = whole.new_zeros(len(whole), rank), whole.new_zeros(rank, whole.shape[1])
    for _ in range(FITS):
        scale = ((whole - up @ down) * began).sum() / squares
        up, down = _product(whole - scale * began, rank)
    return Pair(up.to(weight.dtype).contiguous(), down.to(weight.dtype).contiguous(), scale)


def _product(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The closest product of a rank, or of all ranks that there are."""
    if min(matrix.shape) <= EXACT:
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    else:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            u, s, v = torch.svd_lowrank(matrix, min(rank + SPARE, *matrix.shape), niter=ROUNDS)
        vh = v.T
    half = s[:rank].sqrt()  # shared out, so that neither factor leaves float16's range
    return u[:, :rank] * half, half[:, None] * vh[:rank]


def joined(pair: Pair, base: Tensor) -> Tensor:
    """The matrix that a pair stands for, in float32, on the base's device."""
    up, down, scale = (part.to(base.device, torch.float32) for part in pair)
    return torch.addmm(scale * base.float(), up, down)


def lost(pair: Pair, weight: Tensor, base: Tensor) -> float:
    """Share of the change from ``base`` to ``weight`` that a pair loses."""
    missed = (joined(pair, base) - weight.float()).norm()
    return float(missed / (weight.float() - base.float()).norm())
