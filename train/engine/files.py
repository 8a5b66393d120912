"""Files, written whole or not at all, and the sentence where they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from .errors import TrainError


def write_text_whole(path: Path, text: str) -> None:
    """Write a text file beside its place and move it there; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextmanager
def writing(what: str, folder: Path, remedy: str) -> Iterator[None]:
    """Within it, a disk that is full or may not be written to is a TrainError that names what, where and what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TrainError(f"{what} cannot be written to {folder} ({reason}); {remedy}.") from error
