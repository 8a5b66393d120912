"""Which schedule a generator is sampled with: what its files say or are known by, never a silent guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .schedule import PRESETS, Schedule, preset_schedule, recognise_schedule

FROM_FILE = "from file"
"""The choice that leaves the schedule to the files."""
_TITLES = re.compile(r"title|name|description|comment|base_model|tags|usage", re.IGNORECASE)
_LONGEST_TITLE = 500


@dataclass(frozen=True)
class KnownSchedule:
    """A file's schedule and what it was read from: ``its metadata``, ``its keys`` or ``its name``."""

    file: str
    schedule: Schedule
    source: str


def known_schedule(file: str, keys: Iterable[str], metadata: Mapping[str, str]) -> KnownSchedule | None:
    """The schedule of a generator's or a LoRA's file, where the file shows it.

    FlashMotion's own entry wins, then the gates of FastWan's sparse attention among the keys, then titles in the metadata, then the name.

    Args:
        file: its name, with the folder inside ComfyUI's, as a person chose it.
        keys: of its tensors.
        metadata: of the file.

    Raises:
        ValueError: an entry ``flashmotion.schedule`` that is damaged; names the file.
    """
    stated = metadata.get("flashmotion.schedule")
    if stated:
        from ..metadata.entries import read_schedule

        schedule = read_schedule(stated, f"{file}: the metadata entry flashmotion.schedule", "export the file again")
        return KnownSchedule(file, schedule, "its metadata")
    if any("to_gate_compress" in key for key in keys):
        return KnownSchedule(file, preset_schedule("fastwan"), "its keys")
    titles = [value for key, value in metadata.items() if _TITLES.search(key) and len(value) <= _LONGEST_TITLE]
    for texts, source in ((titles, "its metadata"), ([file], "its name")):
        name = recognise_schedule(texts)
        if name is not None:
            return KnownSchedule(file, preset_schedule(name), source)
    return None


def choose_schedule(chosen: str, known: Sequence[KnownSchedule]) -> KnownSchedule | None:
    """The schedule of a generator with what is loaded on top of it; None where nothing says it.

    Args:
        chosen: ``from file``, or a preset, which wins over the files.
        known: what the generator's and the LoRA's file say, where they do.

    Raises:
        ValueError: an unknown choice, or two files that say different things.
    """
    if chosen in PRESETS:
        return KnownSchedule("the input schedule", preset_schedule(chosen), "your choice")
    if chosen != FROM_FILE:
        raise ValueError(f"the schedule is {chosen!r}, but must be one of {', '.join([FROM_FILE, *PRESETS])}.")
    if len({(entry.schedule.sigmas, entry.schedule.shift) for entry in known}) > 1:
        says = " but ".join(f"{entry.file} says {entry.schedule.name} ({entry.source})" for entry in known)
        raise ValueError(f"the files disagree on the schedule: {says}; choose one in the input schedule.")
    return known[0] if known else None
