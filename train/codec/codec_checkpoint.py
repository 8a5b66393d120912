"""The codec's checkpoint and the one before, so that one that is damaged costs the steps in between and not the training."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from flashmotion_core.files.reasons import first_line
from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError

CHECKPOINT, BEFORE = "checkpoint.pt", "checkpoint_before.pt"
PARTS = ("settings", "step", "codec", "muon", "adam")


def exists(folder: Path) -> bool:
    """Whether a folder holds one."""
    return any((folder / name).is_file() for name in (CHECKPOINT, BEFORE))


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, and keep the one that was the newest. Raises OSError or RuntimeError."""

    def write(part: Path) -> None:
        torch.save(state, part)
        if (folder / CHECKPOINT).is_file():
            os.replace(folder / CHECKPOINT, folder / BEFORE)

    write_whole(folder / CHECKPOINT, write)


def load(folder: Path, device: torch.device) -> tuple[dict[str, Any] | None, str]:
    """The newest checkpoint that is whole, and a sentence if that is not the newest; None and "" if there is none.

    Raises:
        TrainError: all that are there are damaged.
    """
    problems: list[str] = []
    for name in (CHECKPOINT, BEFORE):
        path = folder / name
        if not path.is_file():
            continue
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            dict(state["settings"])
            step = int(state["step"])
            missing = [part for part in PARTS if part not in state]
            if missing:
                raise ValueError(f"it has no {missing[0]}")
        except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, TypeError, KeyError) as error:
            problems.append(f"{path} is damaged ({first_line(error):.80})")
            continue
        said = f"{problems[0]}; the codec continues from the checkpoint before, after {step} steps." if problems else ""
        return state, said
    if problems:
        raise TrainError(f"{problems[0]}; delete it to train the codec from its beginning.")
    return None, ""


def copy(source: Path, folder: Path) -> None:
    """Copy what a folder holds to another one, the newest last: it shows that everything is there."""
    for name in (BEFORE, CHECKPOINT):
        if (source / name).is_file():
            write_whole(folder / name, partial(shutil.copyfile, source / name))
