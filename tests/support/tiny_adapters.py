"""Adapters of a tiny generator, and what they add to it."""

from __future__ import annotations

import pytest
import torch

from flashmotion_core.adapters import (
    ControlNetAdapter,
    ResNetAdapter,
    TrajectoryAdapter,
)
from flashmotion_core.wan.config import WanConfig

TINY = WanConfig(dim=128, ffn_dim=192, num_heads=1, num_layers=3, text_dim=32)
BOTH = pytest.mark.parametrize("kind", [ControlNetAdapter, ResNetAdapter])


def filled(adapter: TrajectoryAdapter, seed: int = 0) -> TrajectoryAdapter:
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return adapter.eval().requires_grad_(False)


def residuals(adapter: TrajectoryAdapter, batch: int = 1, frames: int = 2, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    control, latent = (torch.randn(size, 48, frames, 4, 6, generator=generator) for size in (1, batch))
    timestep = torch.tensor([[0.0, *[750.0] * (frames - 1)]] * batch)
    text = torch.randn(batch, 5, TINY.text_dim, generator=generator)
    state = adapter.begin(adapter.prepare(control), latent, timestep, text)
    return [adapter.residual(index, state) for index in range(len(adapter.inject_after))]
