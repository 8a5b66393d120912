"""Weight files: safetensors with metadata, read and written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .file_kinds import what_else
from .whole_file import write_whole

MAX_TENSORS = 20_000
"""Of one file. The 5B has 825; quantised, about 2,500."""
MAX_HEADER = 100_000_000
"""Bytes that safetensors allows."""


def read_header(path: str | Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes and metadata of a safetensors file, without its weights.

    Raises:
        ValueError: the file is missing, truncated or of another format.
    """
    path = _existing(path)
    try:
        _check_count(path)
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            return shapes, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ValueError(_unreadable(path, error)) from error


def read_tensors(path: str | Path, keys: Sequence[str] | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State dict and metadata of a safetensors file; of some keys only, where named.

    Raises:
        ValueError: the file is missing, truncated or of another format.
    """
    path = _existing(path)
    try:
        _check_count(path)
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            if keys is not None:
                return {key: file.get_tensor(key) for key in keys}, metadata
        return load_file(path), metadata
    except (SafetensorError, OSError) as error:
        raise ValueError(_unreadable(path, error)) from error


def save_whole(path: str | Path, state_dict: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whole or not at all; see ``write_whole``."""
    write_whole(path, lambda part: save_file(dict(state_dict), part, metadata=dict(metadata)))


def conversion(name: str) -> str:
    """The remedy for a file of another format or key layout, as the end of a sentence."""
    return f"convert it with python -m flashmotion_core.convert {name} OUT.safetensors"


def _check_count(path: Path) -> None:
    """Refuse a header with more tensors than any model has; safetensors itself would take seconds to walk through it."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = stream.read(min(size, MAX_HEADER))
    count = header.count(b'"data_offsets"')
    if count > MAX_TENSORS:
        raise ValueError(
            f"{path.name} holds {count:,} tensors, but no generator, adapter or codec has more than {MAX_TENSORS:,}; choose another file."
        )


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; check the name and folder.")
    return path


def _unreadable(path: Path, error: Exception) -> str:
    kind = what_else(path, conversion(path.name))
    if kind is not None:
        return f"{path.name} is {kind}."
    if path.suffix in (".pt", ".pth", ".ckpt", ".bin"):
        return f"{path.name} is a pickle file; {conversion(path.name)}."
    return (
        f"{path.name} ({path.stat().st_size:,} bytes) is not a complete safetensors file ({error}); "
        "it is probably cut off, so download or copy it again."
    )
