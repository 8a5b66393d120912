"""pydantic's errors as sentences: the dotted key, the value received, and the nearest setting that exists."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

VARIANTS = {"stage3": "method", "train": "kind", "evaluation": "kind"}
"""Settings that come in variants, and the key that chooses the variant."""


def sentence(error: ValidationError, root: type[BaseModel]) -> str:
    """All problems with the settings of a `root`, separated by semicolons."""
    return "; ".join(_problem(entry, root) for entry in error.errors()) + "."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint in brackets, or nothing if no known word is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _problem(entry: Any, root: type[BaseModel]) -> str:
    place, models, variant = _walk([str(part) for part in entry["loc"]], root)
    key = _typed(place) or "the configuration"
    if entry["type"] == "extra_forbidden":
        known = sorted({name for model in models for name in model.model_fields})
        hint = did_you_mean(place[-1], known) or f" (choose from {', '.join(known)})"
        return f"there is no setting {key}{variant}{hint}"
    if entry["type"] == "missing":
        return f"the setting {key} is missing and needs a value"
    if entry["type"] == "union_tag_not_found":
        mark = VARIANTS[place[-1]]
        fields = [model.model_fields[place[-1]] for model in models]
        options = [repr(one.model_fields[mark].default) for field in fields for one in _models(field.annotation)]
        return f"the setting {key}.{mark} is missing and must be one of {', '.join(options)}"
    if entry["type"] == "union_tag_invalid":
        context = entry["ctx"]
        return f"{key}.{VARIANTS[place[-1]]} is {context['tag']!r}, but must be one of {context['expected_tags']}"
    if not place:
        return str(entry["msg"]).removeprefix("Value error, ").rstrip(".")
    message = str(entry["msg"]).removeprefix("Value error, ").rstrip(".")
    if isinstance(entry["input"], dict):  # of several settings, one of which begins the message
        return f"{key}: {message}" if place[-1].isdigit() else f"{key}.{message}"
    if entry["type"].startswith("model"):
        return f"{key} is {entry['input']!r}, but must be a mapping of settings"
    wanted = re.sub(r"^\w+ should", "must", message).partition(", unable to")[0].replace(" after validation", "")
    return f"{key} is {entry['input']!r}, but {wanted.replace('a valid tuple', 'a list')}"


def _typed(place: Sequence[str]) -> str:
    """The key as one types it. An entry of a list has none of its own: the list is named, and which entry it is."""
    number = next((index for index, part in enumerate(place) if part.isdigit()), len(place))
    key, rest = ".".join(place[:number]), ".".join(place[number + 1 :])
    entry = f", entry {int(place[number]) + 1}" if number < len(place) else ""
    return f"{key}{entry}: {rest}" if rest else f"{key}{entry}"


def _walk(location: Sequence[str], root: type[BaseModel]) -> tuple[list[str], list[type[BaseModel]], str]:
    """The parts of the dotted key without pydantic's marks of variants, the models that its last part belongs to, and the variant in words."""
    place: list[str] = []
    models, variant, previous = [root], "", ""
    for depth, part in enumerate(location):
        if previous in VARIANTS:  # this part is not a key, but names the variant
            mark = VARIANTS[previous]
            models = [model for model in models if model.model_fields[mark].default == part]
            variant, previous = f" with {mark} {part}", ""
            continue
        place.append(part)
        if depth < len(location) - 1 and not part.isdigit():
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            models, variant = [found for field in fields for found in _models(field.annotation)], ""
        previous = part
    return place, models, variant


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The settings models inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models(part)]
