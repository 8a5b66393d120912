"""A converted generator as a folder for diffusers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ..generation.loading import load_generator
from ..wan.prefixes import find_network
from .checkpoints import read_checkpoint


def to_diffusers_folder(source: Path, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a generator as ``folder/transformer``, for diffusers' ``WanTransformer3DModel.from_pretrained``.

    Diffusers keeps the time embedding, norms and modulation in float32; its format cannot hold our schedule.

    Args:
        source: whatever ``load_generator`` reads.
        folder: folder of a diffusers pipeline, without a ``transformer`` yet.
        dtype: dtype of the other weights; None keeps it.

    Raises:
        ValueError: the source is not a generator, or ``transformer`` already exists.
    """
    target = folder / "transformer"
    if target.exists():
        raise ValueError(f"{target} is there already; remove it or choose another folder.")
    if dtype is None:
        tensors, _ = read_checkpoint(source)
        dtype = tensors[find_network(tensors).keys["patch_embedding.weight"]].dtype
    transformer = load_generator(source, "cpu", dtype).transformer
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".transformer.") as part:
        # One file, like ours; diffusers would split the 5B in two.
        transformer.save_pretrained(Path(part) / "transformer", max_shard_size="1TB")
        (Path(part) / "transformer").rename(target)
