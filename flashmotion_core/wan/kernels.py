"""What a host may compute its own way inside our blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Attention = Callable[..., Tensor]
"""``(q_BLD, k_BMD, v_BMD, heads) -> BLD``; ComfyUI's ``optimized_attention`` has this form."""

Turn = Callable[[Tensor, int], Tensor]
"""``(x_BLD, heads) -> BLD``: the rotary embedding of every head's channels by the place of its token."""


@dataclass(frozen=True)
class Kernels:
    """What a host computes its own way in one forward pass. None: as the layers were built, or as this module does.

    Attributes:
        attention: with whatever the host has chosen for this call.
        turn: the rotary embedding for the tokens of this call.
    """

    attention: Attention | None = None
    turn: Turn | None = None


OWN = Kernels()
