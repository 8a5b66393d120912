"""Lists of videos with a row per video, and MagicData's folder, which has one as a .csv."""

from __future__ import annotations

import codecs
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS = {
    "video": ("video", "path", "file", "video_path", "file_name", "filename"),
    "prompt": ("prompt", "caption", "text"),
    "tracks": ("trajectory", "tracks", "boxes"),
    "masks": ("masks",),
}
"""What the columns of a list may be called; the first one that is there counts."""


@dataclass(frozen=True)
class MagicRow:
    """A row of MagicData's list.

    Attributes:
        number: of its line, from 1.
        video: its path as the list writes it.
        prompt: may be empty.
        frames: as the list states it; None if it does not.
    """

    number: int
    video: str
    prompt: str
    frames: int | None


def magic_list(place: Path) -> Path | None:
    """The list of a folder in MagicData's layout: its only .csv, if it has a folder ``videos``."""
    found = sorted(place.glob("*.csv")) if (place / "videos").is_dir() else []
    return found[0] if len(found) == 1 else None


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a list, which end with a line feed, one by one; see `texts` for the encodings. Raises ValueError if it cannot be read."""
    try:
        with path.open("rb") as file:
            wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        with path.open(encoding="utf-16" if wide else "utf-8-sig") as text:
            yield from text
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the list of videos {path} cannot be read ({error}); save it as UTF-8.") from error


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a .csv by the names of its columns, with their numbers, from 2. Raises ValueError if it cannot be read."""
    before = csv.field_size_limit(min(sys.maxsize, 1 << 30))  # a trajectory may stand in a cell
    table = csv.DictReader(text_lines(path))
    try:
        yield from enumerate(table, start=2)
    except csv.Error as error:
        raise ValueError(f"{path}, line {table.line_num} is not CSV ({error}); correct or remove it.") from error
    finally:
        csv.field_size_limit(before)  # it is the whole program's, and other tables are short


def read_magic_list(path: Path) -> Iterator[MagicRow]:
    """The rows of such a list. Raises ValueError if it cannot be read, or a row names no video or no number of frames."""
    for number, row in csv_rows(path):
        video, prompt = (next((row[name] for name in KEYS[key] if row.get(name)), "") for key in ("video", "prompt"))
        if not video:
            raise ValueError(f"{path}, row {number} names no video; give it a column path.")
        frames = (row.get("num_frames") or "").strip()
        if frames and not frames.isdecimal():
            raise ValueError(f"{path}, row {number} has the num_frames {frames!r}; write a whole number.")
        yield MagicRow(number, video, prompt, int(frames) if frames else None)
