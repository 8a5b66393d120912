"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: str | Path, content: bytes | str | Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there when it is complete; its folder is made.

    An error or Ctrl+C leaves an older file of that name as it was, and no unfinished one.

    Args:
        path: the file to write.
        content: bytes, text (written as UTF-8 with the line ends it has), or a function that writes the file whose path it is given.

    Raises:
        OSError: nothing can be written there.
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
