"""Two processes that meet as torchrun would start them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_two(module: str, *arguments: str | Path, logs: Path, timeout: float = 240) -> None:
    """``python -m module arguments`` as ranks 0 and 1 of 2 on the CPU; fails with the end of both logs unless both end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked_ranks", str(logs), module, *map(str, arguments)],
        cwd=ROOT,
        env=common,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=timeout)[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with both ranks
    logged = [file.read_text()[-3000:] for file in sorted(logs.glob("[01].log"))]
    assert process.returncode == 0, "\n".join([said, *logged])
