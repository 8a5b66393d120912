"""Words of the benchmark's command line: rows and parts."""

from __future__ import annotations

from pathlib import Path

from ..files.named_words import split_word


def row_of(value: str) -> tuple[str, Path]:
    """Name and folder of NAME=FOLDER or FOLDER. Raises ValueError for a name that no file may have."""
    name, folder = split_word(value)
    if folder is None:
        name, folder = Path(value).resolve().name, value
    if not name or name in (".", "..") or any(character in name for character in '/\\:*?"<>|'):
        raise ValueError(f"the row {value!r} has no name that a file may have; write NAME=FOLDER.")
    return name, Path(folder)


def shard_of(value: str) -> tuple[int, int]:
    """Number and count of I/N. Raises ValueError for anything else."""
    number, slash, count = value.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or int(number) >= int(count):
        raise ValueError(f"--shard is {value!r}, but must be I/N with I from 0 to N - 1, such as 0/4.")
    return int(number), int(count)
