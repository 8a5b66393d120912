"""Sigma schedules: what a generator was trained for, presets, and numbers that a user writes.

Source: DMD / Self-Forcing inference (Apache-2.0) and FlashMotion (CVPR 2026), section on the FastGenerator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

TRAINED_SHIFT = 5.0
TRAINED_STEPS = 4
MAX_STEPS = 1000
MAX_SHIFT = 1000.0
CLOSEST = 1e-5
"""Sigmas nearer to each other, or to 0, are one sigma in float32 arithmetic."""


@dataclass(frozen=True)
class Schedule:
    """The sigmas a generator was trained for, kept with its weights.

    Attributes:
        name: a preset of ``PRESETS``, or ``custom``.
        sigmas: strictly decreasing noise levels in (0, 1], one per step, without the final 0.
        shift: time shift of the generator; turns "40 % of the schedule" into a sigma.
    """

    name: str = "turbo"
    sigmas: tuple[float, ...] = (1.0, 0.9375, 5 / 6, 0.625)
    shift: float = TRAINED_SHIFT

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", check_sigmas(self.sigmas))
        object.__setattr__(self, "shift", check_shift(self.shift))

    def to_json(self) -> str:
        """JSON for a safetensors metadata entry; ``metadata.entries`` reads it."""
        return json.dumps({"name": self.name, "sigmas": list(self.sigmas), "shift": self.shift})


def shift_sigma(sigma: float, shift: float) -> float:
    """The time shift of flow models, ``s * sigma / (1 + (s - 1) * sigma)`` (SD3, eq. 23); maps [0, 1] onto itself."""
    return shift * sigma / (1 + (shift - 1) * sigma)


def plain_sigmas(steps: int) -> tuple[float, ...]:
    """Evenly spaced sigmas: 1, .75, .5, .25 for four steps."""
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"the number of steps is {steps}, but must be at least 1 and at most {MAX_STEPS}.")
    return tuple(1 - index / steps for index in range(steps))


def turbo_sigmas(steps: int, shift: float = TRAINED_SHIFT) -> tuple[float, ...]:
    """Evenly spaced sigmas after the time shift: 1, .9375, .8333, .625 for four steps, which the FastGenerator was trained on."""
    return tuple(shift_sigma(sigma, shift) for sigma in plain_sigmas(steps))


FASTWAN_SIGMAS = (1.0, 0.757, 0.522)
"""Timesteps 1000, 757 and 522, which FastVideo (Apache-2.0) distilled FastWan2.2-TI2V-5B for; shift 5."""


def fastwan_sigmas(steps: int = len(FASTWAN_SIGMAS)) -> tuple[float, ...]:
    """FastWan's three sigmas, a list without a rule behind it.

    Raises:
        ValueError: another number of steps.
    """
    if steps != len(FASTWAN_SIGMAS):
        raise ValueError(
            f"the schedule fastwan has {len(FASTWAN_SIGMAS)} steps, but steps is {steps}; set it to {len(FASTWAN_SIGMAS)}."
        )
    return FASTWAN_SIGMAS


PRESETS: dict[str, Callable[[int], tuple[float, ...]]] = {
    "turbo": turbo_sigmas,
    "plain": plain_sigmas,
    "fastwan": fastwan_sigmas,
}
"""Named schedules: steps -> sigmas."""
FIXED_STEPS = {"fastwan": len(FASTWAN_SIGMAS)}
"""Presets that are a list for one number of steps only."""
FROM_MODEL = "from model"
AS_TRAINED = 0
"""As a number of steps: as many as the schedule was trained for."""


def preset_steps(name: str) -> int:
    """The number of steps that a preset was trained for."""
    return FIXED_STEPS.get(name, TRAINED_STEPS)


def preset_schedule(name: str) -> Schedule:
    """A preset as it was trained, with its shift."""
    return Schedule(name, PRESETS[name](preset_steps(name)), TRAINED_SHIFT)


def recognise_schedule(texts: Iterable[str]) -> str | None:
    """The preset that titles, comments or names of a file speak of: ``turbo``, ``fastwan``, or None for neither or both."""
    words = re.sub(r"[\W_]+", "", " ".join(texts).lower())
    found = [name for name in ("turbo", "fastwan") if name in words]
    return found[0] if len(found) == 1 else None


def resolve_sigmas(preset: str, steps: int, custom: str, schedule: Schedule | None) -> tuple[float, ...]:
    """The sigmas a sampler runs on.

    Args:
        preset: ``from model``, a name of ``PRESETS``, or ``custom``.
        steps: number of steps, or ``AS_TRAINED``; ignored by ``custom``.
        custom: sigmas typed by hand, for ``custom``.
        schedule: what travels with the generator, if anything.

    Raises:
        ValueError: ``from model`` without a schedule, or a hand-made or fixed one of another length; an unknown preset; bad sigmas.
    """
    if preset == "custom":
        return parse_sigmas(custom)
    if preset in PRESETS:
        return PRESETS[preset](preset_steps(preset) if steps == AS_TRAINED else steps)
    if preset != FROM_MODEL:
        raise ValueError(f"the preset is {preset!r}, but must be one of {', '.join([FROM_MODEL, *PRESETS, 'custom'])}.")
    if schedule is None:
        raise ValueError(
            "this model carries no schedule; load it with LoadFastGenerator, or choose the preset turbo or fastwan."
        )
    if steps in (AS_TRAINED, len(schedule.sigmas)):
        return schedule.sigmas
    if schedule.name == "turbo":
        return turbo_sigmas(steps, schedule.shift)
    if schedule.name in PRESETS:
        return PRESETS[schedule.name](steps)
    raise ValueError(
        f"the generator's own schedule has {len(schedule.sigmas)} steps, but steps is {steps}; set it to {len(schedule.sigmas)}."
    )


def check_shift(shift: float) -> float:
    """Return the shift.

    Raises:
        ValueError: not a number from 1 / ``MAX_SHIFT`` to ``MAX_SHIFT``.
    """
    is_number = isinstance(shift, (int, float)) and not isinstance(shift, bool)
    if not is_number or not 1 / MAX_SHIFT <= shift <= MAX_SHIFT:
        raise ValueError(
            f"the shift is {shift!r}, but must be a positive number from {1 / MAX_SHIFT:g} to {MAX_SHIFT:g}, such as 5."
        )
    return float(shift)


def check_sigmas(sigmas: Sequence[float]) -> tuple[float, ...]:
    """Return the sigmas as a tuple without a trailing zero.

    Raises:
        ValueError: empty, more than ``MAX_STEPS``, not finite, outside (0, 1], or not strictly falling by more than ``CLOSEST``.
    """
    values = tuple(float(sigma) for sigma in sigmas)
    if values and values[-1] == 0:
        values = values[:-1]
    inside = all(0 < sigma <= 1 for sigma in values)
    falling = all(a - b > CLOSEST for a, b in pairwise((*values, 0.0)))
    if not values or len(values) > MAX_STEPS or not inside or not falling:
        shown = list(sigmas[:8])
        more = f" and {len(sigmas) - 8} more" if len(sigmas) > 8 else ""
        raise ValueError(
            f"the sigmas are {shown}{more}, but must fall strictly from at most 1 to above 0, such as 1, 0.9375, 0.8333, 0.625."
        )
    return values


def parse_sigmas(text: str) -> tuple[float, ...]:
    """Read sigmas typed by hand, separated by commas or spaces; the final 0 may be left out.

    Raises:
        ValueError: see ``check_sigmas``; also a text without numbers, or with a word that is not a number.
    """
    try:
        sigmas = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        sigmas = []
    if not sigmas:
        raise ValueError(
            f"the sigmas are {text[:80]!r}, but must be numbers separated by commas, such as 1, 0.75, 0.5, 0.25."
        )
    return check_sigmas(sigmas)
