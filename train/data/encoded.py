"""Encoded clips: one safetensors file per clip, read in any order and batched.

A folder holds a ``.safetensors`` file per clip, named by a hash of what the clip is; ``index.jsonl``, a header line with format and
fingerprint, then a line per clip as it was encoded; and, once all clips of a source are there, ``complete.json``, which lists them in the
source's order. So a changed, added or removed clip concerns its own file only. Lines that are not listed are of clips as they were before; if
a clip has two lines, the later one counts. `encode.encode_clips` writes it. A clip's file holds, in float16 unless another type is given,

    latent, control_box, control_mask    [48, F, H, W]  normalised latents of the video and of its two control maps
    inside                               [1, F, H, W]   uint8, see `control.inside_map`
    text                                 [M, T]         the prompt's true tokens; M = 0 if there is no text
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flashmotion_core.loading import TEXT_TOKENS
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.weights import read_tensors

from ..errors import TrainError
from ..files import digest

FORMAT = 2
INDEX, COMPLETE = "index.jsonl", "complete.json"
LATENTS = ("latent", "control_box", "control_mask")


@dataclass(frozen=True)
class ClipRecord:
    """A line of the index.

    Attributes:
        name: the clip's name, for reports.
        file: its file in the folder.
        bytes: the size of that file.
        frames, width, height, fps: of the video; the size in pixels, fps in frames per second.
        objects: how many objects follow a trajectory.
        prompt: the prompt that the text tokens encode.
        text: number of text tokens and their width; (0, 0) without text.
        origin: see `sources.SourceClip`.
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


@dataclass
class Batch:
    """B clips of one shape, float32.

    Attributes:
        latent_BCFHW: normalised latents; frame 0 is the encoded start image itself, because the codec is causal.
        control_box_BCFHW, control_mask_BCFHW: normalised latents of the control maps with boxes and with masks.
        inside_B1FHW: 1.0 inside the objects' boxes, else 0.0.
        context_BMT: text tokens, padded with zeros to the 512 that the generator always sees. Its cross-attention has no mask, so zero rows
            take part and their number matters. If no clip of the batch has text, one zero row stands for all 512: attention over equal
            rows gives that row's value, however many there are.
        names: the names of the clips.
    """

    latent_BCFHW: Tensor
    control_box_BCFHW: Tensor
    control_mask_BCFHW: Tensor
    inside_B1FHW: Tensor
    context_BMT: Tensor
    names: list[str]

    def to(self, device: torch.device | str) -> Batch:
        """The batch on another device; a copy to a GPU is asynchronous."""
        target = torch.device(device)

        def moved(value: Tensor) -> Tensor:
            pinned = value.pin_memory() if target.type == "cuda" and value.device.type == "cpu" else value
            return pinned.to(target, non_blocking=True)

        return Batch(
            moved(self.latent_BCFHW),
            moved(self.control_box_BCFHW),
            moved(self.control_mask_BCFHW),
            moved(self.inside_B1FHW),
            moved(self.context_BMT),
            list(self.names),
        )


class EncodedClips:
    """A finished folder of encoded clips, all of one shape.

    Attributes:
        records: one record per clip, in the source's order.
        numbers: the clips' numbers in their source.
        shape_CFHW: the latents' shape.
        fingerprint: see `encode.fingerprint`.
        mark: a hash of the fingerprint and of which clips these are.
    """

    def __init__(self, folder: str | Path, *, fingerprint: str | None = None, text_dim: int | None = None) -> None:
        """Read the index and check that every file is there; no tensor is read.

        Args:
            folder: a folder that `encode.encode_clips` wrote.
            fingerprint: the expected fingerprint; None accepts any.
            text_dim: the generator's width of text tokens. None for that of the encoded texts, or 0 if there are none.

        Raises:
            TrainError: the clips are missing, unfinished, damaged, of another fingerprint, or of mixed shapes.
        """
        self.folder = Path(folder)
        if not (self.folder / INDEX).is_file():
            raise TrainError(f"{folder} holds no encoded clips; run the data phase first.")
        self.fingerprint, records, _ = read_index(self.folder)
        if fingerprint is not None and self.fingerprint != fingerprint:
            raise TrainError(
                f"{folder} holds clips encoded with other settings or another codec (fingerprint {self.fingerprint[:12]}, not "
                f"{fingerprint[:12]}); remove that folder and run the data phase again."
            )
        if not (self.folder / COMPLETE).is_file():
            raise TrainError(
                f"{folder} holds only {len(records)} clips so far; run the data phase again, which continues."
            )
        listed = read_listing(self.folder, records)
        if not listed:
            raise TrainError(f"{self.folder / COMPLETE} lists 0 clips; {_AGAIN}.")
        self.numbers = [number for number, _ in listed]
        self.records = [records[file] for _, file in listed]
        self.mark = digest(self.fingerprint, listed)
        for record in self.records:
            self._check_file(record)
        self.shape_CFHW = self._one_shape()
        widths = {record.text[1] for record in self.records if record.text[0]}
        self.text_dim = max(widths, default=0) if text_dim is None else text_dim
        if widths - {self.text_dim}:
            raise TrainError(
                f"the texts in {folder} are {max(widths - {self.text_dim})} wide, but the generator takes a width of {self.text_dim}; {_AGAIN}."
            )

    def __len__(self) -> int:
        """How many clips."""
        return len(self.records)

    def read(self, index: int) -> dict[str, Tensor]:
        """The tensors of one clip as they are stored (see the module).

        Raises:
            TrainError: the file is damaged, or a value is not finite.
        """
        record = self.records[index]
        path = self.folder / record.file
        try:
            tensors, _ = read_tensors(path)
        except ValueError as error:
            raise TrainError(f"{path} is damaged ({error}); {_REPAIR}.") from error
        expected = {name: self.shape_CFHW for name in LATENTS}
        shapes = {**expected, "inside": (1, *self.shape_CFHW[1:]), "text": record.text}
        found = {name: tuple(value.shape) for name, value in tensors.items()}
        for name in sorted(found.keys() | shapes.keys()):
            if found.get(name) != shapes.get(name):
                raise TrainError(
                    f"{path} has {name} in the shape {found.get(name)}, but the index says {shapes.get(name)}; {_REPAIR}."
                )
        for name in (*LATENTS, "text"):
            # One number that is not finite makes the sum so, which is several times faster than testing each.
            if not tensors[name].sum(dtype=torch.float32).isfinite():
                raise TrainError(f"{path} has a value in {name} that is not finite; {_REPAIR}.")
        return tensors

    def batch(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """Some clips as one batch; raises like `read`."""
        clips = [self.read(index) for index in indices]
        latent, control_box, control_mask, inside = (
            torch.stack([clip[name] for clip in clips]).float() for name in (*LATENTS, "inside")
        )
        rows = TEXT_TOKENS if any(len(clip["text"]) for clip in clips) else 1
        context_BMT = torch.zeros(len(clips), rows, self.text_dim)
        for context_MT, clip in zip(context_BMT, clips, strict=True):
            if len(clip["text"]):
                context_MT[: len(clip["text"])] = clip["text"]
        names = [self.records[index].name for index in indices]
        return Batch(latent, control_box, control_mask, inside, context_BMT, names).to(device)

    def _check_file(self, record: ClipRecord) -> None:
        path = self.folder / record.file
        size = path.stat().st_size if path.is_file() else None
        if size != record.bytes:
            found = "is missing" if size is None else f"has {size:,} of {record.bytes:,} bytes"
            raise TrainError(f"{path} {found}; run the data phase again with --redo data, which keeps the others.")

    def _one_shape(self) -> tuple[int, int, int, int]:
        first = self.records[0]
        for record in self.records:
            if (record.width, record.height, record.frames) != (first.width, first.height, first.frames):
                raise TrainError(
                    f"clips of one data set must have one size and length, but {first.name} is {_size(first)} and {record.name} is {_size(record)}; "
                    "encode them into two folders."
                )
        return latent_shape(first.width, first.height, first.frames)


_AGAIN = "remove the folder of encoded clips and run the data phase again"
_REPAIR = "remove that file and encode it again with --redo data, which keeps the others"


def file_of(identity: Sequence[Any]) -> str:
    """The name of a clip's file: a hash of what makes the clip another one (`Source.identity`)."""
    return f"{digest(list(identity))}.safetensors"


def _size(record: ClipRecord) -> str:
    return f"{record.width} x {record.height} x {record.frames}"


def is_whole(folder: Path, record: ClipRecord) -> bool:
    """Whether a clip's file is there in its full size."""
    path = folder / record.file
    return path.is_file() and path.stat().st_size == record.bytes


def read_index(folder: Path) -> tuple[str, dict[str, ClipRecord], int]:
    """Fingerprint, clips by their file, and the length of the whole lines in bytes. A last line without its end was never finished.

    Raises:
        TrainError: a line is damaged, or the format is another one.
    """
    content = (folder / INDEX).read_bytes()
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].splitlines()
    if not lines:
        return "", {}, 0
    number = 1
    records: dict[str, ClipRecord] = {}
    try:
        header = json.loads(lines[0])
        fingerprint = str(header["fingerprint"])
        if header["format"] != FORMAT:
            raise TrainError(
                f"{folder / INDEX} has format {header['format']!r}, but this version reads format {FORMAT}; {_AGAIN}."
            )
        for line in lines[1:]:
            number += 1
            values = json.loads(line)
            records[values["file"]] = ClipRecord(**{**values, "text": tuple(values["text"])})
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TrainError(f"{folder / INDEX} is damaged in line {number} ({error}); {_AGAIN}.") from error
    return fingerprint, records, whole


def read_listing(folder: Path, records: Mapping[str, ClipRecord]) -> list[tuple[int, str]]:
    """Number in the source and file of each clip of a finished folder.

    Raises:
        TrainError: the list is damaged, or names a clip that the index does not.
    """
    try:
        listed = [(int(number), str(file)) for number, file in json.loads((folder / COMPLETE).read_bytes())["clips"]]
        unknown = [file for _, file in listed if file not in records]
    except (KeyError, TypeError, ValueError) as error:
        raise TrainError(f"{folder / COMPLETE} is damaged ({error}); {_RELIST}.") from error
    if unknown:
        raise TrainError(f"{folder / COMPLETE} names {unknown[0]}, which is not in {INDEX}; {_RELIST}.")
    return listed


_RELIST = "remove it and run the data phase again, which keeps the clips"
