"""Whether a file is there, and what it is if not safetensors: told by its first bytes, because names lie. And which files are videos."""

from __future__ import annotations

from pathlib import Path

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".3gp", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".asf", ".flv", ".f4v", ".ogv", ".mxf", ".gif", ".vob", ".m2v", ".3g2", ".y4m", ".nut"),
)
"""Of files that are clips; in upper case too."""
_LEGACY = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_TAKE = "download or copy the file itself"


def existing_file(path: str | Path) -> Path:
    """The path of a file.

    Raises:
        ValueError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; check the name and folder.")
    return path


def what_else(path: str | Path, conversion: str) -> str | None:
    """What a file is instead of safetensors, and what to do, as "a GGUF file; load it ..."; None where its first bytes do not say.

    Args:
        path: a file that exists.
        conversion: the remedy for a checkpoint that the converter reads.
    """
    with Path(path).open("rb") as file:
        head = file.read(512)
    text = head.lstrip()
    if not head:
        return f"an empty file; {_TAKE} again"
    if head.startswith(b"GGUF"):
        return (
            "a GGUF file; in ComfyUI load it with the node Unet Loader (GGUF) of the pack ComfyUI-GGUF, whose model ApplyFastAdapter and "
            "FewStepSampler take (preset turbo or fastwan), or choose a .safetensors file"
        )
    if head.startswith(b"PK\x03\x04"):
        return f"a pickled checkpoint (torch's zip format); {conversion}"
    if head.startswith(_LEGACY):
        return f"a pickled checkpoint of the format before zip (torch 1.5 or older); {conversion}"
    if head.startswith(b"version https://git-lfs"):
        return f"a Git LFS pointer, which only names the file; {_TAKE}"
    if text.startswith((b"<!", b"<html", b"<?xml", b"<HTML")):
        return f"a web page, probably of a download that asked for a login; {_TAKE} again"
    if text.startswith(b"{"):
        return f"a JSON text, such as the index of a sharded file; {_TAKE}"
    return None
