"""The index of checkpoints from before `tensors.json`: DCP's `.metadata`, a pickle, read without running anything.

Unpickling calls what the file names. Here every name gives a stand-in that only remembers what it was called with, and a name that DCP does
not write is refused. No class, function or attribute of the running program can be reached, so nothing can be run or changed. What a small
file can repeat without end (tuples in tuples, long texts, lists that many records share) and keys that all hash alike are refused, so reading
ends in the time its length allows.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

OLD_INDEX = ".metadata"
MAX_BYTES = 500_000_000
MAX_AXES = 8
MAX_TUPLE = 64
"""Entries of a tuple; DCP's longest is the path of a tensor's name."""
MAX_TEXT = 10_000
"""Characters or bytes of a text; DCP's longest is a tensor's name."""
_DCP = "torch.distributed.checkpoint"
_RECORDS = {
    *(
        (f"{_DCP}.metadata", name)
        for name in (
            *("Metadata", "TensorStorageMetadata", "TensorProperties", "ChunkStorageMetadata", "MetadataIndex"),
            *("StorageMeta", "_MEM_FORMAT_ENCODING"),
        )
    ),
    (f"{_DCP}.filesystem", "_StorageInfo"),
    ("torch", "Size"),
    ("torch.serialization", "_get_layout"),
    ("collections", "OrderedDict"),
    *(("pathlib", name) for name in ("PosixPath", "WindowsPath")),
    *(("pathlib._local", name) for name in ("PosixPath", "WindowsPath")),
}


def read_old_index(path: Path) -> dict[str, Any]:
    """What `checkpoint_index.TensorIndex` checks, from a pickle of DCP's.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or names something that DCP does not write.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes, but at most {MAX_BYTES:,} are read")
    try:
        data = path.read_bytes()
        _check_arguments(data)
        whole = _fields(_Reader(io.BytesIO(data)).load())
        stored, places = whole["state_dict_metadata"], _places(whole["storage_data"])
        return {"tensors": _tensors(stored, places, len(whole["storage_data"]))}
    except (
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        RecursionError,
        OverflowError,
        MemoryError,
        AssertionError,
        struct.error,
    ) as error:
        raise ValueError(f"{path.name} is not an index of tensors ({type(error).__name__}: {error})") from error


def _check_arguments(data: bytes) -> None:
    """Refuse a length beyond the file's end, the number of a remembered object above its length, for which memory may be taken, and long values."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int) and argument > len(data):
            raise pickle.UnpicklingError(f"it remembers object {argument:,} in {len(data):,} bytes")
        if isinstance(argument, (str, bytes, bytearray)) and len(argument) > MAX_TEXT:
            raise pickle.UnpicklingError(f"it holds a text of {len(argument):,} characters")
        if isinstance(argument, int) and argument.bit_length() > 64:
            raise pickle.UnpicklingError(f"it holds a number of {argument.bit_length():,} bits")


def _bounded(operation: Callable[[Any], None]) -> Callable[[Any], None]:
    """An operation that makes a tuple, refused where the tuple could take forever to hash: each level of tuples may double the work."""

    def load(reader: Any) -> None:
        operation(reader)
        made = reader.stack[-1]
        inner = [entry for entry in made if isinstance(entry, tuple)]
        if len(made) > MAX_TUPLE or any(isinstance(entry, tuple) for each in inner for entry in each):
            raise pickle.UnpicklingError("it holds tuples that are longer or deeper than DCP writes")

    return load


def _named(operation: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    """An operation that fills a dict, refused unless the keys among what lies on top are names: numbers can be chosen to hash alike."""

    def load(reader: Any) -> None:
        if not all(isinstance(key, (str, _StandIn)) for key in reader.stack[keys]):
            raise pickle.UnpicklingError("it holds keys that are no names")
        operation(reader)

    return load


def _refused(reader: Any) -> None:
    raise pickle.UnpicklingError("it holds a set, which DCP does not write")


# The one written in Python: only there can an operation be bounded.
class _Reader(pickle._Unpickler):
    """Sees data and stand-ins, nothing else."""

    dispatch = (
        pickle._Unpickler.dispatch
        | {
            code: _bounded(pickle._Unpickler.dispatch[code])
            for (code,) in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
        }
        | {
            code: _named(pickle._Unpickler.dispatch[code], keys)
            for (code,), keys in (
                (pickle.SETITEM, slice(-2, -1)),
                (pickle.SETITEMS, slice(0, None, 2)),
                (pickle.DICT, slice(0, None, 2)),
            )
        }
        | {code: _refused for (code,) in (pickle.ADDITEMS, pickle.FROZENSET)}
    )

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.known: dict[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in, made for this file alone; for a dtype, its name."""
        if module == "torch" and name.isidentifier() and name.startswith(("float", "bfloat", "int", "uint", "bool")):
            return name
        if (module, name) not in _RECORDS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no checkpoint needs")
        return self.known.setdefault((module, name), type(name, (_StandIn,), {}))

    def persistent_load(self, pid: Any) -> Any:
        """Nothing lies outside the file."""
        raise pickle.UnpicklingError("it refers to something outside the file")


class _StandIn:
    """Remembers what it was made of."""

    def __new__(cls, *arguments: Any) -> _StandIn:
        made = super().__new__(cls)
        made.arguments = arguments
        made.state = None
        return made

    def __init__(self, *arguments: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self.state = state

    arguments: tuple[Any, ...]
    state: Any


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, _StandIn) or not isinstance(record.state, dict):
        raise TypeError("a record has no fields")
    return record.state


def _sizes(value: Any) -> list[Any]:
    """Of a `torch.Size`."""
    sizes = value.arguments[0] if isinstance(value, _StandIn) else value
    if len(sizes) > MAX_AXES:
        raise ValueError(f"a tensor has {len(sizes)} axes, but at most {MAX_AXES} are read")
    if not all(isinstance(size, int) for size in sizes):
        raise TypeError("a size is no whole number")
    return list(sizes)


def _places(stored: Any) -> dict[tuple[str, tuple[Any, ...]], dict[str, Any]]:
    """By a tensor's name and a chunk's offsets."""
    keys = [(_fields(key), _fields(place)) for key, place in stored.items()]
    if not all(isinstance(key["fqn"], str) for key, _ in keys):
        raise TypeError("a tensor's name is no text")
    return {(key["fqn"], tuple(_sizes(key["offset"]))): place for key, place in keys}


def _tensors(
    stored: dict[str, Any], places: dict[tuple[str, tuple[Any, ...]], dict[str, Any]], most: int
) -> dict[str, dict[str, Any]]:
    """All tensors, with at most so many chunks: a small file may name one list of chunks for every tensor."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in stored.items():
        fields = _fields(entry)
        most -= len(fields["chunks"])
        if most < 0:
            raise ValueError("there are more chunks than places for them")
        found[name] = _tensor(name, fields, places)
    return found


def _tensor(
    name: str, entry: dict[str, Any], places: dict[tuple[str, tuple[Any, ...]], dict[str, Any]]
) -> dict[str, Any]:
    chunks = []
    for chunk in map(_fields, entry["chunks"]):
        offsets = _sizes(chunk["offsets"])
        place = places[name, tuple(offsets)]
        if place.keys() - {"relative_path", "offset", "length"}:
            raise TypeError("a chunk is transformed")
        chunks.append(
            {
                "offsets": offsets,
                "sizes": _sizes(chunk["sizes"]),
                "file": place["relative_path"],
                "start": place["offset"],
                "length": place["length"],
            }
        )
    return {"dtype": entry["properties"].state[0], "size": _sizes(entry["size"]), "chunks": chunks}
