"""What tells a video from others and from its own later versions, without reading it whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from .video_files import TRACK_SUFFIXES

SAMPLE = 1 << 18


def identity(video: Path) -> list[Any]:
    """Name and size of a video, and a hash of its small files and of its beginning, middle and end, as plain JSON values.

    A copy of the folder has the same identities. Of a video above 768 KiB three parts of 256 KiB count: another export differs there.
    """
    digest = hashlib.sha256()
    # A missing .csv or .xml leaves no trace: clips without them keep the identity that they had before tables were read.
    for suffix in (".json", ".txt", *TRACK_SUFFIXES[1:]):
        path = video.with_suffix(suffix)
        content = path.read_bytes() if path.is_file() else b""
        if path.is_file() or suffix in (".json", ".txt"):
            digest.update(len(content).to_bytes(8, "big") + content)
    folder = video.with_suffix(".masks")
    for path in sorted(folder.glob("*.png")) if folder.is_dir() else []:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    _hash_samples(video, digest)
    return [video.name, video.stat().st_size, digest.hexdigest()]


def content(video: Path) -> str:
    """A hash of the video alone, whatever its name; see `identity`."""
    digest = hashlib.sha256(str(video.stat().st_size).encode())
    _hash_samples(video, digest)
    return digest.hexdigest()


def _hash_samples(video: Path, digest: Any) -> None:
    size = video.stat().st_size
    with video.open("rb") as file:
        for start in (0, size // 2 - SAMPLE // 2, size - SAMPLE) if size > 3 * SAMPLE else (0,):
            file.seek(start)
            digest.update(file.read(SAMPLE if size > 3 * SAMPLE else size))
