"""Another name for a file or folder, where the system allows it."""

from __future__ import annotations

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
