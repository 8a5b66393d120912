"""Several sources of videos as one folder: links to the videos, with prompts, tracks and masks under the names that a folder of clips has.

A source is a folder of videos; a list of them, ``.jsonl``, ``.csv`` or ``.parquet``, with a row per video; MagicData's folder (a .csv with path
and text, ``videos/`` and ``masks/``); or a webdataset shard, ``.tar``. Videos are linked, not copied, but for those in a shard. A name that an
earlier source has already gets that of its own source in front.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES
from flashmotion_core.files.links import link_or_copy, links_or_copies
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.sets.clip_lists import KEYS, magic_list
from flashmotion_core.sets.colored_masks import convert_masks
from flashmotion_core.video.pictures import picture_files

from ..errors import TrainError
from ..files import digest, writing
from .folder_clips import FolderClips
from .list_rows import LISTS, read_rows, without_nothing
from .looks import identities
from .video_files import TRACK_SUFFIXES, find_videos
from .video_shards import SHARD, unpack, videos_in

MASKS = ".masks"


@dataclass(frozen=True)
class Given:
    """A video of a source.

    Attributes:
        name: its file's name without the suffix.
        video: its file.
        files: what belongs to it, by suffix: a file or folder to link, or a text.
        mask_pictures: a folder of pictures with a colour for each object (MagicData's).
    """

    name: str
    video: Path
    files: Mapping[str, Path | str]
    mask_pictures: Path | None = None


def is_plain(places: Sequence[Path]) -> bool:
    """Whether the sources are one folder of clips, which is used as it is."""
    return len(places) == 1 and not places[0].is_file() and magic_list(places[0]) is None


def count(places: Sequence[Path]) -> int:
    """How many videos the sources have."""
    return sum(1 for place in places for _ in _names(place))


def mark(places: Sequence[Path], kept: Path | None = None) -> list[Any]:
    """What changes where a video of the sources does, as plain JSON values; `kept` as in `looks.identities`."""
    if is_plain(places):
        return identities(find_videos(places[0]), kept) if places[0].is_dir() else []
    return [[str(place), _stamps(place)] for place in places]


def gather(places: Sequence[Path], into: Path) -> None:
    """Make the folder, or renew what changed in it; only one rank may call it.

    Raises:
        TrainError: a source or a row of it cannot be read, or the folder cannot be written.
    """
    with writing("links to videos", into, "free some space there or choose another run folder"):
        into.mkdir(parents=True, exist_ok=True)
        wanted: set[str] = set()
        taken: set[str] = set()
        for place in places:
            if place.suffix.lower() == SHARD:
                wanted |= unpack(place, into, partial(_free, place=place, taken=taken))
                continue
            for given in _given(place):
                name = _free(given.name, place, taken)
                for suffix, what in {given.video.suffix: given.video, **given.files}.items():
                    wanted.add(f"{name}{suffix}")
                    _put(into / f"{name}{suffix}", what)
                if given.mask_pictures is not None and given.mask_pictures.is_dir():
                    wanted |= {f"{name}.json", f"{name}{MASKS}"}
                    _convert(given, into / name)
        for path in into.iterdir():
            if path.name not in wanted:
                _remove(path)


def _given(place: Path) -> Iterator[Given]:
    listed = magic_list(place)
    if place.suffix.lower() in LISTS and place.is_file():
        yield from _rows(place, place.parent)
    elif listed is not None:
        for given in _rows(listed, place):
            folder = place / "masks" / given.name
            yield Given(given.name, given.video, given.files, folder)
    elif place.is_dir():
        clips = FolderClips()
        for video in find_videos(place):
            beside = [video.with_suffix(suffix) for suffix in (".txt", MASKS, *TRACK_SUFFIXES)]
            yield Given(
                video.stem,
                video,
                {**_of_clips(clips.of(video)), **{path.suffix: path for path in beside if path.exists()}},
            )
    else:
        raise TrainError(
            f"the source of videos {place} is neither a folder nor a {', '.join((*LISTS, SHARD))} file; check its name."
        )


def _rows(path: Path, root: Path) -> Iterator[Given]:
    """The videos of a list, whose paths are relative to `root` (or its folder ``videos``)."""
    clips = FolderClips()
    for number, row in read_rows(path, KEYS):
        where = f"{path}, row {number}"
        if isinstance(row["video"], (dict, bytes)):
            raise TrainError(
                f"{where} holds a video as bytes, but a list names files; write the videos beside it, or into webdataset shards ({SHARD})."
            )
        if not isinstance(row["video"], str):
            has = ", ".join(row["columns"]) or "nothing"
            raise TrainError(f"{where} names no video, as it has only {has}; give it a column video.")
        video = _inside(root, row["video"])
        if video.suffix.lower() not in VIDEO_SUFFIXES or not video.is_file():
            raise TrainError(
                f"{where} names {row['video']!r}, but there is no such video in {root}; correct or remove the row."
            )
        files: dict[str, Path | str] = {}
        if row["prompt"] is not None:
            files[".txt"] = str(row["prompt"])
        for key in ("tracks", "masks"):
            what = row[key]
            if key == "tracks" and what is not None and (not isinstance(what, str) or what.lstrip().startswith("{")):
                files[".json"] = what if isinstance(what, str) else json.dumps(without_nothing(what))
            elif isinstance(what, str):
                found = _inside(root, what)
                suffix = MASKS if key == "masks" else found.suffix.lower()
                if not found.exists() or (key == "tracks" and suffix not in TRACK_SUFFIXES):
                    raise TrainError(
                        f"{where} names the {key} {what!r}, but there is no such thing in {root}; correct or remove the row."
                    )
                files[suffix] = found
        yield Given(video.stem, video, {**_of_clips(clips.of(video)), **files})


def _of_clips(files: Mapping[Path, int]) -> dict[str, Path]:
    """What its maker wrote for single clips of a video, by the rest of its name."""
    return {f"-{start}ms{path.suffix}": path for path, start in files.items()}


def _inside(root: Path, name: str) -> Path:
    path = root / name
    return (root / "videos" / name if not path.exists() and (root / "videos" / name).exists() else path).absolute()


def _names(place: Path) -> Iterator[str]:
    if place.suffix.lower() == SHARD and place.is_file():
        yield from videos_in(place)
    else:
        yield from (given.name for given in _given(place))


def _stamped(place: Path) -> Iterator[Path]:
    yield place
    if place.suffix.lower() != SHARD:
        for given in _given(place):
            yield given.video
            yield from (what for what in given.files.values() if isinstance(what, Path))
            if given.mask_pictures is not None:
                yield given.mask_pictures


def _stamps(place: Path) -> str:
    """A hash of the names, sizes and times of all that a source names; it is never in memory as a whole."""
    found = hashlib.sha256()
    for one in _stamped(place):
        found.update(json.dumps(_stamp(one)).encode())
    return found.hexdigest()


def _stamp(path: Path) -> list[Any]:
    if not path.exists() or path.is_dir():
        return [path.name, sum(1 for _ in path.iterdir()) if path.is_dir() else None]
    return [path.name, path.stat().st_size, path.stat().st_mtime_ns]


def _free(name: str, place: Path, taken: set[str]) -> str:
    """A name that no earlier video has."""
    tried, number = name, 1
    while tried.lower() in taken:
        tried = f"{place.stem}_{name}" if number == 1 else f"{place.stem}_{name}_{number}"
        number += 1
    taken.add(tried.lower())
    return tried


def _put(path: Path, what: Path | str) -> None:
    """Link a file or folder, or write a text, unless it is there already."""
    if isinstance(what, str):
        if path.is_symlink() or not path.is_file() or path.read_text(encoding="utf-8") != what:
            _remove(path)
            write_whole(path, what)
        return
    if links_or_copies(path, what):
        return
    _remove(path)
    link_or_copy(what, path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _convert(given: Given, path: Path) -> None:
    """Labels and boxes from a folder of mask pictures, unless they were made from the same ones."""
    assert given.mask_pictures is not None
    pictures = picture_files(given.mask_pictures)
    made = digest(*([picture.name, picture.stat().st_size] for picture in pictures))
    labels, document = path.with_name(f"{path.name}{MASKS}"), path.with_name(f"{path.name}.json")
    stamp = labels / "made_of"
    if document.is_file() and stamp.is_file() and stamp.read_text(encoding="ascii") == made:
        return
    _remove(labels)
    try:
        convert_masks(pictures, given.video, labels, document)
    except (ValueError, OSError) as error:
        raise TrainError(f"the masks of {given.video.name} in {given.mask_pictures} cannot be used: {error}") from error
    write_whole(stamp, made)
