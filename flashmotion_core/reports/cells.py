"""What a cell of a report's table may hold beside text and numbers, and how the template sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

LONG_TEXT = 32
"""Characters above which a cell may wrap."""
DASH = "\u2013"
"""Stands where there is nothing to say."""
WIDTH, MARGIN = 132.0, 6.0
"""Pixels of a drawn interval, and what it leaves free at both ends."""


@dataclass(frozen=True)
class Noted:
    """A text with a smaller line below it."""

    text: str
    note: str


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval below it, if there is one; numbers of a column have as many decimals."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Judgement:
    """Whether a bar is met: ``good`` and ``bad`` are settled, ``open`` is not. ``note`` says by what."""

    text: str
    state: Literal["good", "bad", "open"]
    note: str


@dataclass(frozen=True)
class Interval:
    """A drawing of an estimate and its interval beside the value that it is held against."""

    value: float
    low: float
    high: float
    target: float

    def places(self) -> dict[str, float]:
        """Where the four lie across `WIDTH` pixels; those the drawing shows are between its margins."""
        ends = min(self.low, self.value, self.target), max(self.high, self.value, self.target)
        scale = (WIDTH - 2 * MARGIN) / ((ends[1] - ends[0]) or 1.0)

        def place(value: float) -> float:
            return round(MARGIN + (value - ends[0]) * scale, 1)

        return {name: place(getattr(self, name)) for name in ("value", "low", "high", "target")}


Value: TypeAlias = "str | float | Noted | Estimate | Judgement | Interval | None"


class Cell(NamedTuple):
    """A cell as the template shows it; its kind is ``number``, ``long`` (may wrap), ``good``, ``bad``, ``open``, ``drawing`` or nothing."""

    text: str
    kind: str = ""
    best: bool = False
    note: str = ""
    drawing: dict[str, float] | None = None
    label: str = ""


def cell_of(value: Value, label: str, *, number: bool = False, best: bool = False) -> Cell:
    """A cell below the header ``label``; ``number`` for those of a column that holds only numbers."""
    text = shown(value)
    kind = "number" if number else "long" if len(text) > LONG_TEXT else ""
    match value:
        case Noted():
            return Cell(text, "long", note=value.note, label=label)
        case Estimate():
            note = "" if value.low is None or value.high is None else between(value.low, value.high)
            return Cell(text, "number", best, note, label=label)
        case Judgement():
            return Cell(text, value.state, note=value.note, label=label)
        case Interval():
            return Cell("", "drawing", drawing=value.places(), label=label)
        case _:
            return Cell(text, kind, best, label=label)


def number_in(value: Value) -> float | None:
    """The number of a cell that is compared with others of its column; None for NaN and for cells without one."""
    if isinstance(value, Estimate):
        value = value.value
    return float(value) if isinstance(value, int | float) and value == value else None


def shown(value: Value) -> str:
    """What a cell says, without its note."""
    match value:
        case None:
            return DASH
        case Estimate():
            return decimals(value.value)
        case Noted() | Judgement():
            return value.text
        case Interval():
            return ""
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def figure(value: float | None, interval: Sequence[float] | None = None) -> Estimate | None:
    """A figure of a table with its interval, or alone; None where there is none."""
    return None if value is None else Estimate(value, *(interval or ()))


def decimals(value: float) -> str:
    """Three decimals below 10, one above: the figures of one column stand below each other. No negative zero."""
    value = round(value, 3) + 0.0
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def signed(value: float) -> str:
    """A difference, with three decimals."""
    return f"{round(value, 3) + 0.0:+.3f}"


def between(low: float, high: float) -> str:
    """An interval."""
    return f"{decimals(low)} to {decimals(high)}"
