"""Adapter files that a configuration names: a finished SlowAdapter, or what stage 1 begins with."""

from __future__ import annotations

from pathlib import Path

import torch

from flashmotion_core.adapters import ResNetAdapter, construct_adapter
from flashmotion_core.adapters.adapter_file import parse_adapter
from flashmotion_core.files.weights import read_header
from flashmotion_core.wan.config import WanConfig

from ..config.settings import Adapter
from ..errors import TrainError


def given_path(settings: Adapter) -> Path | None:
    """The file that an adapter comes from: a finished SlowAdapter, or the start of stage 1."""
    given = settings.slow or settings.start
    return Path(given) if given else None


def check_adapter(settings: Adapter, sizes: WanConfig) -> None:
    """Read the header of a given file and compare it with the settings, which the rest of the run relies on.

    Raises:
        TrainError: another kind of adapter, or another width or fewer blocks than the settings say.
        ValueError: a file that is not an adapter, or an adapter for a generator of other sizes.
    """
    path = given_path(settings)
    if path is None:
        return
    shapes, metadata = read_header(path)
    file = parse_adapter({key: torch.empty(shape, device="meta") for key, shape in shapes.items()}, metadata, path.name)
    if file.kind != settings.kind:
        raise TrainError(
            f"{path.name} is a {file.kind} adapter, but models.adapters says kind {settings.kind}; change one of them."
        )
    adapter = construct_adapter(file, sizes)
    if len(adapter.inject_after) != sizes.num_layers:
        raise TrainError(
            f"{path.name} adds to {len(adapter.inject_after)} of the generator's {sizes.num_layers} blocks, but a run trains adapters "
            "that add to all of them; give such a file."
        )
    if isinstance(adapter, ResNetAdapter) and adapter.width != settings.width:
        raise TrainError(
            f"{path.name} has width {adapter.width}, but models.adapters says width {settings.width}; set it to that of the file."
        )
