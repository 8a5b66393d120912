"""A port that is ours before a server listens on it, so that two commands that start at once do not choose the same."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

from .server import free_port, is_free


@contextmanager
def claimed_port(preferred: int) -> Iterator[int]:
    """`preferred`, or another port if it is taken or claimed; until the block ends, no other command of ours on this machine claims it.

    The system ends the claim with this process, however that ends.
    """
    for port in chain([preferred], (free_port() for _ in repeat(None))):
        file = os.open(_file_of(port), os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if _lock(file) and is_free(port):
                yield port
                return
        finally:
            os.close(file)


def _file_of(port: int) -> Path:
    """The lock file of a port, one for each user of the machine; it is never removed, as another command may wait for the same file."""
    user = str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
    return Path(tempfile.gettempdir()) / f"flashmotion-{user}-port-{port}.lock"


def _lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
