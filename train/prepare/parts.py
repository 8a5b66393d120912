"""What is done of a video that is in work, so that a film of hours that is stopped continues with its next clip."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole

from .clip_record import PreparedClip, clip_from

KEY, DONE = "key", "done"
SUFFIXES = (".mp4", ".json", ".txt", ".jpg", ".masks")


def open_part(folder: Path, key: str) -> None:
    """Make the folder of a video in work, or keep it as it is if it was made for the same `key`."""
    try:
        same = (folder / KEY).read_text(encoding="ascii") == key
    except (OSError, UnicodeError):
        same = False
    if not same:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_whole(folder / KEY, key)


def forget_parts(folder: Path) -> None:
    """Remove what only a video in work needs."""
    shutil.rmtree(folder / DONE, ignore_errors=True)
    (folder / KEY).unlink(missing_ok=True)


def keep_clip(folder: Path, clip: PreparedClip) -> None:
    """Note that a clip and all its files are there."""
    write_whole(folder / DONE / f"{clip.name}.json", json.dumps(asdict(clip)))


def kept_clip(folder: Path, name: str) -> PreparedClip | None:
    """A finished clip; None if it is not there, and then its other files are removed."""
    try:
        return clip_from(json.loads((folder / DONE / f"{name}.json").read_text(encoding="ascii")))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    for end in SUFFIXES:
        path = folder / f"{name}{end}"
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return None
