"""Who is working in a folder: a file in it that says so as long as they live, so that two runs do not write into one folder."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import TrainError

FILE = "running.json"
BEAT_SECONDS = 15.0
GONE_SECONDS = 120.0
"""A lock that was not touched for so long is that of a process that is gone, on whatever machine it was."""


def holder(folder: Path) -> str | None:
    """Who holds a folder, in words; None if nobody does, or nobody who lives."""
    file = folder / FILE
    if not file.exists():
        return None
    try:
        age = _now(folder) - file.stat().st_mtime
        found = json.loads(file.read_text(encoding="utf-8"))
        host, pid, since = str(found["host"]), int(found["pid"]), str(found["since"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        host, pid, since = "an unknown machine", -1, "an unknown time"  # being written, or damaged
    if age > GONE_SECONDS or (pid > 0 and host == socket.gethostname() and not _lives(pid)):
        return None
    return f"process {pid} on {host}, since {since}"


@contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Inside, a folder is held by this process, and a thread says every while that it lives.

    Raises:
        TrainError: another process holds it; the sentence begins with `what`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    other = holder(folder)
    if other is None:
        file.unlink(missing_ok=True)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": since})
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:  # another was faster
            other = holder(folder) or "another process"
    if other is not None:
        raise TrainError(
            f"{what} is being done by {other}; wait for it, stop it, or use another --run. If it is gone, run the command again in two minutes."
        )
    done = threading.Event()
    beats = threading.Thread(target=_beat, args=(file, done), daemon=True)
    beats.start()
    try:
        yield
    finally:
        done.set()
        beats.join()
        file.unlink(missing_ok=True)


def _beat(file: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(file)


def _now(folder: Path) -> float:
    """The time by the clock of the disk, which may not be this machine's."""
    probe = folder / f"{FILE}.{os.getpid()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # a disk that only reads
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink()


def _lives(pid: int) -> bool:
    """Whether a process of this machine is there, other than this one, which holds nothing yet."""
    if pid == os.getpid():
        return False
    if os.name == "nt":
        return True  # os.kill would end it; its lock grows old instead
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # of another user
    return True
