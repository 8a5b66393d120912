"""Models of transformers from a folder. Nothing is downloaded and nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def load_folder(folder: str | Path, model_class: Any, device: str) -> Any:
    """A model in float32 on a CPU and bfloat16 on a GPU, for use only. Weights are safetensors.

    Raises:
        ValueError: it is another kind of model, or its files are damaged; the message is only the reason.
    """
    import torch
    from safetensors import SafetensorError

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    try:
        model = model_class.from_pretrained(str(folder), local_files_only=True, use_safetensors=True, dtype=dtype)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ValueError(str(error).strip().splitlines()[0].rstrip(".")) from error
    return model.to(device).eval().requires_grad_(False)
