"""Which clips a rank processes in which micro-step, read ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from flashmotion_core.losses.noise_levels import own_share

from ..data.encoded import Batch, EncodedClips
from ..data.prefetch import Prefetcher
from ..parallel import World
from .clip_order import ClipOrder
from .job import Job, accumulation


class Batches:
    """A rank's micro-batches of every iteration.

    Attributes:
        accumulation: micro-steps per iteration.
    """

    def __init__(self, job: Job, clips: EncodedClips, world: World) -> None:
        """Raises TrainError if the global batch cannot be divided."""
        settings = job.settings
        self.accumulation = accumulation(settings.global_batch, settings.micro_batch, world.size)
        self.job, self.clips, self.world = job, clips, world

    def positions(self, micro_step: int) -> tuple[int, ...]:
        """The positions in the global batch that this rank processes in a micro-step."""
        everyone, world = torch.arange(self.job.settings.global_batch), self.world
        share = own_share(
            everyone, rank=world.rank, ranks=world.size, micro_step=micro_step, micro_steps=self.accumulation
        )
        return tuple(share.tolist())

    @contextmanager
    def ahead(self, start: int, stop: int) -> Iterator[Iterator[tuple[Batch, float]]]:
        """The micro-batches of iterations ``start`` to ``stop``, each with the seconds waited for it."""
        order = ClipOrder(self.job.seed, self.clips.groups, self.job.settings.global_batch)

        def indices() -> Iterator[list[int]]:
            for iteration in range(start, stop):
                for micro_step in range(self.accumulation):
                    yield order.clips(iteration, self.positions(micro_step))

        prefetcher = Prefetcher(self.clips, indices(), "cpu")
        try:
            yield prefetcher
        finally:
            prefetcher.close()
