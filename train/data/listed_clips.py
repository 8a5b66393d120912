"""The list of clips that are encoded already, and the records that it holds."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from flashmotion_core.adapters.adapter_file import MapStyle

from ..errors import TrainError
from .clip_file import ClipRecord, file_of, file_size, number_of, read_clip, read_record
from .clip_index import FORMAT, ClipIndex, write_index
from .control import FirstFrame
from .sources import Source


def fingerprint(
    settings: Mapping[str, Any], codec: str, style: MapStyle, text: str = "none", first_frame: FirstFrame = "masks"
) -> str:
    """A hash of everything that all encoded clips of a source depend on: sha256 as 64 hex digits. It does not cover which clips they are.

    Args:
        settings: the settings of the source (`Source.settings`), with the size and length of its clips.
        codec: `content_hash` of the VAE's file or folder.
        style: the style of the control maps; its mode does not count, as both are encoded.
        text: `content_hash` of the text encoder, or "none".
        first_frame: see `control_maps`.
    """
    look = {name: value for name, value in asdict(style).items() if name != "mode"}
    parts = {
        "format": FORMAT,
        "source": dict(settings),
        "codec": codec,
        "map": {**look, "first_frame": first_frame},
        "text": text,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


EARLIER = "earlier"
"""The subfolder for files of clips as they were before; they come back if the clips do. It may be deleted."""


class Listed:
    """The files of a finished index and their sizes, which need no closer look; 16 bytes each. None if there is no such index."""

    def __init__(self, folder: Path) -> None:
        try:
            index: Iterable[ClipRecord] = ClipIndex(folder)
        except TrainError:
            index = ()
        pairs = [("hash", np.uint64), ("bytes", np.int64)]
        self.found_N = np.sort(np.fromiter(((number_of(clip.file), clip.bytes) for clip in index), dtype=pairs))

    def bytes(self, file: str) -> int | None:
        """The size of a file; None if it is not listed."""
        at = int(np.searchsorted(self.found_N["hash"], np.uint64(number_of(file))))
        if at == len(self.found_N) or int(self.found_N["hash"][at]) != number_of(file):
            return None
        return int(self.found_N["bytes"][at])


def is_there(folder: Path, file: str, listed: Listed) -> bool:
    """Whether a clip's file is there and whole. One that no index lists may be of a run that was killed: all of it is read."""
    path = folder / file
    try:
        if not path.exists() and (folder / EARLIER / file).exists():
            (folder / EARLIER / file).replace(path)
        size = file_size(path)
        if size is not None and size == listed.bytes(file):
            return True
        read_clip(path)
    except (ValueError, OSError):
        return False
    return True


def list_clips(folder: Path, source: Source, fingerprint: str, problems: Mapping[int, str]) -> None:
    """Write the index, unless it is the same, and put files that it does not list aside."""

    def files() -> Iterator[tuple[int, str]]:
        for number in range(len(source)):
            if number not in problems:
                yield number, file_of(fingerprint, source.identity(number))

    if not _is_indexed(folder, fingerprint, files()):
        clips = ((number, read_record(folder / file)) for number, file in files())
        if hasattr(os, "sync"):
            os.sync()  # what an index lists must not be lost with the power
        write_index(folder, fingerprint, clips, len(source) - len(problems))
    listed = Listed(folder)
    (folder / "complete.json").unlink(missing_ok=True)  # of format 2
    with os.scandir(folder) as entries:
        for file in (entry.name for entry in entries):
            if file.endswith((".part", ".damaged")):
                (folder / file).unlink(missing_ok=True)
            elif file.endswith(".safetensors") and listed.bytes(file) is None:
                (folder / EARLIER).mkdir(exist_ok=True)
                (folder / file).replace(folder / EARLIER / file)


def _is_indexed(folder: Path, fingerprint: str, files: Iterator[tuple[int, str]]) -> bool:
    try:
        index = ClipIndex(folder)
    except TrainError:
        return False
    pairs = zip_longest(zip(index.numbers, index, strict=True), files)
    return index.fingerprint == fingerprint and all(
        mine is not None
        and wanted is not None
        and (mine[0], mine[1].file) == wanted
        and mine[1].bytes == file_size(folder / mine[1].file)
        for mine, wanted in pairs
    )
