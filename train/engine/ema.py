"""The moving average of the weights, which is what one shows and exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


class Ema:
    """Averages of the trainable ones among `parameters`, in float32; of sharded ones, each rank keeps its own shard.

    average <- decay * average + (1 - decay) * weight, from step `start` on; before it, average <- weight.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float, start: int) -> None:
        assert 0 <= decay < 1
        self.decay = decay
        self.start = start
        self._parameters = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
        self._averages: dict[str, Tensor] = {
            name: parameter.detach().clone().float() for name, parameter in self._parameters.items()
        }
        self._swapped = False

    def _pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """(averages, weights), of this rank."""
        averages = [_local(average) for average in self._averages.values()]
        return averages, [_local(parameter.detach()) for parameter in self._parameters.values()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After the optimizer's step number `step`, counted from 0."""
        assert not self._swapped, "the weights are the averages now"
        averages, weights = self._pairs()
        if step < self.start:
            torch._foreach_copy_(averages, weights)
        elif all(weight.dtype == torch.float32 for weight in weights):
            torch._foreach_lerp_(averages, weights, 1 - self.decay)
        else:
            for average, weight in zip(averages, weights, strict=True):
                average.lerp_(weight.float(), 1 - self.decay)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the weights are the averages (rounded to the weights' dtype); after it they are to the bit what they were."""
        assert not self._swapped, "the weights are the averages already"
        averages, weights = self._pairs()
        # A GPU's wait on the host: there is no second place for 20 GB of them.
        kept = [weight.clone() if weight.device.type == "cpu" else weight.cpu() for weight in weights]
        self._swapped = True
        try:
            with torch.no_grad():
                torch._foreach_copy_(weights, averages)
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(weights, kept)
            self._swapped = False

    def state_dict(self) -> dict[str, Tensor]:
        """The live averages, float32: what is loaded into them in place is loaded."""
        return dict(self._averages)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Averages of the same names; ValueError for others."""
        if state.keys() != self._averages.keys():
            different = sorted(state.keys() ^ self._averages.keys())
            raise ValueError(f"these averages are of other weights: {different[0]!r} is on one side only.")
        for name, average in self._averages.items():
            average.copy_(state[name])
