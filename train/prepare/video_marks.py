"""What a video's clips depend on as a hash: the video, and what its maker wrote beside it. Only what changed since the last time is read.

A file keeps a line for each video: a stamp, which changes with the name, size or time of a file, and the hash of the content. A start on
100,000 videos that have not changed so reads that file and asks the disk for sizes and times, and no video is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole

from ..data.folder_clips import FolderClips
from ..data.looks import stamp
from ..data.video_identity import identity
from ..files import content_hash, digest
from ..parallel import ONE, World, broadcast_object, gather_objects

VERSION = 2


class VideoMarks:
    """The hashes of videos, worked out by all ranks together."""

    def __init__(self, file: Path, world: World = ONE) -> None:
        """Read what is known.

        Args:
            file: keeps stamps and hashes; it may be missing, and what of it is damaged counts as changed.
            world: the ranks.
        """
        self._file, self._world = file, world
        self._known = dict(_lines(file)) if world.is_main else {}
        self._seen: set[str] = set()

    def of(self, videos: Sequence[Path]) -> list[str]:
        """The hash of each video, in their order; all ranks must call it. One that cannot be read has another than once it can."""
        world, clips = self._world, FolderClips()
        stamps = [_stamp(video, clips.of(video)) for video in videos] if world.is_main else []
        unknown = [number for number, one in enumerate(stamps) if one not in self._known]
        missing = broadcast_object(world, unknown)
        own = {
            number: _content(videos[number], clips.of(videos[number])) for number in missing[world.rank :: world.size]
        }
        shares = gather_objects(world, own)
        if world.is_main:
            fresh = {number: mark for share in shares for number, mark in share.items()}
            self._known |= {stamps[number]: mark for number, mark in fresh.items() if mark is not None}
            self._seen.update(stamps)
        marks = [self._known.get(one, f"unread {one}") for one in stamps]
        return broadcast_object(world, marks)

    def keep(self) -> None:
        """Rank 0 writes what was found out about the videos that were asked for; raises OSError."""
        if self._world.is_main:
            kept = sorted((one, self._known[one]) for one in self._seen if one in self._known)
            text = "".join(f"{one} {mark}\n" for one, mark in kept)
            if not self._file.is_file() or self._file.read_bytes() != text.encode():
                write_whole(self._file, text)


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        with file.open(encoding="ascii") as lines:
            for line in lines:
                one, _, mark = line.strip().partition(" ")
                if len(one) == len(mark) == 16 and line.endswith("\n"):
                    yield one, mark
    except (OSError, UnicodeError):
        return


def _stamp(video: Path, clips: Mapping[Path, int]) -> str:
    """Changes with the place, name, size or time of a video or of what belongs to it or to its clips."""
    try:
        beside = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in clips]
        return digest(VERSION, str(video.parent.absolute()), stamp(video), beside)
    except OSError as error:  # gone in the meantime, or not ours to look at
        return digest(VERSION, str(video), str(error))


def _content(video: Path, clips: Mapping[Path, int]) -> str | None:
    try:
        return digest(VERSION, identity(video), [[path.name, content_hash(path)] for path in clips])
    except OSError:
        return None
