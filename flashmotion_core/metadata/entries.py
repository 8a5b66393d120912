"""The metadata of adapter and generator files as pydantic models. Reading and writing go through them, so they are one truth.

An entry is bounded before it is built: text by ``read_json``, types and sizes here, ranges by the rules of the domain (``Schedule``,
``MapStyle``, ``check_inject_after``). Only pydantic 2.0's interface is used, the oldest that ComfyUI may bring; import this module where it
is used, so that the pack's start does not wait for pydantic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from ..adapters.low_rank import LowRank
from ..adapters.map_style import MapStyle
from ..sampling.schedule import Schedule
from ..trajectory.field_checks import shorten
from . import FORMAT, PREFIX
from .bounded_json import read_json
from .entry_models import (
    ComfyConfig,
    ControlNetEntries,
    GeneratorEntries,
    ResNetEntries,
    ScheduleEntry,
    TransformerEntry,
)

JSON_ENTRIES = ("config", "schedule", "map", "low_rank")


WANTED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "string_pattern_mismatch": "must be a short name of letters, digits and . + - _",
}
"""What pydantic's errors mean in JSON's words."""
AdapterEntries = ControlNetEntries | ResNetEntries
ADAPTERS: dict[str, type[ControlNetEntries] | type[ResNetEntries]] = {
    "controlnet": ControlNetEntries,
    "resnet": ResNetEntries,
}
Model = TypeVar("Model", bound=BaseModel)


def read_adapter_entries(metadata: Mapping[str, str], name: str) -> AdapterEntries:
    """The entries of an adapter's file.

    Args:
        metadata: all metadata of the file.
        name: of the file; begins the error's sentence.

    Raises:
        ValueError: another format or kind, an entry that is missing, damaged or out of range, or one of a later version.
    """
    kind = metadata.get(f"{PREFIX}kind", "")
    if kind != "generator":  # whose file may lack a format, and is another file in any format
        check_format(metadata, name, required=True)
    if kind not in ADAPTERS:
        raise ValueError(
            f"{name} is a FlashMotion {kind[:40]!r}, but an adapter (controlnet or resnet) was expected; choose another file."
        )
    return _read(ADAPTERS[kind], metadata, f"{name}: its metadata entry ", "export the adapter again")


def read_generator_entries(metadata: Mapping[str, str]) -> GeneratorEntries:
    """The entries of a generator's file; as for adapters, but any of them may be missing.

    Raises:
        ValueError: another format or kind, or an entry that is damaged, out of range, or of a later version.
    """
    check_format(metadata, "the file", required=False)
    return _read(GeneratorEntries, metadata, "the metadata entry ", "export the generator again")


def read_schedule(text: str, thing: str, remedy: str) -> Schedule:
    """A schedule from ``Schedule.to_json``'s form; ``thing`` and ``remedy`` begin and end the error's sentence.

    Raises:
        ValueError: the text is damaged or out of range.
    """
    return _built(ScheduleEntry, read_json(text, thing, remedy), thing, remedy).build()


def read_transformer(metadata: Mapping[str, str]) -> TransformerEntry:
    """What ComfyUI's entry ``config`` says of the generator; empty where there is none.

    Raises:
        ValueError: the entry is damaged, or has an argument that is out of range or unknown.
    """
    text = metadata.get("config")
    if text is None:
        return TransformerEntry()
    thing, remedy = "the metadata entry config", "export the generator again"
    return _built(ComfyConfig, read_json(text, thing, remedy), thing, remedy).transformer or TransformerEntry()


def adapter_metadata(
    kind: str,
    config: Mapping[str, Any],
    schedule: Schedule,
    style: MapStyle,
    base: str | None,
    low_rank: LowRank | None = None,
) -> dict[str, str]:
    """The metadata of an adapter's file.

    Raises:
        ValueError: parts that ``read_adapter_entries`` would refuse.
    """
    values = {"format": FORMAT, "kind": kind, "config": dict(config), "map": asdict(style)}
    difference = None if low_rank is None else asdict(low_rank)
    return _written(ADAPTERS[kind], {**values, "schedule": schedule.to_json(), "base": base, "low_rank": difference})


def generator_metadata(sizes: UnseenSizes, schedule: Schedule | None, *, text: bool) -> dict[str, str]:
    """The metadata of a generator's file.

    Args:
        sizes: its ``WanConfig``; without these entries ComfyUI would assume the text width and head size of the 5B.
        schedule: what it was trained for, if that is known.
        text: whether it was trained with text.

    Raises:
        ValueError: parts that ``read_generator_entries`` would refuse.
    """
    written = {
        "format": FORMAT,
        "kind": "generator",
        "schedule": None if schedule is None else schedule.to_json(),
        "text": None if text else "none",
    }
    config = json.dumps({"transformer": {"text_dim": sizes.text_dim, "num_heads": sizes.num_heads}})
    read_transformer({"config": config})
    return _written(GeneratorEntries, written) | {"config": config}


class UnseenSizes(Protocol):
    """Those sizes of a ``WanConfig`` that the weights' shapes do not say to ComfyUI."""

    @property
    def text_dim(self) -> int:
        """Width of a text token."""

    @property
    def num_heads(self) -> int:
        """Attention heads."""


def _written(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """Entries as a safetensors file holds them: strings with our prefix; those that are None are left out."""
    metadata = {
        f"{PREFIX}{key}": value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in values.items()
        if value is not None
    }
    # What cannot be read again is not written.
    _read(model, metadata, "the metadata entry ", "correct it before writing")
    return metadata


def check_format(metadata: Mapping[str, str], name: str, *, required: bool) -> None:
    """Check the version of the metadata.

    Raises:
        ValueError: another version than ``FORMAT``, or none where one is required.
    """
    found = metadata.get(f"{PREFIX}format")
    if found != FORMAT and (required or found is not None):
        shown = "none" if found is None else repr(found[:40])
        raise ValueError(
            f"{name} has the metadata format {shown}, but this version reads {FORMAT!r}; update FlashMotion, or export the file again."
        )


def _read(model: type[Model], metadata: Mapping[str, str], thing: str, remedy: str) -> Model:
    ours = {key: metadata.get(f"{PREFIX}{key}") for key in model.model_fields}
    values = {
        key: read_json(text, f"{thing}{PREFIX}{key}", remedy) if key in JSON_ENTRIES else text
        for key, text in ours.items()
        if text is not None
    }
    return _built(model, values, f"{thing}{PREFIX}", remedy)


def _built(model: type[Model], values: Any, thing: str, remedy: str) -> Model:
    """The model of decoded values; its errors become one sentence about the first of them."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ValueError(_sentence(error, thing, remedy)) from None


def _sentence(error: ValidationError, thing: str, remedy: str) -> str:
    problems = error.errors(include_url=False)
    later = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    if later:
        names = sorted(_place("", problem["loc"]).lstrip(".") for problem in later)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return f"{thing.rstrip('.')} has settings that this version does not know ({shown}); update FlashMotion."
    where = _place(thing, problems[0]["loc"])
    message, kind = str(problems[0]["msg"]), problems[0]["type"]
    if kind == "missing":
        return f"{where} is missing; {remedy}."
    if kind == "value_error":
        rule = message.removeprefix("Value error, ").rstrip(".")
        return f"{where} cannot be used: {rule}." if ";" in rule else f"{where} cannot be used: {rule}; {remedy}."
    wanted = WANTED.get(kind) or re.sub(r"^\w+ should", "must", message).partition(" after validation")[0]
    return f"{where} is {shorten(problems[0]['input'])}, but {wanted}; {remedy}."


def _place(thing: str, location: tuple[int | str, ...]) -> str:
    """``thing`` with the dotted path of a field; a stranger's field name is shortened."""
    parts = [part if isinstance(part, int) else shorten(part).strip('"') for part in location]
    return ".".join([thing.rstrip("."), *map(str, parts)])
