"""Models of transformers from a folder of the maker's. Nothing is downloaded; the hash of what was loaded is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flashmotion_core.files.model_folder import load_folder
from flashmotion_core.files.reasons import first_line

from ..errors import TrainError
from ..files import content_hash


def check_folder(key: str, folder: str) -> None:
    """Raises TrainError if a setting's folder holds no model of transformers."""
    if not (Path(folder) / "config.json").is_file():
        raise TrainError(
            f"{key} is {folder!r}, but there is no config.json in it; give the folder of a model that transformers can load."
        )


def folder_hash(folder: str) -> str:
    """The SHA-256 of a model's folder, see `files.content_hash`."""
    return content_hash(folder)


def load_model(key: str, folder: str, model_class: Any, device: str) -> Any:
    """A model from a folder, in float32 on a CPU and bfloat16 on a GPU, for use only. Weights are safetensors; nothing is unpickled.

    Raises:
        TrainError: it is another kind of model, or its files are damaged.
    """
    try:
        return load_folder(folder, model_class, device)
    except ValueError as error:
        raise TrainError(
            f"data.prepare.{key} is {folder!r}, which cannot be loaded as {model_class.__name__} ({error}); give another folder."
        ) from error


def load_processor(key: str, folder: str) -> Any:
    """What turns pictures and words into a model's inputs, from the same folder; raises TrainError."""
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = first_line(error)
        raise TrainError(
            f"data.prepare.{key} is {folder!r}, but its processor cannot be loaded ({reason}); copy the whole folder of the model."
        ) from error
