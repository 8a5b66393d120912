"""A ComfyUI that the user already has: it is inspected, never changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..setup_error import SetupError
from . import comfyui_source
from .environment import complaint, python_of

NEEDED = ("torch", "torchvision", "torchaudio", "numpy", "einops", "safetensors", "PIL", "av", "aiohttp")


def check(comfyui: Path, python: Path | None) -> Path:
    """The Python that runs the ComfyUI in `comfyui`: the given one, or else its own, or else this one.

    Raises SetupError if there is no ComfyUI, it is older than supported, or that Python lacks a module.
    """
    if not (comfyui / "main.py").is_file():
        raise SetupError(
            f"{comfyui} is not a ComfyUI folder (main.py is missing): give --comfyui the folder of a ComfyUI."
        )
    version = comfyui_source.version_of(comfyui)
    oldest = tuple(int(part) for part in comfyui_source.OLDEST.version.split("."))
    if version < oldest:
        shown = ".".join(map(str, version)) or "unknown"
        raise SetupError(
            f"The version of ComfyUI in {comfyui} is {shown}: update it to {comfyui_source.OLDEST.version} or newer."
        )
    chosen = python or find_python(comfyui)
    wrong = _without(chosen, NEEDED)
    if wrong:
        raise SetupError(
            f"{chosen} cannot run this ComfyUI ({wrong}): give --python the Python with which you start ComfyUI."
        )
    return chosen


def find_python(comfyui: Path) -> Path:
    """The Python of a ComfyUI folder: that of a venv in it, that of the Windows portable build beside it, or this one."""
    places = [python_of(comfyui / name) for name in ("venv", ".venv")]
    if os.name == "nt":
        places.append(comfyui.parent / "python_embeded" / "python.exe")
    return next((path for path in places if path.is_file()), Path(sys.executable))


def _without(python: Path, modules: Sequence[str]) -> str:
    """What is wrong with `python`, which should have `modules`; empty if it has them. Only the server imports them, which takes seconds."""
    ask = (
        "import sys; from importlib.util import find_spec; "
        "sys.exit(', '.join('no ' + name for name in sys.argv[1:] if find_spec(name) is None) or 0)"
    )
    return complaint(python, ask, *modules)
