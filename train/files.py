"""Fingerprints of files and settings, and the error for files that cannot be written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from safetensors import SafetensorError

from .errors import TrainError


@contextmanager
def writing(what: str, folder: Path, remedy: str) -> Iterator[None]:
    """Inside, a failure to write becomes a TrainError that names what could not be written, where, and what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TrainError(f"{what} cannot be written to {folder} ({reason}); {remedy}.") from error


def digest(*parts: Any) -> str:
    """A hash of settings, strings and numbers: 16 hex digits."""
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def content_hash(path: str | Path) -> str:
    """The sha256 of a file, or of all files in a folder with their names: 64 hex digits."""
    path = Path(path)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def file_digest(path: str) -> str:
    """A hash of a file's path, size and time, because hashing 10 GB at every start would be slow."""
    file = Path(path)
    return digest(str(file), *((file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else ()))
