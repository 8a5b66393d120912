"""One encoded clip: a safetensors file that says itself what it holds, so it can be checked, and the index made again from it.

It holds, in float16 unless another type is given,

    latent, control_box, control_mask    [48, F, H, W]  normalised latents of the video and of its two control maps
    inside                               [1, F, H, W]   uint8, see `control.inside_map`
    text                                 [M, T]         the prompt's true tokens; M = 0 if there is no text

and in its metadata, under ``clip``, a `ClipRecord` as JSON. Its name is a hash of everything that its content depends on.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from flashmotion_core.files.weights import read_header, read_tensors, save_whole
from flashmotion_core.wan.conditioning import latent_shape

from ..files import digest

LATENTS = ("latent", "control_box", "control_mask")


@dataclass(frozen=True)
class ClipRecord:
    """What a clip is.

    Attributes:
        name: the clip's name, for reports.
        file: its file in the folder.
        bytes: the size of that file.
        frames, width, height, fps: of the video; the size in pixels, fps in frames per second.
        objects: how many objects follow a trajectory.
        prompt: the prompt that the text tokens encode.
        text: number of text tokens and their width; (0, 0) without text.
        origin: see `sources.SourceClip`.
        checksum: CRC-32 of the tensors.
    """

    name: str
    file: str
    bytes: int
    frames: int
    width: int
    height: int
    fps: float
    objects: int
    prompt: str
    text: tuple[int, int]
    origin: dict[str, Any]
    checksum: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(width, height, frames)."""
        return self.width, self.height, self.frames


def file_of(fingerprint: str, identity: Sequence[Any]) -> str:
    """The name of a clip's file.

    Args:
        fingerprint: of everything that all clips of a source depend on, see `encode.fingerprint`.
        identity: what makes the clip another one, see `sources.Source.identity`.
    """
    return f"{digest(fingerprint, list(identity))}.safetensors"


def number_of(file: str) -> int:
    """The hash in a clip's file name, 0 to 2**64 - 1."""
    return int(file.partition(".")[0], 16)


def file_size(path: Path) -> int | None:
    """The size of a file in bytes; None if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def write_clip(path: Path, record: ClipRecord, tensors: Mapping[str, Tensor]) -> None:
    """Write a clip's file whole; the record's file, size and checksum are worked out here.

    Raises:
        OSError, SafetensorError: it cannot be written.
    """
    stored = asdict(replace(record, checksum=_checksum(tensors)))
    save_whole(
        path, tensors, {"clip": json.dumps({key: stored[key] for key in stored if key not in ("file", "bytes")})}
    )


def read_record(path: Path) -> ClipRecord:
    """The record of a file whose header is whole and promises the size that the file has; no tensor is read.

    Raises:
        ValueError: it is not an encoded clip, or it is cut off.
    """
    return _record(path, read_header(path)[1])


def read_clip(path: Path, expected: ClipRecord | None = None) -> dict[str, Tensor]:
    """The tensors of a clip, all of them checked.

    Args:
        path: the clip's file.
        expected: what the index says of it; None if there is no index.

    Raises:
        ValueError: the file is missing or damaged, or another clip than the one expected.
    """
    tensors, metadata = read_tensors(path)
    record = _record(path, metadata)
    if expected is not None and record != expected:
        raise ValueError(f"it holds {record.name} as it was at another time, not what the index says")
    latent = latent_shape(*record.shape)
    shapes = {**dict.fromkeys(LATENTS, latent), "inside": (1, *latent[1:]), "text": record.text}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(found.keys() | shapes.keys()):
        if found.get(name) != shapes.get(name):
            raise ValueError(f"its {name} has the shape {found.get(name)}, not {shapes.get(name)}")
    if _checksum(tensors) != record.checksum:
        raise ValueError("its content is not what was written")
    return tensors


def _record(path: Path, metadata: Mapping[str, str]) -> ClipRecord:
    try:
        values = json.loads(metadata["clip"])
        return record_from({**values, "file": path.name, "bytes": path.stat().st_size})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it does not say which clip it is ({error!r})") from error


def record_from(values: Mapping[str, Any]) -> ClipRecord:
    """A record from plain JSON values. Raises KeyError, TypeError or ValueError if they are not one."""
    return ClipRecord(**{**values, "text": (int(values["text"][0]), int(values["text"][1]))})


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    check = 0
    for name in sorted(tensors):
        check = zlib.crc32(tensors[name].contiguous().numpy().data.cast("B") if tensors[name].numel() else b"", check)
    return check
