"""Models from a folder as diffusers and transformers write it. Nothing is downloaded and nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from .reasons import first_line
from .texts import read_text


def read_folder_config(folder: Path, what: str, classes: Sequence[str]) -> dict[str, Any]:
    """A folder's ``config.json``, which must be of one of the classes (diffusers would load another one with random weights)."""
    try:
        config: dict[str, Any] = json.loads(read_text(folder / "config.json"))
        found = config.get("_class_name") or ", ".join(config.get("architectures") or ["nothing"])
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{folder} has no readable config.json, but a {what} folder was expected; check the path."
        ) from error
    if found not in classes:
        raise ValueError(f"{folder} holds {found}, but a {what} ({classes[0]}) was expected; choose another folder.")
    return config


def load_whole_folder(model_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    """A diffusers model from a folder, on the CPU.

    Raises:
        ValueError: an unreadable folder, or one that lacks weights.
    """
    try:
        model, loading = model_class.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, torch_dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be read ({first_line(error)}); download or export it again.") from error
    if loading["missing_keys"]:
        raise ValueError(
            f"the weights in {folder} lack {', '.join(sorted(loading['missing_keys']))}; download or export it again."
        )
    return model


def load_folder(folder: str | Path, model_class: Any, device: str) -> Any:
    """A model in float32 on a CPU and bfloat16 on a GPU, for use only. Weights are safetensors.

    Raises:
        ValueError: it is another kind of model, or its files are damaged; the message is only the reason.
    """
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    try:
        model = model_class.from_pretrained(str(folder), local_files_only=True, use_safetensors=True, dtype=dtype)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ValueError(first_line(error)) from error
    return model.to(device).eval().requires_grad_(False)
