"""Checkpoints that are whole or not there at all, written with torch's distributed checkpoint (DCP).

A checkpoint is a folder `step_000123` with DCP's files of tensors, `tensors.json` (see `checkpoint_index`) and `trainer.json`. It is written
as `step_000123.part` and renamed when everything is on the disk. Only then are older ones deleted, so a process that is killed at any moment
leaves a usable one behind. Nothing in a checkpoint can run when it is read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException

from flashmotion_core.files.reasons import first_line

from ..errors import TrainError
from ..parallel import World, broadcast_object
from .checkpoint_index import IndexReader, IndexWriter, has_index
from .optim import load_optimizer_state, optimizer_state

__all__ = ["latest", "load", "load_optimizer_state", "optimizer_state", "save"]

_NAME = re.compile(r"step_(\d{6,})")
_TRAINER = "trainer.json"


def path_of(folder: Path, step: int) -> Path:
    """The folder of a checkpoint."""
    return folder / f"step_{step:06d}"


def steps(folder: Path) -> list[int]:
    """Steps of the whole checkpoints, ascending."""
    if not folder.is_dir():
        return []
    names = ((entry, _NAME.fullmatch(entry.name)) for entry in folder.iterdir())
    return sorted(
        int(match[1]) for entry, match in names if match and has_index(entry) and (entry / _TRAINER).is_file()
    )


def latest(folder: Path) -> int | None:
    """The step of the newest whole checkpoint; None if there are none."""
    found = steps(folder)
    return found[-1] if found else None


def notes(folder: Path, step: int) -> dict[str, Any]:
    """What was saved under "trainer", without reading tensors. Raises TrainError if it cannot be read."""
    path = path_of(folder, step)
    try:
        found: Any = json.loads((path / _TRAINER).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"{_TRAINER} holds {type(found).__name__} instead of an object")
        return found
    except (OSError, ValueError, RecursionError) as error:
        raise TrainError(
            f"the checkpoint {path} is damaged ({error}); delete that folder to resume from an earlier one."
        ) from error


def _check_tensors(state: Mapping[str, Any], name: str = "state") -> None:
    for key, value in state.items():
        if isinstance(value, Mapping):
            _check_tensors(value, f"{name}.{key}")
        else:
            # DCP would pickle anything else, and pickles can run code when they are read.
            assert isinstance(value, Tensor), f"{name}.{key} is a {type(value).__name__}, not a tensor"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and everything that led to it, on every rank."""
    yield error
    failures = [failure for failure, _ in error.failures.values()] if isinstance(error, CheckpointException) else []
    for cause in (*failures, error.__cause__, error.__context__):
        if cause is not None:
            yield from _causes(cause)


def _write_problem(error: BaseException) -> str | None:
    """What went wrong with the disk, in words; None if it was not the disk."""
    for cause in _causes(error):
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
    # torch's writer keeps no trace of the system's error, and a cause does not travel from rank to rank
    if any("PytorchStreamWriter failed" in str(cause) for cause in _causes(error)):
        return "a file could not be written to its end"
    return None


def _cannot_save(path: Path, problem: str) -> TrainError:
    return TrainError(
        f"the checkpoint {path} cannot be written ({problem}); free some space there or make it writable, and run the command again: the "
        "earlier checkpoints are kept."
    )


@contextmanager
def _without_remark() -> Iterator[None]:
    """Silence DCP's remark that it runs in a single process, as it was told to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _on_main(world: World, path: Path, action: Callable[[], None]) -> None:
    """Let rank 0 work on files while the others wait; its OSError becomes a TrainError on every rank."""
    problem: str | None = None
    if world.is_main:
        try:
            action()
        except OSError as error:
            problem = error.strerror or str(error)
    problem = broadcast_object(world, problem)
    if problem is not None:
        raise _cannot_save(path, problem)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    """Delete a checkpoint without ever leaving half of one under its name."""
    aside = path.with_name(f"{path.name}.old.part")
    os.replace(path, aside)
    shutil.rmtree(aside)


def save(folder: Path, step: int, state: Mapping[str, Any], world: World, keep: int) -> None:
    """Write `folder/step_000123` and keep the newest `keep` up to this one. Every rank must call it. Raises TrainError.

    `state` has nested dicts of tensors and DTensors, and under "trainer" a JSON-ready dict. A checkpoint of the same step is replaced.
    """
    assert keep >= 1
    tensors = {key: value for key, value in state.items() if key != "trainer"}
    _check_tensors(tensors)
    text = json.dumps(state["trainer"])
    path = path_of(folder, step)
    part = path.with_name(f"{path.name}.part")

    def begin() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("step_*.part"):
            shutil.rmtree(stale)
        part.mkdir()
        (part / _TRAINER).write_text(text, encoding="utf-8")

    def finish() -> None:
        for file in part.iterdir():
            _sync(file)
        _sync(part)
        if path.exists():
            os.replace(path, path.with_name(f"{path.name}.old.part"))
        os.replace(part, path)
        _sync(folder)
        shutil.rmtree(path.with_name(f"{path.name}.old.part"), ignore_errors=True)
        # Never later steps: they belong to another run, and counting them could delete this one.
        for old in [earlier for earlier in steps(folder) if earlier <= step][:-keep]:
            _discard(path_of(folder, old))

    try:
        _on_main(world, path, begin)
        try:
            with _without_remark():
                state_dict_saver.save(tensors, storage_writer=IndexWriter(part), no_dist=world.size == 1)
        except (CheckpointException, OSError, RuntimeError) as error:
            problem = _write_problem(error)
            if problem is None:
                raise
            raise _cannot_save(path, problem) from error
        _on_main(world, path, finish)
    except TrainError:
        if world.is_main:
            shutil.rmtree(part, ignore_errors=True)  # give the space back
        raise


def load(folder: Path, step: int, state: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Read `folder/step_000123` INTO the tensors of `state`, and return what was under "trainer". Every rank must call it.

    `state` may ask for a part of what was saved, and the number of processes may differ. Raises TrainError if the checkpoint is damaged or
    has other shapes; `state` is then partly overwritten. Bits that flipped on the disk are not detected.
    """
    tensors = {key: value for key, value in state.items() if key != "trainer"}
    _check_tensors(tensors)
    path = path_of(folder, step)
    try:
        trainer: dict[str, Any] = json.loads((path / _TRAINER).read_text(encoding="utf-8"))
        with _without_remark():
            state_dict_loader.load(tensors, storage_reader=IndexReader(path), no_dist=world.size == 1)
    except (CheckpointException, Exception) as error:
        causes = list(_causes(error))
        for cause in causes:
            if not isinstance(cause, (CheckpointException, Exception)):
                raise  # Ctrl+C on one of the ranks
        first = next((cause for cause in causes if not isinstance(cause, CheckpointException)), error)
        raise TrainError(
            f"the checkpoint {path} is damaged or was made with other settings ({first_line(first)}); "
            "delete that folder to resume from an earlier one."
        ) from error
    return trainer
