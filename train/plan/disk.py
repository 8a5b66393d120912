"""Whether the disk holds a run: its clips and what its phases need."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..config.data_settings import Synthetic, Videos
from ..data.gather import count as videos_count
from ..data.video_files import find_videos
from ..errors import TrainError
from ..run_folder.artifacts import PREPARED
from ..run_folder.run import Run
from .table import byte_text


def clip_count(run: Run) -> int:
    """Clips that will be encoded; before the phase prepare, as many as there are videos."""
    data, count = run.config.data, 0
    for split, source in (("train", data.train), ("eval", data.evaluation)):
        prepared = run.folder / PREPARED / split
        if isinstance(source, Synthetic):
            count += source.count
        elif data.prepares and prepared.is_dir():
            count += len(find_videos(prepared))
        elif isinstance(source, Videos):
            count += videos_count(source.places)
    return count


def check_disk(run: Path, needs: Mapping[str, int]) -> int:
    """The bytes that a run needs, from those of the folders in it. Raises TrainError if it cannot be written, or its disk cannot hold the rest."""
    folder = run.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainError(
            f"the run folder {run} cannot be written ({error.strerror}); choose another one with --run."
        ) from error
    needed, free = sum(needs.values()), shutil.disk_usage(folder).free
    there = sum(_held(run / part) for part in (*needs, "models"))
    if needed > free + there:
        raise TrainError(
            f"the run needs up to {byte_text(needed)} on the disk of {folder}, but only {byte_text(free)} are free; choose another folder with "
            "--run, or keep fewer checkpoints (checkpoints.keep=1)."
        )
    return needed


def _held(folder: Path) -> int:
    """Bytes of a part of a run that has begun."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
