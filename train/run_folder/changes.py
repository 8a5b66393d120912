"""What was changed on the way: settings that `--continue-with` gave, kept in the run's folder, so that the same command continues with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError
from ..files import writing

FILE = "changes.json"


def read_changes(folder: Path) -> list[list[str]]:
    """The changes of a run in order, each a list of ``key=value``; none if there is no file.

    Raises:
        TrainError: the file cannot be read.
    """
    path = folder / FILE
    try:
        return [[str(text) for text in entry["set"]] for entry in _entries(path)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TrainError(
            f"{path} is damaged ({error!r}); restore it, or delete it and give its settings again with --continue-with."
        ) from error


def keep_change(folder: Path, settings: Sequence[str]) -> None:
    """Add a change, unless it is the last one already.

    Raises:
        TrainError: the run has not begun, so that there is nothing to continue.
    """
    if not (folder / "config.yaml").is_file():
        raise TrainError(
            f"--continue-with is {' '.join(settings)!r}, but {folder} has not begun; give the settings at the end of the command instead."
        )
    changes = read_changes(folder)
    if changes and changes[-1] == list(settings):
        return
    entry = {"when": datetime.now(timezone.utc).isoformat("T", "seconds"), "set": list(settings)}
    with writing(FILE, folder, "free some space there or make it writable"):
        write_whole(folder / FILE, json.dumps([*_entries(folder / FILE), entry], indent=1))


def _entries(path: Path) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    if not isinstance(found, list):
        raise ValueError(f"{FILE} holds no list")
    return found
