"""JSON from files of strangers: short, shallow, with finite numbers and no field twice, before anything is built from it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from ..trajectory.field_checks import shorten

MAX_CHARACTERS = 65_536
MAX_DEPTH = 16
MAX_DIGITS = 18
"""Of a whole number: below 2^63, which every reader of such files can hold."""


def read_json(text: str, thing: str, remedy: str) -> Any:
    """Decode a text from a file.

    Args:
        text: the JSON.
        thing: what it is, such as ``the metadata entry flashmotion.config``; begins the error's sentence.
        remedy: what to do, the end of that sentence.

    Raises:
        ValueError: not JSON, longer than ``MAX_CHARACTERS``, nested deeper than ``MAX_DEPTH``, a number that is not finite or has more
            than ``MAX_DIGITS`` digits, a field that stands twice in one object, or half of a
            surrogate pair.
    """

    def refuse(what: str, kind: type[ValueError] = ValueError) -> NoReturn:
        raise kind(f"{thing} {what}; {remedy}.")

    def refuse_part(what: str) -> NoReturn:
        refuse(what, _RefusedJsonError)

    def whole(digits: str) -> int:
        if len(digits.lstrip("-")) > MAX_DIGITS:
            refuse_part(f"holds a whole number of {len(digits)} digits, but at most {MAX_DIGITS} are allowed")
        return int(digits)

    def number(written: str) -> float:
        value = float(written)
        if not math.isfinite(value):
            refuse_part(f"holds the number {shorten(written)}, but every number must be finite")
        return value

    def constant(name: str) -> NoReturn:
        refuse_part(f"holds the number {name}, but every number must be finite")

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in pairs:
            if name in result:
                refuse_part(f"holds the field {shorten(name)} twice in one object, but each may stand only once")
            result[name] = value
        return result

    if len(text) > MAX_CHARACTERS:
        refuse(f"has {len(text):,} characters, but at most {MAX_CHARACTERS:,} are allowed")
    try:
        value = json.loads(text, parse_int=whole, parse_float=number, parse_constant=constant, object_pairs_hook=fields)
    except _RefusedJsonError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        refuse(f"is {shorten(text)}, which is nested deeper than the {MAX_DEPTH} levels that are allowed")
    except ValueError:
        refuse(f"is {shorten(text)}, but must be JSON")
    if _is_deeper(value, MAX_DEPTH):
        refuse(f"is {shorten(text)}, which is nested deeper than the {MAX_DEPTH} levels that are allowed")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        refuse("holds half of a surrogate pair, which is not a character")
    return value


class _RefusedJsonError(ValueError):
    """Tells our own sentences from those of the decoder that is in between."""


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested deeper than that; level by level, so that depth itself does no harm."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [inner for one in layer if isinstance(one, (list, dict)) for inner in _inside(one)]
        if not layer:
            return False
    return True


def _inside(value: list[Any] | dict[str, Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value
