"""How hard each term of an objective pulls on the control layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..parallel import World, mean_over_ranks


class GradientNorms:
    """Norms of the gradients that single backward passes leave at the last zero convolution.

    Only the last one is measured: a difference needs a copy of the gradients, which would take 1 GB for all of a ControlNet's.
    """

    def __init__(self, network: nn.Module, world: World) -> None:
        adapter = network.adapter
        assert isinstance(adapter, nn.Module), "only adapters have control layers"
        zero_convs = adapter.zero_convs
        assert isinstance(zero_convs, nn.ModuleList)
        self.weight: nn.Parameter = zero_convs[-1].weight  # type: ignore[assignment]
        self.world = world
        self.found: dict[str, Tensor] = {}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Measure what the backward pass inside adds to the gradient."""
        before = None if self.weight.grad is None else self.weight.grad.detach().clone()
        yield
        after = self.weight.grad
        assert after is not None, "the control layers are in every graph"
        added = (after if before is None else after - before).detach()
        if isinstance(added, DTensor):
            self.found[name] = added.norm().full_tensor()
        else:  # the norm of the mean, as for a sharded gradient
            self.found[name] = mean_over_ranks(self.world, added).norm()

    def read(self) -> dict[str, Tensor]:
        """The norms since the last call, over all ranks, as scalars on the device."""
        found, self.found = self.found, {}
        return {name: norm.float() for name, norm in found.items()}
