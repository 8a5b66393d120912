"""The versions of ComfyUI's frontend that the editor is tested with, each in a folder of its own.

The pinned one comes with ComfyUI's requirements. The oldest and the newest are fetched here, and a server uses one of
them when started with `--front-end-root`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..setup_error import SetupError
from .pip import run_pip
from .stamp import Stamp

PACKAGE = "comfyui-frontend-package"
OLDEST = "1.39.19"  # what the oldest supported ComfyUI requires
NEWEST = "1.58.1"


def ensure(version: str, python: Path, home: Path) -> Path:
    """The folder of a frontend's page, fetched with `python`'s pip if it is missing; raises SetupError."""
    folder = home / f"frontend-{version}"
    page = folder / "comfyui_frontend_package" / "static"
    if _stamp(folder, version).is_current():
        return page
    unfinished = folder.with_name(folder.name + ".unfinished")
    for old in (unfinished, folder):
        if old.exists():
            shutil.rmtree(old)
    arguments = ["install", "--no-deps", "--target", str(unfinished), f"{PACKAGE}=={version}"]
    run_pip(python, arguments, what=f"Fetching ComfyUI's frontend {version}", size="20 MB", home=home)
    if not (unfinished / page.relative_to(folder) / "index.html").is_file():
        raise SetupError(
            f"The package {PACKAGE} {version} has no page at {page.relative_to(folder).as_posix()}: name another version in {Path(__file__).name}."
        )
    _stamp(unfinished, version).write()
    unfinished.rename(folder)
    return page


def _stamp(folder: Path, version: str) -> Stamp:
    return Stamp(folder / ".flashmotion-stamp", version)
