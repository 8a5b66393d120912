"""Worker processes. One leaves Ctrl+C to its parent and never outlives it."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of new interpreters: a fork would copy a process with threads and a CUDA context."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=start_worker)


def start_worker() -> None:
    """Call this first in a worker: it then uses one thread, ignores Ctrl+C, and ends with its parent, even if that was killed."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
