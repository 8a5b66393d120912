"""The moving average of the weights, which is what validation shows and export writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


class Ema:
    """Averages of the trainable `parameters` in float32. If they are sharded, each rank averages its own shard.

    From step `start` on, average <- d * average + (1 - d) * weight; before it, average <- weight. After n such steps, d is the smaller of
    `decay` and (1 + n) / (10 + n): the average of a short phase spans a tenth of it, and does not hang on the weights of its first step.
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
        """(averages, weights) of this rank."""
        averages = [_local(average) for average in self._averages.values()]
        return averages, [_local(parameter.detach()) for parameter in self._parameters.values()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Call this after the optimizer's step number `step`, counted from 0."""
        assert not self._swapped, "the weights are the averages now"
        averages, weights = self._pairs()
        averaged = max(0, step - self.start)
        share = 1 - min(self.decay, (1 + averaged) / (10 + averaged))
        if step < self.start:
            torch._foreach_copy_(averages, weights)
        elif all(weight.dtype == torch.float32 for weight in weights):
            torch._foreach_lerp_(averages, weights, share)
        else:
            for average, weight in zip(averages, weights, strict=True):
                average.lerp_(weight.float(), share)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the weights are the averages (rounded to the weights' dtype); afterwards they are restored bit for bit."""
        assert not self._swapped, "the weights are the averages already"
        averages, weights = self._pairs()
        # Weights of a GPU wait on the host: the GPU has no room for another 20 GB.
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
        """The live averages in float32; loading into them in place takes effect."""
        return dict(self._averages)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load averages with the same names. Raises ValueError if the names differ."""
        if state.keys() != self._averages.keys():
            different = sorted(state.keys() ^ self._averages.keys())
            raise ValueError(
                f"the averages belong to other weights ({different[0]!r} is on one side only); load those of the same phase."
            )
        for name, average in self._averages.items():
            average.copy_(state[name])
