"""Archives of ComfyUI's source: unpack one, and tell by its files whether it is the right ComfyUI."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ..setup_error import SetupError

# What ComfyUI does not run: its tests and what its own repository needs. Copies of the source differ there, and we do not unpack it.
LEFT_OUT = {".ci", ".github", "script_examples", "tests", "tests-unit"}
MOST_BYTES = 500_000_000


def unpack(archive: Path, inside: str, folder: Path, expected: str) -> None:
    """Unpack the ComfyUI of `archive` to `folder`, replacing what is there.

    `folder` appears last and complete, or not at all.

    Args:
        archive: a .tar.gz.
        inside: the folder of ComfyUI in it, with a final slash. Only plain files below it are written.
        expected: `digest` of the right ComfyUI.

    Raises:
        SetupError: the archive is damaged, has an unsafe path, or holds other files than the right ComfyUI.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _extract(archive, inside, unfinished)
        found = digest(unfinished)
        if found != expected:
            raise SetupError(
                f"The files of ComfyUI in {archive} have the sha256 {found[:12]}... instead of {expected[:12]}... and were not used: "
                "delete the archive and run the command again."
            )
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def digest(folder: Path) -> str:
    """The sha256 of what ComfyUI runs in `folder`: of every file's own sha256 and path, in the order of paths."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names if is_run(PurePosixPath(name).parts)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_run(parts: tuple[str, ...]) -> bool:
    """Whether ComfyUI runs the file of these path components, relative to its folder."""
    return not (parts[0].startswith(".") or parts[0] in LEFT_OUT or "__pycache__" in parts)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _extract(archive: Path, inside: str, folder: Path) -> None:
    size = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                parts = _parts(member, inside, archive)
                content = tar.extractfile(member) if parts and is_run(parts) else None
                if content is None:
                    continue
                size += member.size
                if size > MOST_BYTES:
                    raise SetupError(
                        f"{archive} unpacks to more than {MOST_BYTES // 1_000_000} MB and was not used: delete it and run the command again."
                    )
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as output:
                    shutil.copyfileobj(content, output)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise SetupError(
            f"{archive} is not a complete .tar.gz archive ({error}): delete it and run the command again."
        ) from error


def _parts(member: tarfile.TarInfo, inside: str, archive: Path) -> tuple[str, ...]:
    """The path components of an archive member below the ComfyUI folder; none if it is not a file of ComfyUI."""
    if not member.isfile() or not member.name.startswith(inside):
        return ()
    relative = PurePosixPath(member.name[len(inside) :])
    if relative.is_absolute() or ".." in relative.parts or any(set(part) & {":", "\\"} for part in relative.parts):
        raise SetupError(
            f"{archive} has the unsafe path {member.name} and was not unpacked: delete the archive and run the command again."
        )
    return relative.parts
