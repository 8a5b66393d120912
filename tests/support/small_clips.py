"""A folder of small encoded clips that nobody rendered."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flashmotion_core.weights import save_whole
from train.data.encoded import COMPLETE, FORMAT, INDEX, ClipRecord, EncodedClips, file_of

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
    lines: list[dict[str, Any]] = [{"format": FORMAT, "fingerprint": "f"}]
    for index in range(count):
        path = folder / file_of([index])
        save_whole(path, moving_pattern(index), {})
        size = path.stat().st_size
        lines.append(asdict(ClipRecord(f"clip {index}", path.name, size, 9, 64, 64, 12.0, 1, "", (0, 0), {})))
    (folder / INDEX).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / COMPLETE).write_text(json.dumps({"clips": [[index, file_of([index])] for index in range(count)]}))
    return EncodedClips(folder, text_dim=8)
