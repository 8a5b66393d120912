"""Files of a maker beside a video that are for one clip of it, named after the clip's start."""

from __future__ import annotations

import re
from pathlib import Path

from .video_files import TRACK_SUFFIXES

CLIP = re.compile(r"(.+)-(\d{1,9})ms")


class FolderClips:
    """Prompts, documents and tracks beside videos that are for one clip, such as ``dog-12400ms.json``; each folder is read once."""

    def __init__(self) -> None:
        self._found: dict[Path, dict[str, dict[Path, int]]] = {}

    def of(self, video: Path) -> dict[Path, int]:
        """Those of a video, with the clip's start in ms."""
        folder = video.parent
        if folder not in self._found:
            found: dict[str, dict[Path, int]] = {}
            for path in sorted(path for path in folder.iterdir() if path.suffix in (".txt", *TRACK_SUFFIXES)):
                name = CLIP.fullmatch(path.stem)
                if name and path.is_file():
                    found.setdefault(name[1], {})[path] = int(name[2])
            self._found[folder] = found
        return self._found[folder].get(video.stem, {})
