"""Another name for a file or folder, where the system allows it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target`, which must not exist, a symbolic link to `source`; a copy where there are no links. Raises OSError."""
    try:
        target.symlink_to(source.absolute(), target_is_directory=source.is_dir())
    except OSError:  # Windows, without the right to make links
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def links_or_copies(target: Path, source: Path) -> bool:
    """Whether `target` is what `link_or_copy` leaves of `source` as it is now: a copy has its sizes and times."""
    if target.is_symlink():
        return os.readlink(target) == str(source.absolute())
    return target.exists() and _contents(target) == _contents(source)


def _contents(path: Path) -> list[tuple[str, int, int]]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(file.relative_to(path).as_posix(), file.stat()) for file in files if file.is_file()]
    return [(name, stat.st_size, int(stat.st_mtime)) for name, stat in stats]
