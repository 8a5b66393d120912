"""pytest in two lanes, one after the other: tests that share nothing in worker processes, then the others one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .setup.environment import REPOSITORY
from .terminal import say

# The second lane shares servers and a browser. At once with the first, on two cores, the full run took 1,021 s, and two browser tests that
# watch the clock failed beside the workers.
FREE, SHARING = "not server and not browser", "server or browser"
MOST_WORKERS = 8  # each imports torch and ComfyUI, about 1 GB of memory
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # for workers, as there is one for each core
INTERRUPTED = 2  # pytest's exit code after Ctrl+C
COUNTS = "FLASHMOTION_TEST_COUNTS"
"""Names the file to which tests/conftest.py writes how many tests passed, failed, ..."""
OUTCOMES = {"passed": "passed", "failed": "failed", "skipped": "skipped", "error": "errors"}


def workers() -> list[str]:
    """pytest's options for one worker per core. The tests of a file stay in one worker and share its fixtures."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    # tests/conftest.py puts files with slow tests first; xdist would put files with many tests first.
    return ["-n", str(min(cores, MOST_WORKERS)), "--dist", "loadfile", "--no-loadscope-reorder"]


def run_one(command: Sequence[str], variables: Mapping[str, str], repository: Path = REPOSITORY) -> int:
    """Run `command` in `repository`; its exit code."""
    with subprocess.Popen(command, cwd=repository, env=variables) as process:
        try:
            return _wait(process)
        finally:
            _end(process)


def run_both(pytest: str, variables: Mapping[str, str], repository: Path = REPOSITORY) -> int:
    """Run all tests of `repository` with the program `pytest`, lane after lane; the first exit code other than 0.

    The last line printed gives the numbers of both lanes, in pytest's words.
    """
    started = time.monotonic()
    with TemporaryDirectory() as temporary:
        counts = [Path(temporary, name) for name in ("free.json", "sharing.json")]
        free = {**ONE_THREAD, **variables, COUNTS: str(counts[0])}
        code = run_one([pytest, "-m", FREE, *workers()], free, repository)
        if code != INTERRUPTED:
            say("\nTests with a server or a browser:")
            second = run_one([pytest, "-m", SHARING], {**variables, COUNTS: str(counts[1])}, repository)
            code = code or second
        say(total(counts, time.monotonic() - started))
    return code


def total(counts: Sequence[Path], seconds: float) -> str:
    """The numbers of all runs whose `counts` files exist, as one line."""
    ran = [json.loads(file.read_text(encoding="utf-8")) for file in counts if file.is_file()]
    sums = {outcome: sum(run[outcome] for run in ran) for outcome in OUTCOMES}
    parts = [f"{number} {OUTCOMES[outcome]}" for outcome, number in sums.items() if number or outcome != "error"]
    unfinished = "" if len(ran) == len(counts) else ", and a run of pytest that did not finish"
    return f"{', '.join(parts)}{unfinished} in {seconds:.0f} s"


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        return process.wait()  # Ctrl+C reached pytest too, and it shuts down by itself


def _end(process: subprocess.Popen[bytes]) -> None:
    """End `process` if it is still running because this one was asked to terminate."""
    if process.poll() is None:
        process.terminate()
        process.wait()
