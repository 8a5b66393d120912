"""Checks for untrusted values: each returns a clean Python value or raises a `TrajectoryError` of one sentence.

Shared by everything that reads a trajectory from outside (JSON documents, CSV tables, ComfyUI values). No check recurses
into a value it does not know, so nesting and self-reference do no harm.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn

_SHOWN_CHARACTERS = 40


class TrajectoryError(ValueError):
    """A trajectory, or something that should become one, cannot be used.

    The message is one sentence: the field, the value received (shortened) and what to do. `field` holds only the path,
    e.g. `objects[0].keyframes[2].x`.
    """

    def __init__(self, message: str, field: str = "trajectory") -> None:
        super().__init__(message)
        self.field = field


def fail(field: str, value: object, remedy: str) -> NoReturn:
    """Raise the `TrajectoryError` "`field` is `value`: `remedy`."."""
    raise TrajectoryError(f"{field} is {shorten(value)}: {remedy}.", field)


def shorten(value: object) -> str:
    """`value` as a short ASCII piece of JSON; containers are counted, never printed, so any object is safe to show."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        short = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "..."
        return json.dumps(short)
    if isinstance(value, int):
        # str() of an integer above 4300 digits raises in Python >= 3.11.
        return str(value) if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Mapping):
        return f"an object with {len(value)} fields"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)} items"
    return f"a Python {type(value).__name__}"


def plain(value: object) -> object:
    """A number of numpy or torch (a scalar, or an array or tensor without dimensions) as Python's own; anything else as it is."""
    if isinstance(value, (bool, int, float, str)) or getattr(value, "shape", None) != ():
        return value
    try:
        return value.item()  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError, RuntimeError):  # such as a tensor on the device "meta"
        return value


def whole(value: object, field: str, low: int, high: int, meaning: str) -> int:
    """An integer in [low, high]; 81.0 counts as 81 (JSON knows one kind of number), true and "81" do not."""
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        fail(field, value, f"give a whole number from {low} to {high} ({meaning})")
    return int(value)


def number(value: object, field: str, low: float, high: float, meaning: str, *, above: bool = False) -> float:
    """A finite number in [low, high], or in (low, high] with `above=True`."""
    value = plain(value)
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not valid or (above and value == low):
        span = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
        fail(field, value, f"give a finite number {span} ({meaning})")
    return float(value)  # type: ignore[arg-type]


def text(value: object, field: str, shortest: int, longest: int, meaning: str) -> str:
    """A string of `shortest` to `longest` characters that can be written as UTF-8."""
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        fail(field, value, f"give a text of {shortest} to {longest} characters ({meaning})")
    if any("\ud800" <= character <= "\udfff" for character in value):
        fail(field, value, "replace the lone surrogate in it with a real character")
    return str(value)


def choice(value: object, field: str, options: Sequence[str]) -> str:
    """One of `options`."""
    if not isinstance(value, str) or value not in options:
        fail(field, value, f"give {listed(options)}{did_you_mean(value, options)}")
    return value


def items(value: object, field: str, fewest: int, most: int, meaning: str) -> Sequence[Any]:
    """A list of `fewest` to `most` items."""
    if not isinstance(value, (list, tuple)) or not fewest <= len(value) <= most:
        amount = str(fewest) if fewest == most else f"{fewest} to {most}"
        fail(field, value, f"give a list of {amount} {meaning}")
    return value


def fields(value: object, field: str, required: Collection[str], optional: Collection[str]) -> Mapping[str, Any]:
    """A JSON object that has all `required` fields and none beyond `optional`; an unknown one is named with a guess."""
    known = [*required, *optional]
    if not isinstance(value, Mapping):
        fail(field, value, f"give a JSON object with the fields {', '.join(known)}")
    prefix = "" if field == "trajectory" else f"{field}."
    for key in value:
        if not isinstance(key, str) or key not in known:
            name = shorten(key)
            remedy = f"remove or rename it{did_you_mean(key, known)}; known fields are {', '.join(known)}"
            raise TrajectoryError(f"{prefix or 'trajectory.'}{name} is not a known field: {remedy}.", field)
    for key in required:
        if key not in value:
            raise TrajectoryError(f"{prefix}{key} is missing: add it ({', '.join(required)} are required).", field)
    return value


def listed(options: Iterable[str]) -> str:
    """`one, two or three`, each quoted."""
    quoted = [f'"{option}"' for option in options]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def did_you_mean(value: object, known: Sequence[str]) -> str:
    """` (did you mean "x"?)`, or nothing when no known name is close."""
    near = difflib.get_close_matches(value[:64].lower(), known, n=1, cutoff=0.5) if isinstance(value, str) else []
    return f' (did you mean "{near[0]}"?)' if near else ""
