"""Small files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_text_whole(path: Path, text: str) -> None:
    """Write a text file beside its place and move it there; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
