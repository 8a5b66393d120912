"""What a folder of videos holds beside them, so that nothing of a maker's is passed over in silence; and videos that are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES

from .folder_clips import CLIP
from .video_files import TRACK_SUFFIXES, find_videos
from .video_identity import content

SHOWN = 5
"""Names that a sentence holds."""


def unread(folder: Path) -> list[str]:
    """Sentences about what in a folder is not read: videos that are no files, other kinds of files, sidecars without a video, and subfolders
    with videos. Hidden files are not meant."""
    stems = {video.stem for video in find_videos(folder)}
    found: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        reason = None if path.name.startswith(".") else _reason(path, stems)
        if reason is not None:
            found.setdefault(reason, []).append(path.name)
    return [f"Not read: {_listed(names)}, {reason}." for reason, names in found.items()]


def twins(videos: Sequence[Path]) -> list[str]:
    """Sentences about videos that are there under two names, and so would count twice. Only those of one size are opened."""
    sizes: dict[int, list[Path]] = {}
    for video in videos:
        sizes.setdefault(_size(video), []).append(video)
    first: dict[str, Path] = {}
    found = []
    for video in (video for same in sizes.values() if len(same) > 1 for video in same):
        try:
            other = first.setdefault(content(video), video)
        except OSError:
            continue  # said where it is prepared
        if other is not video and _size(video):
            names = f"{plain(other.name)} and {plain(video.name)}"
            found.append(f"The same video: {names}; it counts twice, so remove one.")
    return found


def plain(name: str) -> str:
    """A name on one line, whatever characters it has."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(plain, names[:SHOWN])) + more


def _reason(path: Path, stems: set[str]) -> str | None:
    """Why a thing is not read; None for what is, or belongs to a video."""
    suffix = path.suffix.lower()
    if path.is_dir() and suffix not in VIDEO_SUFFIXES:
        return _reason_of_folder(path)
    if suffix in VIDEO_SUFFIXES:
        if path.is_file():
            return None
        if path.is_dir():
            return "a folder with the name of a video"
        return "a link that leads nowhere" if path.is_symlink() else "which is not a file"
    if suffix in (".txt", *TRACK_SUFFIXES):
        clip = CLIP.fullmatch(path.stem)
        return None if {path.stem, clip[1] if clip else ""} & stems else "which belongs to no video here"
    return "which has no suffix of a video; rename it if it is one"


def _reason_of_folder(folder: Path) -> str | None:
    if folder.suffix == ".masks" or folder.resolve() == folder.parent.resolve():
        return None
    try:
        held = len(find_videos(folder))
    except OSError:
        return "a folder that cannot be looked into; check its permissions"
    return "a folder with videos; name it too: data.train.folder=[/first,/second]" if held else None


def _size(video: Path) -> int:
    try:
        return video.stat().st_size
    except OSError:
        return 0
