"""Videos with their prompts and tracks in a webdataset shard, a tar file in which the members of a sample differ in their suffixes only."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES
from flashmotion_core.files.reasons import first_line
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.sets.clip_lists import KEYS

from ..errors import TrainError
from .video_files import TRACK_SUFFIXES

SHARD = ".tar"
LARGEST_TEXT = 64 << 20
"""Bytes of a prompt or of tracks in a shard."""


def videos_in(shard: Path) -> Iterator[str]:
    """The names of a shard's videos. Raises TrainError if it cannot be read."""
    with _opened(shard) as opened:
        yield from (member.name for member in opened if Path(member.name).suffix.lower() in VIDEO_SUFFIXES)


def unpack(place: Path, into: Path, free: Callable[[str], str]) -> set[str]:
    """Unpack a shard's videos, tracks and prompts; the names that they have then.

    Args:
        place: the shard.
        into: the folder to write to; what is there in the same size stays.
        free: a file's name without its suffix, changed where another source has it already.

    Raises:
        TrainError: the shard cannot be read, or holds a text that is too large.
    """
    names: dict[str, str] = {}
    wanted: set[str] = set()
    with _opened(place) as shard:
        for member in shard:
            stem, suffix = os.path.splitext(member.name)
            suffix = suffix.lower()
            if not member.isfile() or suffix not in (*VIDEO_SUFFIXES, *TRACK_SUFFIXES, ".txt"):
                continue
            if stem not in names:
                names[stem] = free(stem.replace("/", "_").replace("\\", "_").lstrip("."))
            stream = shard.extractfile(member)
            assert stream is not None
            path, size = into / f"{names[stem]}{suffix}", member.size
            content: bytes | None = None
            if suffix not in VIDEO_SUFFIXES and size > LARGEST_TEXT:
                raise TrainError(
                    f"the shard {place} holds {member.name} of {size / 1e6:,.0f} MB, more than the {LARGEST_TEXT / 1e6:,.0f} MB of a text; remove it."
                )
            if suffix == ".json":
                content = stream.read()
                prompt = _prompt_in(content)
                if prompt is not None:
                    path, content = path.with_suffix(".txt"), prompt.encode()
                size = len(content)
            wanted.add(path.name)
            if not path.is_file() or path.stat().st_size != size:
                write_whole(path, partial(_pour, stream) if content is None else content)
    return wanted


def _opened(shard: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(shard)
    except (OSError, tarfile.TarError) as error:
        raise TrainError(
            f"the shard {shard} is not a whole tar file ({first_line(error)}); copy or remove it."
        ) from error


def _pour(stream: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)


def _prompt_in(content: bytes) -> str | None:
    """The prompt of a sample's .json, unless that is a trajectory."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or "objects" in values:
        return None
    return next((str(values[name]) for name in KEYS["prompt"] if values.get(name)), None)
