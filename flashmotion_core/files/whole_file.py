"""Write files completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: str | Path, content: bytes | str | Callable[[Path], object]) -> None:
    """Write a file beside its destination and move it there once it is complete; creates the folder.

    After an error or Ctrl+C, an older file of that name is unchanged and no unfinished file remains.

    Args:
        path: the file to write.
        content: bytes, text (written as UTF-8, line ends unchanged), or a function that writes to the path it is given.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        if callable(content):
            content(part)
        else:
            part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
