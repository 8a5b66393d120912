"""Rows of the benchmark: generated clips in a folder, and bounds. Each gives frames for a clip, and a mark of what they depend on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files.texts import read_text
from ..video.frames import Frames
from .bench_files import clip_names, content_digest, find_clip, read_clip
from .bounds import CODEC, OTHERS, PASTE, REAL, STATIC, TITLES, Codec, pasted, static
from .clip_set import BenchClip


@dataclass(frozen=True, eq=False)
class BenchRow:
    """A row.

    Attributes:
        name: of its files, unique.
        title: for people.
        frames: of a clip; raises ValueError where it is missing or damaged.
        mark: of everything that the frames depend on; raises likewise.
        folder: of generated clips; None for a bound.
        seconds: per clip by stage, and memory, from the folder's cost.json; None if unknown.
        asks: the clip that was asked for where it is not the set's own: other boxes.
        follows_set: whether it is; else the bounds, which follow the set's boxes, say nothing about it.
        made: whether `frames` makes clips that are not there, which takes its time.
        unasked: clips in its folder that the set has no document for.
    """

    name: str
    title: str
    frames: Callable[[BenchClip], Frames]
    mark: Callable[[BenchClip], str]
    folder: Path | None = None
    seconds: dict[str, float] | None = None
    asks: Callable[[BenchClip], BenchClip] = lambda clip: clip
    follows_set: bool = True
    made: bool = False
    unasked: tuple[str, ...] = ()


def generated_row(name: str, folder: Path, documents: Collection[str] | None = None) -> BenchRow:
    """Clips of a model, named after their documents. Raises ValueError for a missing folder.

    Args:
        name: of the row.
        folder: of the clips.
        documents: names of all the set's; None to look for no clips without one.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder} of the row {name}; check the name.")

    def file(clip: BenchClip) -> Path:
        path = find_clip(folder, clip.name)
        if path is None:
            raise ValueError("there is no such video, array or folder of pictures")
        return path

    def frames(clip: BenchClip) -> Frames:
        return read_clip(file(clip), clip.trajectory.frames, clip.trajectory.size)

    unasked = () if documents is None else tuple(sorted(clip_names(folder).difference(documents)))
    return BenchRow(name, name, frames, lambda clip: content_digest(file(clip)), folder, _cost(folder), unasked=unasked)


def bound_rows(first: BenchRow | None, *, has_real: bool, codec: Codec | None, codec_mark: str = "") -> list[BenchRow]:
    """The rows that need no model: see `bounds`.

    Args:
        first: whose frame 0 starts clips without a real one; None if all have one.
        has_real: whether the set has real clips.
        codec: encodes and decodes a clip; None leaves that row out.
        codec_mark: digest of the codec's file.
    """

    def start(clip: BenchClip) -> Frames:
        if clip.real is not None:
            found: Frames = real(clip)[0]
            return found
        if first is None:
            raise ValueError("it has no real clip to start from")
        first_HWC: Frames = first.frames(clip)[0]
        return first_HWC

    def start_mark(clip: BenchClip) -> str:
        return content_digest(clip.real) if clip.real is not None else first.mark(clip) if first is not None else ""

    def coded(clip: BenchClip) -> Frames:
        assert codec is not None
        return codec(real(clip))

    found = []
    if has_real:
        found.append(BenchRow(REAL, TITLES[REAL], real, start_mark))
        if codec is not None:
            found.append(BenchRow(CODEC, TITLES[CODEC], coded, lambda clip: f"{start_mark(clip)} {codec_mark}"))
    found.append(BenchRow(STATIC, TITLES[STATIC], lambda clip: static(start(clip), clip), start_mark))
    found.append(BenchRow(PASTE, TITLES[PASTE], lambda clip: pasted(start(clip), clip), start_mark))
    return found


def real(clip: BenchClip) -> Frames:
    """The real clip. Raises ValueError where there is none, or it is damaged."""
    if clip.real is None:
        raise ValueError("it has no real clip")
    return read_clip(clip.real, clip.trajectory.frames, clip.trajectory.size)


def check_names(rows: Sequence[BenchRow]) -> None:
    """Raise ValueError for two rows of one name, in any case: some disks keep them in one folder."""
    names = [row.name for row in rows]
    if OTHERS in names:
        raise ValueError(f"a row has the name {OTHERS!r}, which is a bound's; give it another, NAME=FOLDER.")
    folded = [name.casefold() for name in names]
    twice = sorted({name for name, same in zip(names, folded, strict=True) if folded.count(same) > 1})
    if twice:
        raise ValueError(f"two rows have the name {twice[0]!r}; give each its own, NAME=FOLDER.")


def _cost(folder: Path) -> dict[str, float] | None:
    """Seconds per clip by stage and peak memory that the maker of the clips wrote down. Raises ValueError for another form."""
    file = folder / "cost.json"
    if not file.is_file():
        return None
    remedy = f'{file} must be an object of numbers, such as {{"denoise": 1.5}}; mend or remove it.'
    try:
        found = json.loads(read_text(file))
    except ValueError as error:
        raise ValueError(remedy) from error
    if not isinstance(found, dict) or not all(
        type(value) in (int, float) and math.isfinite(value) for value in found.values()
    ):
        raise ValueError(remedy)
    return {str(name): float(value) for name, value in found.items()}
