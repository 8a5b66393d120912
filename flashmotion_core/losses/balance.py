"""The dynamic scale lambda of stage 3: ``L = w_g * L_GAN + lambda(step) * L_diffusion``.

The two public versions of FlashMotion give two formulas, ``Inverse`` and ``Linear``. Both end at 0.24 to 0.35 after 1000 steps; they differ
in how they start. ``GradientBalance`` instead measures what both aim at, the ratio of the two gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


class LossBalance:
    """Lambda as a function of the step; only ``GradientBalance`` keeps state."""

    def __call__(self, step: int) -> float:
        """Lambda at a step, counted from 0."""
        raise NotImplementedError

    def observe(self, diffusion_norm: float, gan_norm: float) -> None:
        """Record the gradient norms of ``L_diffusion`` and of ``w_g * L_GAN`` at the control layers."""

    def state_dict(self) -> dict[str, float | None]:
        """The state to store in a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, float | None]) -> None:
        """Restore what ``state_dict`` returned."""


@dataclass(frozen=True)
class Inverse(LossBalance):
    """``1 / (a * step + b)``: place first, sharpen later (arXiv version 1): 10, 2, 1, 0.476, 0.244 at 0, 100, 225, 500, 1000."""

    a: float = 4e-3
    b: float = 0.1

    def __post_init__(self) -> None:
        _check(
            self.a >= 0 and self.b > 0, f"inverse has a = {self.a!r} and b = {self.b!r}, but needs a >= 0 and b > 0."
        )

    def __call__(self, step: int) -> float:
        """See the class."""
        return 1 / (self.a * step + self.b)


@dataclass(frozen=True)
class Linear(LossBalance):
    """``k * step + b``: start small, because early diffusion gradients are large (camera-ready): 0.1, 0.125, ..., 0.35."""

    k: float = 2.5e-4
    b: float = 0.1

    def __post_init__(self) -> None:
        _check(self.k >= 0 and self.b >= 0, f"linear has k = {self.k!r} and b = {self.b!r}, but needs both >= 0.")

    def __call__(self, step: int) -> float:
        """See the class."""
        return self.k * step + self.b


@dataclass(frozen=True)
class Constant(LossBalance):
    """The same value at every step: 1 is the paper's ablation "without dynamic lambda", 0 the one "without diffusion loss"."""

    value: float = 1.0

    def __post_init__(self) -> None:
        _check(self.value >= 0, f"constant has value = {self.value!r}, but needs value >= 0.")

    def __call__(self, step: int) -> float:
        """See the class."""
        return self.value


@dataclass
class GradientBalance(LossBalance):
    """``ratio(step) * |grad w_g L_GAN| / |grad L_diffusion|``, the norms smoothed by an exponential moving average.

    With it the diffusion loss pulls ``ratio`` times as hard as the GAN loss; the ratio goes from ``start`` to ``end`` linearly over
    ``ramp_steps`` and stays there. The first observation is taken as it is.

    Attributes:
        start: ratio at step 0.
        end: ratio from ``ramp_steps`` on.
        ramp_steps: length of the ramp, in the caller's steps.
        decay: decay of the moving averages, from 0 (the last norms alone) to below 1.
    """

    start: float = 3.0
    end: float = 0.5
    ramp_steps: int = 1000
    decay: float = 0.9
    _diffusion: float | None = None
    _gan: float | None = None

    def __post_init__(self) -> None:
        _check(
            self.start >= 0 and self.end >= 0 and self.ramp_steps >= 1 and 0 <= self.decay < 1,
            f"gradient_balance has start = {self.start!r}, end = {self.end!r}, ramp_steps = {self.ramp_steps!r}, "
            f"decay = {self.decay!r}, but needs ratios >= 0, at least one step and a decay from 0 to below 1.",
        )

    @property
    def has_observed(self) -> bool:
        """Whether any norms were observed."""
        return self._diffusion is not None

    def ratio(self, step: int) -> float:
        """The target ratio of the gradients at a step."""
        return self.start + (self.end - self.start) * min(step / self.ramp_steps, 1.0)

    def observe(self, diffusion_norm: float, gan_norm: float) -> None:
        """See ``LossBalance.observe``.

        Raises:
            ValueError: a norm is not finite, or the diffusion loss has no gradient, so that no lambda gives the target ratio.
        """
        if not math.isfinite(diffusion_norm) or not math.isfinite(gan_norm) or diffusion_norm <= 0 or gan_norm < 0:
            raise ValueError(
                f"the gradient norms are {diffusion_norm!r} (diffusion) and {gan_norm!r} (GAN), but gradient_balance needs finite "
                "norms and a positive first one; lower the learning rate, or choose another lambda mode."
            )
        self._diffusion = self._smoothed(self._diffusion, diffusion_norm)
        self._gan = self._smoothed(self._gan, gan_norm)

    def _smoothed(self, average: float | None, value: float) -> float:
        return value if average is None else self.decay * average + (1 - self.decay) * value

    def __call__(self, step: int) -> float:
        """See the class."""
        assert self._diffusion is not None, "observe gradient norms before asking for lambda"
        assert self._gan is not None, "both norms are observed together"
        return self.ratio(step) * self._gan / self._diffusion

    def state_dict(self) -> dict[str, float | None]:
        """See ``LossBalance.state_dict``."""
        return {"diffusion": self._diffusion, "gan": self._gan}

    def load_state_dict(self, state: dict[str, float | None]) -> None:
        """See ``LossBalance.load_state_dict``."""
        self._diffusion, self._gan = state["diffusion"], state["gan"]


MODES: dict[str, Callable[..., LossBalance]] = {
    "inverse": Inverse,
    "linear": Linear,
    "constant": Constant,
    "gradient_balance": GradientBalance,
}


def loss_balance(mode: str, **options: float) -> LossBalance:
    """The schedule named ``mode``, with its options.

    Raises:
        ValueError: the mode is unknown, or an option is out of range.
    """
    if mode not in MODES:
        raise ValueError(f"the lambda mode is {mode!r}, but must be one of {', '.join(MODES)}.")
    return MODES[mode](**options)


def _check(right: bool, problem: str) -> None:
    if not right:
        raise ValueError(f"the lambda schedule {problem}")
