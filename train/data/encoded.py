"""Encoded clips, read in any order and batched.

A folder holds a file per clip (`clip_file`) and, once all clips of a source are there, an index (`clip_index`). `encode.encode_clips` writes
it; files of clips as they were before stand in its subfolder ``earlier``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flashmotion_core.generation.text_encoder import TEXT_TOKENS
from flashmotion_core.wan.conditioning import latent_shape

from ..errors import TrainError
from .clip_file import LATENTS, ClipRecord, file_size, read_clip
from .clip_index import INDEX, ClipIndex


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
    """A finished folder of encoded clips. Its memory does not grow with the number of clips.

    Attributes:
        records: one record per clip, in the source's order.
        numbers: the clips' numbers in their source.
        groups: the indices of the clips of each shape; only clips of one group can be in one batch.
        shape_CFHW: the shape of the first clip's latents.
        fingerprint: see `encode.fingerprint`.
        mark: a hash of the fingerprint and of which clips these are.
    """

    def __init__(self, folder: str | Path, *, fingerprint: str | None = None, text_dim: int | None = None) -> None:
        """Read the index and check that every file is there in its size; no tensor is read.

        Args:
            folder: a folder that `encode.encode_clips` wrote.
            fingerprint: the expected fingerprint; None accepts any.
            text_dim: the generator's width of text tokens. None for that of the encoded texts, or 0 if there are none.

        Raises:
            TrainError: the clips are missing, unfinished, damaged, or of another fingerprint.
        """
        self.folder = Path(folder)
        if not (self.folder / INDEX).is_file():
            raise TrainError(f"{folder} holds no finished set of encoded clips; run the data phase, which continues.")
        self.records = ClipIndex(self.folder)
        self.numbers, self.mark, self.fingerprint = self.records.numbers, self.records.mark, self.records.fingerprint
        if fingerprint is not None and self.fingerprint != fingerprint:
            raise TrainError(
                f"{folder} holds clips encoded with other settings or another codec (fingerprint {self.fingerprint[:12]}, not "
                f"{fingerprint[:12]}); run the data phase again."
            )
        widths = set[int]()
        groups: dict[tuple[int, int, int], array[int]] = {}
        for index, record in enumerate(self.records):
            self._check(record)
            groups.setdefault(record.shape, array("q")).append(index)
            if record.text[0]:
                widths.add(record.text[1])
        self.groups = [groups[shape] for shape in sorted(groups)]
        self.shape_CFHW = latent_shape(*self.records[0].shape)
        self.text_dim = max(widths, default=0) if text_dim is None else text_dim
        if widths - {self.text_dim}:
            raise TrainError(
                f"the texts in {folder} are {max(widths - {self.text_dim})} wide, but the generator takes a width of {self.text_dim}; "
                "set models.text_encoder to the generator's own."
            )

    def __len__(self) -> int:
        """How many clips."""
        return len(self.records)

    def read(self, index: int) -> dict[str, Tensor]:
        """The tensors of one clip as they are stored (see `clip_file`).

        Raises:
            TrainError: the file is damaged. It is put aside, so that the data phase encodes this clip again.
        """
        record = self.records[index]
        path = self.folder / record.file
        try:
            return read_clip(path, record)
        except ValueError as error:
            raise TrainError(
                f"the encoded clip {record.name} in {path} is damaged ({str(error).rstrip('.')}){put_aside(path)}; run the command again, "
                "which encodes this clip again and continues."
            ) from error

    def batch(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """Some clips of one shape as one batch; raises like `read`."""
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

    def _check(self, record: ClipRecord) -> None:
        path = self.folder / record.file
        size = file_size(path)
        if size != record.bytes:
            found = "is missing" if size is None else f"has {size:,} of {record.bytes:,} bytes"
            raise TrainError(
                f"the encoded clip {record.name} in {path} {found}; run the data phase again, which encodes this clip only."
            )


def what_is_wrong(folder: Path) -> str | None:
    """One sentence if a finished folder of encoded clips lacks something that the data phase can make again; else None."""
    try:
        EncodedClips(folder)
    except (TrainError, OSError) as error:
        return str(error)
    return None


def put_aside(path: Path) -> str:
    """Rename a damaged file; what to say of it."""
    try:
        path.replace(path.with_suffix(".damaged"))
    except OSError:
        return ""
    return f" and now named {path.stem}.damaged"
