"""Which clips an iteration sees: random, without state, and all of one shape."""

from __future__ import annotations

from collections.abc import Sequence

from .streams import dataset_index, random_order


class ClipOrder:
    """The clips of every iteration of a phase, in whatever order it is asked for.

    Clips of one shape form a group, and all clips of an iteration are of one group. In an epoch each group has as many iterations as its
    clips fill, at random places; so a clip of one shape is seen as often as one of another, except in a group that does not fill a batch.
    """

    def __init__(self, seed: int, groups: Sequence[Sequence[int]], global_batch: int) -> None:
        """See the class.

        Args:
            seed: of the run.
            groups: the numbers of the clips of each shape, none of them empty.
            global_batch: clips of an iteration.
        """
        self.seed, self.groups, self.global_batch = seed, groups, global_batch
        batches = [-(-len(group) // global_batch) for group in groups]
        self._whose = [number for number, count in enumerate(batches) for _ in range(count)]
        self._batches = batches

    def clips(self, iteration: int, positions: Sequence[int]) -> list[int]:
        """The clips at these positions of an iteration's global batch."""
        number, batch = self._batch(iteration)
        group, seed = self.groups[number], self.seed + number
        return [group[dataset_index(seed, batch * self.global_batch + place, len(group))] for place in positions]

    def _batch(self, iteration: int) -> tuple[int, int]:
        """The group of an iteration, and how many iterations that group had before."""
        if len(self.groups) == 1:
            return 0, iteration
        epoch, place = divmod(iteration, len(self._whose))
        order = [self._whose[index] for index in random_order(self.seed, "groups", epoch, len(self._whose))]
        number = order[place]
        return number, epoch * self._batches[number] + order[:place].count(number)
