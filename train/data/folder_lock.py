"""A folder that one process at a time writes into: a lock with its owner and its age, on this machine or a shared disk."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import TrainError

LOCK = "lock.json"
BEAT_S = 20.0
STALE_S = 180.0
"""An owner on another machine that has not been heard of for so long is gone."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Inside, no other process is inside for the same folder, which exists. The lock of an owner that is gone is taken over.

    Raises:
        TrainError: another process has it.
        OSError: the folder cannot be written.
    """
    path = folder / LOCK
    _take(path)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, stop), name="folder lock", daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join(timeout=5)
        path.unlink(missing_ok=True)


def _take(path: Path) -> None:
    mine = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": time.time()})
    for _ in range(2):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(mine)
            return
        except FileExistsError:
            owner = _owner(path)
            if _is_there(path, owner):
                raise TrainError(
                    f"{path.parent} is in use by process {owner.get('process', 'unknown')} on {owner.get('host', 'another machine')}, "
                    f"since {_age(path, owner)}; wait until it ends or stop it, or remove {path} if it is gone."
                ) from None
            path.unlink(missing_ok=True)
    raise TrainError(f"{path.parent} was taken by another process at this moment; wait until that one ends.")


def _owner(path: Path) -> dict[str, Any]:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_there(path: Path, owner: dict[str, Any]) -> bool:
    """Whether the owner lives: on this machine by its process, elsewhere by the age of its last beat."""
    if owner.get("host") == socket.gethostname() and isinstance(owner.get("process"), int) and os.name == "posix":
        try:
            os.kill(owner["process"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    try:
        return _now(path.parent) - path.stat().st_mtime < STALE_S
    except FileNotFoundError:
        return False


def _now(folder: Path) -> float:
    """The time by the clock of the disk, which may not be this machine's."""
    probe = folder / f"{LOCK}.{os.getpid()}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _age(path: Path, owner: dict[str, Any]) -> str:
    since = owner.get("since")
    started = since if isinstance(since, int | float) else path.stat().st_mtime
    return f"{max(0.0, time.time() - started) / 60:.0f} minutes ago"


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        try:
            os.utime(path)
        except OSError:
            return
