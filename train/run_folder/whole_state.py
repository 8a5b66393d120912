"""Weights of all ranks, gathered on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def whole_state(module: nn.Module) -> dict[str, Tensor]:
    """A state dict on the CPU with shards gathered; every rank must call it."""
    return whole_tensors(module.state_dict())


def whole_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors on the CPU with shards gathered; every rank must call it."""
    return {key: _whole(value) for key, value in tensors.items()}


def _whole(value: Any) -> Tensor:
    gathered: Tensor = value.full_tensor() if hasattr(value, "full_tensor") else value
    return gathered.detach().cpu()
