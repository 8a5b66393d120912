"""Any checkpoint as flat keys and tensors: safetensors in one file or in parts, and pickles of training code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from torch import Tensor

from ..files.file_kinds import existing_file, what_else
from ..files.reasons import first_line
from ..files.weights import read_weights

DEPTH = 16
"""Entries within entries; deeper ones are not a checkpoint."""


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a checkpoint under dotted keys (``generator.model.head.modulation``), and its metadata.

    Pickles are opened with ``weights_only=True``, so they cannot run code.

    Raises:
        ValueError: the file is missing, unreadable, only a part, a pickle of something other than tensors, or holds no weights.
    """
    if path.is_dir() and any(path.glob("*.distcp")):
        raise ValueError(
            f"{path} is a distributed checkpoint (DCP); join it with python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
            f"{path} OUT.pt and convert OUT.pt."
        )
    if path.is_dir() or path.suffix in (".safetensors", ".json"):
        return read_weights(path)
    kind = what_else(existing_file(path), "")
    if kind is not None and "pickled" not in kind:
        raise ValueError(f"{path.name} is {kind}.")
    return _flat(_unpickled(path), path.name), {}


def _unpickled(path: Path) -> Any:
    with suppress(ImportError):  # a torch without distribution; the import lets torch.load read FSDP's tensors
        import torch.distributed.tensor
    try:
        # Files of the format before zip cannot be memory-mapped.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    # torch and pickle raise many kinds of errors; all of them mean that no tensors can be read.
    except Exception as error:
        # torch first tells how to run the code all the same.
        found = re.search(
            r"(?:WeightsUnpickler error:|Trying to load)\s*(\S.*?)\.?(?: Please.*)?$", str(error), re.MULTILINE
        )
        reason = first_line(ValueError(found[1]) if found else error)
        raise ValueError(
            f"{path.name} is not a checkpoint of plain tensors ({reason:.120}); it is cut off, or holds code, which is not run: "
            "download it again or choose another file."
        ) from error


def _flat(loaded: Any, name: str) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{name} is a {type(loaded).__name__}, but a state dict was expected; choose another file.")
    found = dict(_tensors(loaded, "", DEPTH))
    if not found:
        raise ValueError(
            f"{name} holds no weights, but {', '.join(map(str, loaded)) or 'nothing'}; choose another file."
        )
    return found


def _tensors(entries: Mapping[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    for key, value in entries.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", _whole(f"{prefix}{key}", value.detach())
        elif isinstance(value, Mapping) and depth:
            yield from _tensors(value, f"{prefix}{key}.", depth - 1)


def _whole(key: str, value: Tensor) -> Tensor:
    """A tensor of FSDP as a plain one, which needs the whole of it."""
    local: Tensor = getattr(value, "_local_tensor", value)
    if local.shape != value.shape:
        raise ValueError(
            f"{key} is {list(local.shape)} of {list(value.shape)}: the file of one process among several; save a full state dict there."
        )
    return local
