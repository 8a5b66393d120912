"""Words of a command line with a name in front: KIND=FILE, NAME=FOLDER."""

from __future__ import annotations


def split_word(word: str) -> tuple[str, str | None]:
    """Name and value of "NAME=VALUE"; the word and None without "=". Only the first "=" counts, as files' names may have more."""
    name, equals, value = word.partition("=")
    return name, value if equals else None
