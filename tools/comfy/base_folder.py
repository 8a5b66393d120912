"""Fill the base directory of the quickstart's server: the pack, the tiny models, the picture, the workflow."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ..setup_error import SetupError

PACK_NAME = "flashmotion"
# ComfyUI's model folders, and the models that the example workflow needs.
FOLDERS = ("diffusion_models", "vae", "model_patches")
NEEDED = (
    "diffusion_models/flashmotion_tiny_generator.safetensors",
    "vae/flashmotion_tiny_vae.safetensors",
    "model_patches/flashmotion_tiny_resnet.safetensors",
)


def link_pack(pack: Path, custom_nodes: Path) -> Path:
    """Link `custom_nodes`/flashmotion to `pack` (a junction on Windows); raises SetupError when that fails."""
    link = custom_nodes / PACK_NAME
    custom_nodes.mkdir(parents=True, exist_ok=True)
    if link.exists() and link.resolve() == pack.resolve():
        return link
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise SetupError(f"{link} exists and is not a link to {pack}: remove it and run the command again.")
    try:
        _link(pack, link)
    except OSError as error:
        raise SetupError(
            f"{link} cannot be linked to {pack} ({error.strerror}): set FLASHMOTION_HOME to a folder on a disk that "
            "supports links."
        ) from error
    return link


def trained_models(assets: Path) -> list[Path]:
    """The trained models `assets`/<folder of models>/*.safetensors; none if one that the example needs is missing."""
    if not all((assets / name).is_file() for name in NEEDED):
        return []
    return [file for folder in FOLDERS for file in sorted((assets / folder).glob("*.safetensors"))]


def put_models(assets: Path, models: Path) -> None:
    """Copy the repository's tiny models into `models`; raises SetupError if they are missing."""
    trained = trained_models(assets)
    if not trained:
        raise SetupError(
            f"The tiny models are missing from {assets}: get the whole repository, for example with git clone."
        )
    for file in trained:
        copy_if_new(file, models / file.parent.name / file.name)


def copy_if_new(source: Path, target: Path) -> Path:
    """Copy `source` to `target` unless it already has the same size and modification time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = source.stat(), target.stat() if target.exists() else None
    if old is None or (old.st_size, int(old.st_mtime)) != (new.st_size, int(new.st_mtime)):
        shutil.copy2(source, target)
    return target


def _link(pack: Path, link: Path) -> None:
    if sys.platform == "win32":
        import _winapi  # unlike a symbolic link, a junction needs no administrator rights

        _winapi.CreateJunction(str(pack), str(link))
    else:
        os.symlink(pack, link, target_is_directory=True)
