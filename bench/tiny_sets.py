"""Sets of the synthetic world from seeds: as many clips with 1, 2, ... 6 objects, of split eval_b, which training never sees, 128 x 128."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from flashmotion_core.benchmark.bench_files import MASKS
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.sets.own_form import describe_set, write_record
from flashmotion_core.trajectory import dumps
from flashmotion_core.video.frames import Frames
from train.world import synthetic
from train.world.difficulty import PRESETS, Difficulty
from train.world.synthetic import Clip

SPLIT, SIZE = "eval_b", (128, 128)
GROUPS = 6
SMALLER = (1.0, 1.0, 0.9, 0.8, 0.72, 0.66)
"""Factor of the objects' sides in each group."""


@dataclass(frozen=True)
class TinySet:
    """A set.

    Attributes:
        title: for people.
        seed: of the streams, one per group from this one on.
        per_group: clips with the same number of objects.
        frames: of a clip; a longer one takes the same paths more slowly.
        checksum: SHA-256 of all names, documents and frames, see `checksum`.
    """

    title: str
    seed: int
    per_group: int
    frames: int
    checksum: str


SHORT = TinySet("FlashBench-tiny", 1801, 100, 17, "3d3b1731414967cdff7c7a9db993fc555b858912fee89e053681237e34a3e2bb")
"""As long as the embedded models' clips."""
LONG = TinySet("FlashBench-tiny-121", 1821, 20, 121, "2b9213689025eabaeea13eb3dc28512e3456ffcfb99dec883981e7ffe48fb027")
"""As long as FlashBench's, for models that were trained on so many frames; 0.7 GB."""


def world_of(group: int) -> Difficulty:
    """The world of a group, by its number of objects, 1 to 6."""
    simple, factor = PRESETS["simple"], SMALLER[group - 1]
    low, high = simple.side
    return replace(
        simple, sprites=(group, group), side=(low * factor, high * factor), overlap=0.0 if group < 3 else 0.3
    )


def tiny_clip(name: str, which: TinySet = SHORT) -> Clip:
    """A clip by its name, such as `objects3_017`."""
    group, index = int(name[7]), int(name[9:])
    return synthetic.clip(which.seed + group, index, world_of(group), SIZE, which.frames, SPLIT)


def names(per_group: int) -> list[str]:
    """Names of the first so many clips of each group."""
    return [f"objects{group}_{index:03d}" for group in range(1, GROUPS + 1) for index in range(per_group)]


def checksum(per_group: int, which: TinySet = SHORT) -> str:
    """SHA-256 over names, documents and frames."""
    total = hashlib.sha256()
    for name in names(per_group):
        clip = tiny_clip(name, which)
        total.update(f"{name} {dumps(clip.document)}\n".encode())
        total.update(clip.frames_THWC.tobytes())
    return total.hexdigest()


def write_set(folder: Path, per_group: int, which: TinySet = SHORT) -> None:
    """Documents, real clips and masks of the first clips of each group, and set.json; what is there is kept."""
    for name in names(per_group):
        if not (folder / f"{name}.json").is_file():
            clip = tiny_clip(name, which)
            for t, owner_HW in enumerate(clip.owner_THW):
                picture = Image.fromarray(owner_HW)
                write_whole(folder / f"{name}{MASKS}" / f"{t:05d}.png", partial(picture.save, format="PNG"))
            write_whole(folder / f"{name}.npy", array_bytes(clip.frames_THWC))
            write_whole(folder / f"{name}.json", dumps(clip.document))
    write_record(folder, describe_set(folder, {"set": which.title}, {}))


def array_bytes(frames_THWC: Frames) -> bytes:
    """A clip as a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, frames_THWC)
    return buffer.getvalue()
