"""What is wrong with a configuration, in sentences: pydantic's errors with the dotted key and the nearest setting that exists."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

VARIANTS = {"stage3": "method", "train": "kind", "evaluation": "kind"}
"""Settings that come in variants, and the key that says which one."""


def sentence(error: ValidationError, root: type[BaseModel]) -> str:
    """All problems of the settings of a `root`, separated by semicolons."""
    return "; ".join(_problem(entry, root) for entry in error.errors()) + "."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint in brackets, or nothing where no known word is near."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _problem(entry: Any, root: type[BaseModel]) -> str:
    place, models, variant = _walk([str(part) for part in entry["loc"]], root)
    key = ".".join(place) or "the configuration"
    if entry["type"] == "extra_forbidden":
        known = sorted({name for model in models for name in model.model_fields})
        return f"there is no setting {key}{variant}{did_you_mean(place[-1], known)}"
    if entry["type"] == "missing":
        return f"the setting {key} is missing"
    if entry["type"] == "union_tag_not_found":
        return f"the setting {key}.{VARIANTS[place[-1]]} is missing, which says what the others mean"
    if entry["type"] == "union_tag_invalid":
        context = entry["ctx"]
        return f"{key}.{VARIANTS[place[-1]]} is {context['tag']!r}, but must be one of {context['expected_tags']}"
    if not place:
        return str(entry["msg"]).removeprefix("Value error, ").rstrip(".")
    shown = "" if isinstance(entry["input"], dict) else f" (is {entry['input']!r})"
    return f"{key}{shown}: {entry['msg'].removeprefix('Value error, ')}".rstrip(".")


def _walk(location: Sequence[str], root: type[BaseModel]) -> tuple[list[str], list[type[BaseModel]], str]:
    """The dotted key's parts without pydantic's marks of variants; the models that the last part belongs to; the variant in words."""
    place: list[str] = []
    models, variant, previous = [root], "", ""
    for depth, part in enumerate(location):
        if previous in VARIANTS:  # this part is no key, but names the variant
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
    """The settings models within a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models(part)]
