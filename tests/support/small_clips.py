"""A folder of small encoded clips that nobody rendered."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from train.data.clip_file import ClipRecord, file_of, read_record, write_clip
from train.data.clip_index import write_index
from train.data.encoded import EncodedClips

from .small import SHAPE_CFHW


def moving_pattern(index: int) -> dict[str, Tensor]:
    """The tensors of a clip in which a wave moves at its own speed; the control maps give its phase and speed."""
    channel, frame, _, column = torch.meshgrid(*(torch.arange(float(n)) for n in SHAPE_CFHW), indexing="ij")
    phase = 0.7 * channel + 1.6 * column - (0.5 + 0.3 * index) * frame
    tensors = {
        "latent": 1.4 * torch.cos(phase + index),
        "control_box": torch.sin(phase + index),
        "control_mask": torch.cos(phase),
    }
    tensors = {name: value.half().contiguous() for name, value in tensors.items()}
    inside = torch.zeros(1, *SHAPE_CFHW[1:], dtype=torch.uint8)
    inside[..., :2] = 1
    return {**tensors, "inside": inside, "text": torch.zeros(0, 0, dtype=torch.float16)}


def write_clips(folder: Path, count: int = 8) -> EncodedClips:
    """A folder as `encode_clips` writes it, with clips of 64 x 64 x 9 that nobody rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / file_of("f", [index]) for index in range(count)]
    for index, path in enumerate(files):
        record = ClipRecord(f"clip {index}", path.name, 0, 9, 64, 64, 12.0, 1, "", (0, 0), {}, 0)
        write_clip(path, record, moving_pattern(index))
    write_index(folder, "f", ((index, read_record(path)) for index, path in enumerate(files)), count)
    return EncodedClips(folder, text_dim=8)
