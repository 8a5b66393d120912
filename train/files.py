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


def read_fields(path: Path, remedy: str, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """Those fields of a JSON object in a file, each of its kind.

    Raises:
        TrainError: the file cannot be read, is not an object, or lacks one of them; the sentence ends with the remedy.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__} instead of an object")
        for name, kind in kinds.items():
            if not isinstance(found.get(name), kind) or isinstance(found.get(name), bool):
                raise ValueError(f"{name} is {found.get(name)!r:.60}")
    except (OSError, ValueError, RecursionError) as error:
        raise TrainError(f"{path} is damaged ({error}); {remedy}.") from error
    return {name: found[name] for name in kinds}


def disk_problem(error: BaseException) -> str | None:
    """What went wrong with the disk, in words; None if it was not the disk."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, SafetensorError):
        return str(error).strip().rstrip(".")
    # torch's writers keep no trace of the system's error.
    if any(trace in str(error) for trace in ("PytorchStreamWriter failed", "iostream error", "inline_container.cc")):
        return "a file could not be written to its end"
    return None


def clip_problem(error: ValueError | OSError) -> str:
    """What is wrong with a video or a file beside it, as half a sentence."""
    if isinstance(error, OSError) and error.strerror:
        name = Path(error.filename).name if isinstance(error.filename, str) else "it"
        return f"{name} cannot be read ({error.strerror}); check its permissions and its disk"
    return str(error).rstrip(".")


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
