"""What the tests of encoding share, and a process that one of them kills: python tests/support/encoding.py FOLDER CLIPS."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import torch
from torch import Tensor

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import TinyVae
from train.data.encode import encode_clips
from train.data.sources import SyntheticSource

STYLE = MapStyle(thickness=3)


def tiny_vae() -> TinyVae:
    """A narrow codec with the same random weights everywhere."""
    torch.manual_seed(0)
    return TinyVae(TAEHV(encoder_width=16, decoder_widths=(16, 16, 16, 16)).eval())


def world(count: int = 4, frames: int = 5, size: tuple[int, int] = (64, 64)) -> SyntheticSource:
    return SyntheticSource(11, count, "easy", size, frames)


def words(prompt: str) -> Tensor:
    """A stand-in for a text encoder: one token per word."""
    return torch.tensor([[len(word), index, 0.5] for index, word in enumerate(prompt.split())])


def hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    encode_clips(world(int(sys.argv[2])), tiny_vae(), sys.argv[1], style=STYLE, fingerprint="f")
