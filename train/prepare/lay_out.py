"""Lay out the clips that are kept for training and for evaluation, in the layout of a maker's own folder (hard links where the disk has them)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from ..data.video_files import TRACK_SUFFIXES
from ..errors import TrainError
from ..parallel import ONE, World
from .clip_record import PreparedVideo

MASKS = ".masks"


@dataclass(frozen=True)
class _Laid:
    """Where a clip's files come from: the video, and the folder that was made of it."""

    video: Path
    made: Path

    def files(self, name: str) -> Iterator[tuple[str, Path]]:
        """The clip's files, by their names where they are laid out."""
        if name == self.video.stem:  # a video with a document of the maker's
            yield self.video.name, self.video
            yield from ((path.name, path) for path in map(self.video.with_suffix, TRACK_SUFFIXES) if path.is_file())
            yield f"{name}.txt", self.made / f"{name}.txt"
            masks = self.video.with_suffix(MASKS)
        else:
            yield from ((f"{name}{end}", self.made / f"{name}{end}") for end in (".mp4", ".json", ".txt"))
            masks = self.made / f"{name}{MASKS}"
        if masks.is_dir():
            yield from ((f"{masks.name}/{path.name}", path) for path in masks.iterdir())


def lay_out(
    records: Iterable[PreparedVideo],
    folder: Path,
    pool: Path,
    place: Path,
    names: set[str] | None = None,
    world: World = ONE,
) -> None:
    """Make `place` hold exactly the kept clips of these records (of these `names`, if given), without copying where links work.

    Each of several ranks does what it does for a part of the clips' names, and waits for nobody.
    """
    wanted = {
        clip.name: _Laid(folder / record.video, pool / record.video)
        for record in records
        for clip in record.kept
        if names is None or clip.name in names
    }
    place.mkdir(parents=True, exist_ok=True)
    for path in list(place.iterdir()):
        if not _is_own(path.stem, world):
            continue
        laid = wanted.get(path.stem)
        files = {} if laid is None else dict(laid.files(path.stem))
        if path.is_dir():
            _clear(path, files)
        elif path.name not in files or not path.samefile(files[path.name]):
            path.unlink()
    for name, laid in wanted.items():
        if _is_own(name, world):
            for file, source in laid.files(name):
                if not (place / file).exists():
                    (place / file).parent.mkdir(parents=True, exist_ok=True)
                    _link(source, place / file)


def _is_own(name: str, world: World) -> bool:
    return crc32(os.fsencode(name)) % world.size == world.rank


def _clear(folder: Path, files: dict[str, Path]) -> None:
    """Remove from a folder of masks what is not among a clip's files, and the folder if nothing is left."""
    if not any(name.startswith(f"{folder.name}/") for name in files):
        shutil.rmtree(folder)
        return
    for path in list(folder.iterdir()):
        source = files.get(f"{folder.name}/{path.name}")
        if path.is_dir():
            shutil.rmtree(path)
        elif source is None or not path.samefile(source):
            path.unlink()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        part = target.with_name(f"{target.name}.part")
        shutil.copy2(source, part)
        os.replace(part, target)


def part_names(records: Iterable[PreparedVideo], share: float, shape: tuple[int, int, int]) -> set[str]:
    """The names of the clips to hold back for evaluation, all of the same shape.

    Whole videos, chosen by a hash of their names; if that leaves one side empty, the last clips of each video with more than one.

    Raises:
        TrainError: there are fewer than two clips.
    """
    given: dict[str, list[str]] = {}
    for record in records:
        fit = [clip.name for clip in record.kept if clip.shape == shape]
        if fit:
            given[record.video] = fit
    total = sum(map(len, given.values()))
    if total < 2:
        raise TrainError(
            f"data.evaluation.kind is part, but of the clips of {shape[0]} x {shape[1]} x {shape[2]} only {total} can be used, and two are needed; "
            "add videos, or name others with data.evaluation.folder."
        )
    away = [video for video in given if int(sha256(os.fsencode(video)).hexdigest()[:8], 16) / 2**32 < share]
    if away and len(away) < len(given):
        return {name for video in away for name in given[video]}
    ends: set[str] = set()
    for clips in given.values():
        count = min(len(clips) - 1, max(1, round(share * len(clips))))
        ends |= set(clips[len(clips) - count :]) if count > 0 else set()
    if not ends:  # several videos of one clip each
        ends = {given[min(given, key=lambda video: sha256(os.fsencode(video)).hexdigest())][0]}
    return ends
