"""Where the tensors of a checkpoint lie, as `tensors.json`: what torch's distributed checkpoint (DCP) would pickle.

A pickle can run code when it is read, and so can any entry of DCP's that is not a tensor. This index holds tensors only, and every field is
checked before DCP sees it. The tensors themselves are read by torch with `weights_only=True`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter, _StorageInfo
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorProperties,
    TensorStorageMetadata,
)

from .older_index import OLD_INDEX, read_old_index

INDEX = "tensors.json"
DTYPES = {
    str(kind).removeprefix("torch."): kind
    for kind in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
Number = Annotated[int, Field(ge=0, lt=2**63)]
Lengths = Annotated[list[Number], Field(max_length=8)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Chunk(_Part):
    """A box of a tensor, and the bytes of a file that hold it."""

    offsets: Lengths
    sizes: Lengths
    file: Annotated[str, Field(pattern=r"^__[0-9]{1,9}_[0-9]{1,9}\.distcp$")]
    start: Number
    length: Number


class StoredTensor(_Part):
    """Type, shape and chunks of a tensor."""

    dtype: str
    size: Lengths
    chunks: list[Chunk]

    @model_validator(mode="after")
    def _chunks_lie_inside(self) -> StoredTensor:
        if self.dtype not in DTYPES:
            raise ValueError(f"the type is {self.dtype[:40]!r}, but must be one of {', '.join(DTYPES)}")
        for chunk in self.chunks:
            axes = zip(chunk.offsets, chunk.sizes, self.size, strict=False)
            lengths = {len(chunk.offsets), len(chunk.sizes), len(self.size)}
            if len(lengths) > 1 or any(offset + size > whole for offset, size, whole in axes):
                raise ValueError(f"a chunk of {chunk.sizes} at {chunk.offsets} lies outside a tensor of {self.size}")
        return self


class TensorIndex(_Part):
    """All tensors of a checkpoint by their dotted names."""

    format: Literal[1] = 1
    tensors: dict[str, StoredTensor]

    @classmethod
    def of(cls, metadata: Metadata) -> TensorIndex:
        """From DCP's metadata after everything is written."""
        tensors = {}
        for name, stored in metadata.state_dict_metadata.items():
            assert isinstance(stored, TensorStorageMetadata), f"{name} is not a tensor"
            chunks = []
            for chunk in stored.chunks:
                place = metadata.storage_data[MetadataIndex(name, chunk.offsets)]
                chunks.append(
                    Chunk(
                        offsets=list(chunk.offsets),
                        sizes=list(chunk.sizes),
                        file=place.relative_path,
                        start=place.offset,
                        length=place.length,
                    )
                )
            kind = str(stored.properties.dtype).removeprefix("torch.")
            tensors[name] = StoredTensor(dtype=kind, size=list(stored.size), chunks=chunks)
        return cls(tensors=tensors)

    def metadata(self) -> Metadata:
        """As DCP's metadata."""
        stored: dict[str, Any] = {}
        places = {}
        for name, tensor in self.tensors.items():
            chunks = [ChunkStorageMetadata(torch.Size(c.offsets), torch.Size(c.sizes)) for c in tensor.chunks]
            properties = TensorProperties(dtype=DTYPES[tensor.dtype])
            stored[name] = TensorStorageMetadata(properties, torch.Size(tensor.size), chunks)
            for number, chunk in enumerate(tensor.chunks):
                place = _StorageInfo(chunk.file, chunk.start, chunk.length)
                places[MetadataIndex(name, chunk.offsets, number)] = place
        return Metadata(stored, storage_data=places, storage_meta=StorageMeta())


def has_index(folder: Path) -> bool:
    """Whether a folder has an index, of this version or an older one."""
    return (folder / INDEX).is_file() or (folder / OLD_INDEX).is_file()


def read_index(folder: Path) -> TensorIndex:
    """The index of a checkpoint's folder, of this version or an older one; nothing in it can run.

    Raises:
        OSError: it is not there.
        ValueError: it is damaged.
    """
    if (folder / INDEX).is_file() or not (folder / OLD_INDEX).is_file():
        try:
            values = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        except RecursionError:
            raise ValueError(f"{INDEX} is nested too deeply") from None
        name = INDEX
    else:
        values, name = read_old_index(folder / OLD_INDEX), OLD_INDEX
    try:
        return TensorIndex.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part)[:80] for part in problem["loc"])
        raise ValueError(f"{name}: {place}: {problem['msg']}") from None


class IndexWriter(FileSystemWriter):
    """DCP's writer of tensors, with our index in place of its pickle."""

    def finish(self, metadata: Metadata, results: list[list[Any]]) -> None:
        """Write the index; on the coordinating rank only, after all tensors."""
        metadata.storage_data = {result.index: result.storage_data for part in results for result in part}
        text = TensorIndex.of(metadata).model_dump_json()
        part = Path(self.path) / f"{INDEX}.part"
        part.write_text(text, encoding="utf-8")
        os.replace(part, Path(self.path) / INDEX)


class IndexReader(FileSystemReader):
    """DCP's reader of tensors, with our index in place of its pickle."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """The checked index as DCP's metadata."""
        return read_index(Path(self.path)).metadata()
