"""A ComfyUI that the user has already: found and looked at, never changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..setup_error import SetupError
from . import comfyui_source
from .environment import imports, python_of

NEEDED = ("torch", "torchvision", "torchaudio", "numpy", "einops", "safetensors", "PIL", "av", "aiohttp")


def check(comfyui: Path, python: Path | None) -> Path:
    """The Python that runs the ComfyUI in `comfyui`: the given one, else its own, else this one.

    Raises SetupError if the folder holds no ComfyUI, it is older than we support, or its Python lacks something.
    """
    if not (comfyui / "main.py").is_file():
        raise SetupError(f"There is no main.py in {comfyui}: give --comfyui the folder of a ComfyUI.")
    version = comfyui_source.version_of(comfyui)
    oldest = tuple(int(part) for part in comfyui_source.OLDEST.version.split("."))
    if version < oldest:
        shown = ".".join(map(str, version)) or "of unknown version"
        raise SetupError(f"ComfyUI in {comfyui} is {shown} and at least {comfyui_source.OLDEST.version} is needed.")
    chosen = python or find_python(comfyui)
    missing = imports(chosen, *NEEDED)
    if missing:
        raise SetupError(
            f"{chosen} cannot run this ComfyUI ({missing}): give --python the Python that you start ComfyUI with."
        )
    return chosen


def find_python(comfyui: Path) -> Path:
    """The Python of a ComfyUI folder: a venv in it, the one of the Windows portable build beside it, or this one."""
    places = [python_of(comfyui / name) for name in ("venv", ".venv")]
    if os.name == "nt":
        places.append(comfyui.parent / "python_embeded" / "python.exe")
    return next((path for path in places if path.is_file()), Path(sys.executable))
