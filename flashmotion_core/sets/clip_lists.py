"""Lists of videos, ``.jsonl`` or ``.csv`` with a row per video, and MagicData's folder, which has one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..texts import read_text

LISTS = (".jsonl", ".csv")
KEYS = {
    "video": ("video", "path", "file", "video_path", "file_name", "filename"),
    "prompt": ("prompt", "caption", "text"),
    "tracks": ("trajectory", "tracks", "boxes"),
    "masks": ("masks",),
}
"""What the columns of a list may be called; the first one that is there counts."""


def magic_list(place: Path) -> Path | None:
    """The list of a folder in MagicData's layout: its only .csv, if it has a folder ``videos``."""
    found = sorted(place.glob("*.csv")) if (place / "videos").is_dir() else []
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class ListedVideo:
    """A row of a list.

    Attributes:
        number: of its line, from 1.
        video: as the list writes it.
        prompt, tracks, masks: of the columns in `KEYS`; None where there is none.
        row: all columns.
    """

    number: int
    video: str
    prompt: Any
    tracks: Any
    masks: Any
    row: dict[str, Any]


def read_list(path: Path) -> Iterator[ListedVideo]:
    """The rows of a list. Raises ValueError if the list or a row cannot be read, or a row names no video."""
    for number, row in _rows(path):
        values = {key: next((row[name] for name in names if row.get(name)), None) for key, names in KEYS.items()}
        video = values.pop("video")
        if not isinstance(video, str):
            raise ValueError(
                f"{path}, row {number} names no video, as it has only {', '.join(map(str, row)) or 'nothing'}; give it a column video."
            )
        yield ListedVideo(number, video, row=row, **values)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = read_text(path)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the list of videos {path} cannot be read ({error}); save it as UTF-8.") from error
    if path.suffix.lower() == ".csv":
        yield from enumerate(csv.DictReader(text.splitlines()), start=2)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}, row {number} is not JSON ({error}); correct or remove it.") from error
            yield number, row if isinstance(row, dict) else {}


def inside(root: Path, name: str) -> Path:
    """A path of a list, relative to `root` or to its folder ``videos``."""
    path = root / name
    return (root / "videos" / name if not path.exists() and (root / "videos" / name).exists() else path).absolute()
