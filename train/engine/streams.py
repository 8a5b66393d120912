"""All randomness of training, with no state to save.

Every draw has its own generator, seeded by what it is for: the run's seed, the phase, the iteration, a name, and the clip's position in the
GLOBAL batch. So a resumed run draws what an uninterrupted one would have drawn, and two processes together draw what one draws alone,
whatever the size of a micro-batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


def seed_of(key: str) -> int:
    """The seed of the random thing with this name: 0 to 2**63 - 1."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") & (2**63 - 1)


def _generator(key: str) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed_of(key))


@dataclass(frozen=True)
class Streams:
    """The random numbers of one iteration of one phase."""

    seed: int
    phase: str
    iteration: int

    def __post_init__(self) -> None:
        assert "/" not in self.phase, "a slash would let two keys be the same text"

    def generator(self, name: str, position: int | None = None) -> torch.Generator:
        """A fresh CPU generator for one position, or for the whole batch."""
        assert "/" not in name, "a slash would let two keys be the same text"
        place = "all" if position is None else str(position)
        return _generator(f"{self.seed}/{self.phase}/{self.iteration}/{name}/{place}")

    def noise(self, name: str, positions: Sequence[int], shape: Sequence[int]) -> Tensor:
        """Standard normal numbers [len(positions), *shape], float32 on the CPU; a row depends only on its own position."""
        rows = torch.empty(len(positions), *shape)
        for row, position in zip(rows, positions, strict=True):
            torch.randn(tuple(shape), generator=self.generator(name, position), out=row)
        return rows

    def uniform(self, name: str, positions: Sequence[int]) -> Tensor:
        """Uniform numbers [len(positions)] in [0, 1), float64 on the CPU; a value depends only on its own position."""
        values = [
            torch.rand((), generator=self.generator(name, position), dtype=torch.float64) for position in positions
        ]
        return torch.stack(values) if values else torch.empty(0, dtype=torch.float64)

    def integer(self, name: str, below: int) -> int:
        """An integer in 0..below-1, the same on every rank."""
        assert below > 0
        return int(torch.randint(below, (), generator=self.generator(name)))


@lru_cache(maxsize=16)
def random_order(seed: int, name: str, epoch: int, count: int) -> tuple[int, ...]:
    """The numbers from 0 to `count` - 1 in a random order, another one in each epoch."""
    return tuple(torch.randperm(count, generator=_generator(f"{seed}/{name}/{epoch}/{count}")).tolist())


def dataset_index(seed: int, position_overall: int, count: int) -> int:
    """The index among `count` clips of the `position_overall`-th clip of the run (iteration * global_batch + position), from 0."""
    assert count > 0
    assert position_overall >= 0
    epoch, place = divmod(position_overall, count)
    return random_order(seed, "order", epoch, count)[place]
