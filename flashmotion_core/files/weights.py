"""Weight files: safetensors with metadata, read and written whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .file_kinds import existing_file, what_else
from .whole_file import write_whole

_SHARD = re.compile(r"-(\d{4,6})-of-(\d{4,6})\.\w+$")
MAX_TENSORS = 20_000
"""Of one file. The 5B has 825; quantised, about 2,500."""
MAX_HEADER = 100_000_000
"""Bytes that safetensors allows."""


def read_header(path: str | Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes and metadata of a safetensors file, without its weights.

    Raises:
        ValueError: the file is missing, truncated or of another format.
    """
    with _opened(path) as file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (not a mapping)
        return shapes, dict(file.metadata() or {})


def read_tensors(path: str | Path, keys: Sequence[str] | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State dict and metadata of a safetensors file; of some keys only, where named.

    Raises:
        ValueError: the file is missing, truncated or of another format.
    """
    with _opened(path) as file:
        tensors = load_file(path) if keys is None else {key: file.get_tensor(key) for key in keys}
        return tensors, dict(file.metadata() or {})


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State dict and metadata of a whole model, which may be stored in parts.

    Args:
        path: a safetensors file, the index file of a sharded one, or a folder that holds one model.

    Raises:
        ValueError: a file that is missing, unreadable or only a part; the error says which.
    """
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for file in model_files(path):
        found, notes = read_tensors(file)
        tensors |= found
        metadata |= notes
    return tensors, metadata


def part_of_shards(name: str) -> tuple[int, int] | None:
    """(2, 3) for ``diffusion_pytorch_model-00002-of-00003.safetensors``; None for a name that is not one part of several."""
    match = _SHARD.search(name)
    return None if match is None else (int(match.group(1)), int(match.group(2)))


def model_files(path: str | Path) -> list[Path]:
    """The files that hold one model, all of them there; see ``read_weights``."""
    path = Path(path)
    if path.is_dir():
        indices = sorted(path.glob("*.safetensors.index.json"))
        files = sorted(path.glob("*.safetensors"))
        if len(indices) == 1:
            return _indexed(indices[0])
        if not files:
            raise ValueError(f"{path} holds no safetensors files; download or export it again.")
        parts = [part_of_shards(file.name) for file in files]
        count = max((part[1] for part in parts if part), default=1)
        if [part and part[0] for part in parts] != (list(range(1, count + 1)) if count > 1 else [parts[0] and 1]):
            shown = ", ".join(file.name for file in files[:4])
            raise ValueError(
                f"{path} holds {len(files)} safetensors files that are not the parts of one model ({shown}); name one of them, or download "
                "what is missing."
            )
        return files
    if path.name.endswith(".index.json"):
        return _indexed(existing_file(path))
    part = part_of_shards(path.name)
    if part is not None and part[1] > 1:
        raise ValueError(
            f"{path.name} is part {part[0]} of {part[1]} of a sharded model; give the folder that holds all parts, or its index file."
        )
    return [path]


def _indexed(index: Path) -> list[Path]:
    """The files that an index names, which stand beside it."""
    try:
        names = sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8-sig"))["weight_map"].values()})
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{index.name} is not the index of a sharded model; download it again.") from error
    missing = [name for name in names if Path(name).name != name or not (index.parent / name).is_file()]
    if missing or not names:
        raise ValueError(
            f"{index.name} names {', '.join(missing) or 'no files'}, which the folder lacks; download it too."
        )
    return [index.parent / name for name in names]


def save_whole(path: str | Path, state_dict: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whole or not at all; see ``write_whole``."""
    write_whole(path, lambda part: save_file(dict(state_dict), part, metadata=dict(metadata)))


def conversion(name: str) -> str:
    """The remedy for a file of another format or key layout, as the end of a sentence."""
    return f"convert it with python convert.py {name} OUT.safetensors in FlashMotion's folder"


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


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """Inside, a safetensors file is open; whatever is wrong with it is a ValueError of one sentence."""
    path = existing_file(path)
    try:
        _check_count(path)
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ValueError(_unreadable(path, error)) from error


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
