"""How long a guide holds, as plain numbers: see `guide`."""

from __future__ import annotations

import math
from dataclasses import dataclass

FOLLOW = 0.75
"""The usual `follow`."""
FROM_FOLLOW = -1.0
"""As a level: the one that `follow` sets."""


@dataclass(frozen=True)
class Levels:
    """Until which fractions of the schedule the guide holds, 0 (never) to 1 (to the end): objects, and the background."""

    hold_object: float
    hold_background: float

    @property
    def any(self) -> bool:
        """Whether anything is held at all."""
        return max(self.hold_object, self.hold_background) > 0


def levels(follow: float, hold_object: float = FROM_FOLLOW, hold_background: float = FROM_FOLLOW) -> Levels:
    """Both levels from one number; a level that is given wins.

    Args:
        follow: 0 (free) to 1 (held to the end). Objects are held until this fraction, the background until twice this minus one.
        hold_object, hold_background: 0..1, or ``FROM_FOLLOW``.

    Raises:
        ValueError: a number out of range.
    """
    if not (math.isfinite(follow) and 0 <= follow <= 1):
        raise ValueError(f"follow is {follow}, but must be from 0 (free) to 1 (held to the end).")
    for name, value in (("hold_object", hold_object), ("hold_background", hold_background)):
        if value != FROM_FOLLOW and not 0 <= value <= 1:
            raise ValueError(
                f"{name} is {value}, but must be a fraction of the schedule from 0 to 1, or {FROM_FOLLOW:g} for what follow sets."
            )
    return Levels(
        follow if hold_object == FROM_FOLLOW else hold_object,
        max(0.0, 2 * follow - 1) if hold_background == FROM_FOLLOW else hold_background,
    )
