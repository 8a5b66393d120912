"""pytest as a process, with workers; tests that share a server or the fixtures of a file stay in one worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .setup.environment import REPOSITORY

MOST_WORKERS = 8  # each imports torch and ComfyUI, about 1 GB of memory
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # for workers, as there is one for each core


def workers(waiting: bool = True) -> list[str]:
    """pytest's options for a worker per core, and one more if tests of a page or a server are among them, as those wait half of their time.

    tests/support/order.py says which tests stay together, and puts the longest first; xdist would put files of many tests first.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return ["-n", str(min(cores + waiting, MOST_WORKERS)), "--dist", "loadfile", "--no-loadscope-reorder"]


def run_pytest(command: Sequence[str], variables: Mapping[str, str], repository: Path = REPOSITORY) -> int:
    """Run `command` in `repository`; its exit code."""
    with subprocess.Popen(command, cwd=repository, env=variables) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()  # Ctrl+C reached pytest too, and it shuts down by itself
        finally:
            if process.poll() is None:  # this process was asked to terminate
                process.terminate()
                process.wait()
