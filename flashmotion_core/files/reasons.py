"""What another library's error says, as a part of our own sentence."""

from __future__ import annotations


def first_line(error: BaseException | None) -> str:
    """The first line of its message that says something, without a full stop or colon at its end; its type's name if it says nothing.

    Characters that a terminal would obey are left out: some messages quote names from a file.
    """
    lines = ("".join(filter(str.isprintable, line)) for line in str(error).replace("\t", " ").splitlines())
    said = (line.strip().rstrip(".:") for line in lines)
    return next(filter(None, said), type(error).__name__)
