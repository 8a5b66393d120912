"""What an adapter adds to a headless run, and in which steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..adapters import TrajectoryAdapter, block_strengths, check_compute_every
from ..sampling.few_step import control_sigma, in_control_range


@dataclass(frozen=True)
class Control:
    """An adapter and what it follows.

    Attributes:
        adapter: on the generator's device and in its type.
        latent_BCFHW: the control map's normalised latent ``[1, 48, F, H, W]``, of the video's latent size.
        strength: factor of the residuals, one for all injections or one each; 0 switches the adapter off.
        start: fraction of the schedule (0..1) from which control is on.
        end: fraction (0..1) from which it is off again; equal ends are an empty range.
        compute_every: 1 to compute the adapter in every step; n to compute it in every n-th step, counted from the first with control,
            and reuse its residuals, which are all kept, in between. A ResNet is not affected. See ``ReusingAdapter``.
    """

    adapter: TrajectoryAdapter
    latent_BCFHW: Tensor
    strength: float | Sequence[float] = 1.0
    start: float = 0.0
    end: float = 1.0
    compute_every: int = 1

    def __post_init__(self) -> None:
        check_control(self.strength, self.start, self.end, self.compute_every)
        block_strengths(self.strength, len(self.adapter.inject_after))

    @property
    def strengths(self) -> tuple[float, ...]:
        """One strength per injection."""
        return block_strengths(self.strength, len(self.adapter.inject_after))

    def is_on(self, sigma: float, shift: float) -> bool:
        """Whether this control adds anything at a noise level."""
        return any(self.strengths) and in_control_range(
            sigma, control_sigma(self.start, shift), control_sigma(self.end, shift)
        )


def check_control(strength: float | Sequence[float], start: float, end: float, compute_every: int = 1) -> None:
    """Check the numbers of a ``Control``: a function of its own, so that a caller can check them before loading models.

    Raises:
        ValueError: a fraction outside 0..1, a start after the end, a strength that is not finite, or a number of steps below 1.
    """
    check_compute_every(compute_every)
    for name, value in (("start", start), ("end", end)):
        if not 0 <= value <= 1:
            raise ValueError(f"the control's {name} is {value}, but must be a fraction of the schedule from 0 to 1.")
    if start > end:
        raise ValueError(
            f"the control starts at {start} and ends at {end}, but the start must not come after the end; "
            "lower the start or raise the end."
        )
    if not all(map(math.isfinite, strength if isinstance(strength, Sequence) else (strength,))):
        raise ValueError(f"the control's strength is {strength}, but must be finite, such as 1.")
