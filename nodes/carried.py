"""What the pack carries for its tiny example: models that ComfyUI's loaders list, and a start picture that Load Image can open.

Nothing is put among the user's files. The folders of models are added behind the user's own, so a file of the user's wins over one of the
same name here. The picture goes into ComfyUI's folder of temporary files, which ComfyUI empties when it starts and ends.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import folder_paths

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
KINDS = ("diffusion_models", "vae", "model_patches")
# The registry's archive has the codec in the second folder, a clone of the repository has the exact one in the first as well.
PLACES = (TINY, TINY / "carried")
PICTURE = "flashmotion_scene_0.png"


def register() -> None:
    """Add the folders that are there to ComfyUI's, and lend it the start picture."""
    for kind in KINDS:
        for folder in (place / kind for place in PLACES):
            if folder.is_dir():
                folder_paths.add_model_folder_path(kind, str(folder))
    picture, temporary = TINY / PICTURE, Path(folder_paths.get_temp_directory())
    if picture.is_file():
        try:
            temporary.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, temporary / PICTURE)
        except OSError as error:
            logging.warning(
                "FlashMotion: %s cannot be written to %s (%s); choose another picture in the workflow flashmotion_tiny_cpu.",
                PICTURE,
                temporary,
                error.strerror,
            )


def own_first(kind: str) -> list[str]:
    """The files of a folder of models as ComfyUI lists them, those that only the pack has at the end.

    The first of a list is what a new node shows, and that should be one of the user's models.
    """
    names = folder_paths.get_filename_list(kind)
    carried = {path.name for place in PLACES for path in (place / kind).glob("*.safetensors")}
    return sorted(names, key=lambda name: name in carried)
