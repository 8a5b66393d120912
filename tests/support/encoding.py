"""What the tests of encoding share, and a process that one of them kills: python tests/support/encoding.py FOLDER CLIPS."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.codec.taehv import TAEHV
from flashmotion_core.codec.vae import TinyVae
from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory
from flashmotion_core.video.frames import Frames
from train import parallel
from train.data import looks as looks_of
from train.data import video_files
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource
from train.data.video_files import Entry
from train.data.video_folder import VideoFolder
from train.errors import TrainError
from train.parallel import ONE, World

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
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()
    }


def drawn_alike(source: SyntheticSource, index: int) -> SourceClip:
    """A clip that costs nothing to make, in place of `SyntheticSource.clip`."""
    frames_THWC = np.full((source.frames, source.size[1], source.size[0], 3), index % 256, dtype=np.uint8)
    trajectory = Trajectory(source.size, source.frames, (TrackedObject("o", (Keyframe(0, 0.5, 0.5, 0.5, 0.5),)),), 24.0)
    return SourceClip(
        f"clip {index}", frames_THWC, 24.0, "a prompt " * 20, trajectory, None, {"synthetic": {"index": index}}
    )


class Plain(SyntheticSource):
    """Clips that cost nothing to make."""

    def clip(self, index: int) -> SourceClip:
        return drawn_alike(self, index)


class Unreadable(Plain):
    """Of which rank 1 of 2 cannot read one."""

    def clip(self, index: int) -> SourceClip:
        if index == 3:
            raise ValueError("it is damaged")
        return super().clip(index)


class Zeros:
    """A codec that costs nothing."""

    def encode(self, frames: Frames) -> Tensor:
        return torch.zeros(1, 48, (len(frames) - 1) // 4 + 1, frames.shape[1] // 16, frames.shape[2] // 16)


def counted_folder(folder: Path, looks: Path, world: World = ONE, workers: int = 0) -> tuple[VideoFolder, list[str]]:
    """A folder of videos of 96 x 64 x 9, and which of them this process looked at."""
    seen: list[str] = []

    def inspect(video: Path, *arguments: Any, **options: Any) -> Entry:
        seen.append(video.name)
        return video_files.inspect(video, *arguments, **options)

    looks_of.inspect, usual = inspect, looks_of.inspect
    try:
        found = VideoFolder(
            folder, (96, 64), 9, looks=looks, world=world, workers=workers, problems=looks.with_name("problems.txt")
        )
    finally:
        looks_of.inspect = usual
    return found, seen


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks = parallel.start("cpu")
    encode_clips(world(int(sys.argv[2])), tiny_vae(), sys.argv[1], style=STYLE, fingerprint="f", world=ranks)
    if ranks.size > 1:
        shown, seen_here = counted_folder(Path(sys.argv[3]), Path(f"{sys.argv[1]}.looks"), ranks)
        Path(f"{sys.argv[1]}.{ranks.rank}.seen").write_text(f"{len(shown)} {' '.join(seen_here)}")
        Path(f"{sys.argv[1]}.{ranks.rank}").write_text(str(len(EncodedClips(sys.argv[1]))))
        try:
            encode_clips(
                Unreadable(11, 6, "easy", (64, 64), 5),
                Zeros(),
                f"{sys.argv[1]}_unreadable",
                style=STYLE,
                fingerprint="f",
                world=ranks,  # type: ignore[arg-type]
            )
        except TrainError as error:
            Path(f"{sys.argv[1]}.{ranks.rank}.problem").write_text(str(error))
    parallel.stop()
