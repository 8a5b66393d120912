"""The files and folders that a configuration names: which of them the phases of a run read, and whether they are there."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterator
from pathlib import Path

from ..config.data_settings import Videos
from ..config.phases import WITHOUT_GENERATORS, phases_of
from ..errors import TrainError
from ..run_folder.run import Run
from .given_adapters import given_path

WEIGHTS = {
    "generator": WITHOUT_GENERATORS,
    "fast_generator": WITHOUT_GENERATORS,
    "fast_start": WITHOUT_GENERATORS,
    "vae": ("prepare",),
    "text_encoder": ("prepare",),
}
"""By the key of a file, the stages that can do without it; prepare only counts a prompt's tokens with a text encoder that is there."""


def given_files(run: Run, among: Container[str] | None = None) -> Iterator[tuple[str, Path, str]]:
    """What a configuration names and the phases of these names (or all) read: the key, the path, and whether it is weights, clips or the folder
    of a model of transformers."""
    models, data = run.config.models, run.config.data
    stages = {phase.stage for phase in phases_of(run.config) if among is None or phase.name in among}
    for name, without in WEIGHTS.items():
        given = getattr(models, name)
        if given is not None and not stages <= set(without):
            yield f"models.{name}", Path(given), "weights"
    for adapter in models.adapters:
        path = given_path(adapter)
        if path is not None and not stages <= set(WITHOUT_GENERATORS):
            yield f"models.adapters, {adapter.kind}", path, "weights"
    for name in ("train", "evaluation"):
        source = getattr(data, name)
        if isinstance(source, Videos):
            for place in source.places:
                yield f"data.{name}.folder", place, "clips"
    for name in ("detector", "tracker", "captioner") if data.prepares else ():
        folder = getattr(data.prepare, name)
        if folder is not None:
            yield f"data.prepare.{name}", Path(folder), "model"


def check_exists(key: str, path: Path) -> None:
    """Raises TrainError for a path that is not there, with what it may be instead."""
    if path.exists():
        return
    folder = path.parent
    while not folder.is_dir():
        path, folder = folder, folder.parent
    close = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=1, cutoff=0.6)
    hint = f"did you mean {folder / close[0]}?" if close else "check the path."
    raise TrainError(f"{key}: there is no {path}; {hint}")
