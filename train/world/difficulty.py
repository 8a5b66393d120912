"""How hard the world is: a small set of ranges, with named presets."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from .shapes import SHAPES


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """What a clip may contain. Lengths are shares of the frame's shorter side, probabilities lie in [0, 1].

    Attributes:
        sprites: fewest and most sprites of a clip, 1 to 6.
        side: smallest and largest side of a sprite, 0.05 to 0.8.
        travel: the farthest a sprite goes in a clip, 0 to 2.
        growth: the largest factor that it grows or shrinks by, 1 (never) to 4.
        turns: the most it turns, in full circles either way, 0 to 2.
        pan: the farthest the camera goes in a clip, 0 to 1.
        overlap: the share of a sprite's box that another one's may cover on any frame; a draw with more is drawn again, and
            the least bad one of 24 is kept.
        curved: probability of a curved path (through a keyframe beside the straight line).
        leaving, entering: probability that a sprite ends, or starts, outside the frame.
        resting: probability that a sprite stands still on the ground, so that only the camera moves it.
        photographs: probability of a photographic background.
        cutouts: probability that a sprite is cut out of a photograph.
        plain: probability that a sprite is of one colour in any case, instead of as likely as of any pattern.
        hands: probability that a sprite bears a hand that turns by itself, see `hands`.
        loosened: how far, at most, each edge of a box that is asked for lies outside the exact box, as a share of its side, 0 to 0.5;
            drawn for the first and the last frame, and in between on the way from one to the other.
        shapes: of sprites that are drawn; at least as many as there are sprites, none for all.

    Raises ValueError for a value out of range.
    """

    sprites: tuple[int, int] = (1, 4)
    side: tuple[float, float] = (0.26, 0.44)
    travel: float = 0.6
    growth: float = 1.4
    turns: float = 0.15
    pan: float = 0.12
    overlap: float = 0.5
    curved: float = 0.5
    leaving: float = 0.1
    entering: float = 0.0
    resting: float = 0.1
    photographs: float = 0.4
    cutouts: float = 0.2
    plain: float = 0.0
    hands: float = 0.0
    loosened: float = 0.0
    shapes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _span("sprites", self.sprites, 1, 6)
        _span("side", self.side, 0.05, 0.8)
        if not all(isinstance(value, int) for value in self.sprites):
            raise ValueError(f"difficulty.sprites is {self.sprites!r}: give two whole numbers.")
        limits = {"travel": (0, 2), "growth": (1, 4), "turns": (0, 2), "pan": (0, 1), "loosened": (0, 0.5)}
        unknown = [shape for shape in self.shapes if shape not in SHAPES]
        if unknown:
            raise ValueError(f"difficulty.shapes has {unknown[0]!r}: give some of {', '.join(SHAPES)}.")
        if self.shapes and len(set(self.shapes)) < self.sprites[1]:
            raise ValueError(
                f"difficulty.shapes is {self.shapes!r}: give {self.sprites[1]} different ones or more, or none for all."
            )
        for field in fields(self)[2:-1]:
            low, high = limits.get(field.name, (0, 1))
            value = getattr(self, field.name)
            if not _is_number(value) or not low <= value <= high:
                raise ValueError(f"difficulty.{field.name} is {value!r}: give a number from {low} to {high}.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _span(name: str, value: object, low: float, high: float) -> None:
    valid = isinstance(value, tuple) and len(value) == 2 and all(_is_number(bound) for bound in value)
    if not (valid and isinstance(value, tuple) and low <= value[0] <= value[1] <= high):
        raise ValueError(f"difficulty.{name} is {value!r}: give (smallest, largest) from {low} to {high}.")


PRESETS = {
    "easy": Difficulty(
        sprites=(1, 2),
        side=(0.3, 0.42),
        travel=0.45,
        growth=1.0,
        turns=0.0,
        pan=0.0,
        overlap=0.0,
        curved=0.3,
        leaving=0.0,
        resting=0.0,
        photographs=0.0,
        cutouts=0.0,
    ),
    "normal": Difficulty(),
    "hard": Difficulty(
        sprites=(2, 6),
        side=(0.18, 0.48),
        travel=1.0,
        growth=2.0,
        turns=0.5,
        pan=0.3,
        overlap=1.0,
        curved=0.7,
        leaving=0.25,
        entering=0.1,
        resting=0.15,
        photographs=0.6,
        cutouts=0.3,
    ),
}
PRESETS["simple"] = replace(
    PRESETS["easy"],
    side=(0.32, 0.42),
    plain=1.0,
    shapes=("disc", "egg", "square", "triangle", "hexagon", "star", "heart", "drop"),
)
# What frame 0 and the boxes do not settle: turns, hands, a camera that goes anywhere and uncovers what was not seen, loose boxes.
PRESETS["unsettled"] = replace(
    PRESETS["simple"],
    side=(0.36, 0.48),
    travel=0.4,
    growth=1.2,
    turns=0.5,
    pan=0.5,
    overlap=0.1,
    plain=0.7,
    hands=1.0,
    loosened=0.25,
)


def difficulty(name: str) -> Difficulty:
    """The preset of that name.

    Raises ValueError for a name that is none.
    """
    if name not in PRESETS:
        raise ValueError(f"the difficulty is {name!r}: give one of {', '.join(PRESETS)}.")
    return PRESETS[name]
