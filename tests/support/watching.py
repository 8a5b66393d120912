"""What networks are called with while a method trains, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.wan.block import timestep_embedding
from train.engine.method import Method

from .small import objective, small_batch, small_step

Seen = list[tuple[Tensor, Tensor]]


@contextmanager
def seen_by(network: nn.Module) -> Iterator[Seen]:
    """The inputs of a network's embeddings in every pass, a ControlNet's too: (latents, sinusoids of the timesteps [B, F, S])."""
    found: Seen = []

    def watch(module: nn.Module) -> list[Any]:
        latents: list[Tensor] = []

        def note(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            latents.append(arguments[0].detach().clone())

        def pair(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            found.append((latents[-1], arguments[0].detach().unflatten(0, (len(latents[-1]), -1)).clone()))

        return [
            module.patch_embedding.register_forward_pre_hook(note),
            module.time_embedding.register_forward_pre_hook(pair),
        ]

    parts = [module for module in network.modules() if hasattr(module, "patch_embedding")]
    handles = [handle for module in parts for handle in watch(module)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def types_of(network: nn.Module) -> set[torch.dtype]:
    """The types that its layers compute in, from now on."""
    found: set[torch.dtype] = set()
    for layer in network.modules():
        layer.register_forward_hook(lambda _, __, out: found.add(out.dtype))
    return found


def time_zero(sinusoids: Tensor) -> Tensor:
    """The sinusoids of timestep 0, as an embedding sees them."""
    return timestep_embedding(torch.zeros(1), sinusoids.shape[-1])[0]


def exits(method: Method, update: str, first: int) -> list[int]:
    """The number of the student's rollout steps in some iterations, for the clips of one rank."""
    student = method.student
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1

    handle = student.network.generator.register_forward_pre_hook(count)
    found = []
    for iteration in range(24):
        passes = 0
        objective(method, update, small_batch(), small_step(iteration, first=first))
        found.append(passes)
    handle.remove()
    return found
