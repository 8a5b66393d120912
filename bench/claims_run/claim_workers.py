"""Workers: processes that each take the first part that is ready and that nobody has, until all is done or the time is over.

FOLDER/done/NAME     seconds that a part took
FOLDER/taken/NAME    a worker is at it
FOLDER/failed/NAME   why it failed; the next call tries again
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole
from tools.terminal import last_line

DONE, TAKEN, FAILED = "done", "taken", "failed"
POLL_SECONDS = 0.3
GRACE_SECONDS = 12
"""For workers to save what they are at when the time is over."""
QUICK = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_MODULE_LOADING": "LAZY",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
}
"""One thread for each of many processes, and float32 products in the tensor cores."""


def marks(folder: Path, kind: str) -> set[str]:
    """The names of the parts that have a mark of a kind."""
    return {file.name for file in (folder / kind).glob("*") if not file.name.endswith(".part")}


def work_until(folder: Path, names: Sequence[str], needs: dict[str, tuple[str, ...]], until: float, do: object) -> None:
    """Take parts and do them, by `do(name)`; returns when there is nothing left to take."""
    assert callable(do)
    while time.time() < until:
        done, failed = marks(folder, DONE), marks(folder, FAILED)
        lost = _lost(names, needs, failed)
        left = [name for name in names if name not in done and name not in lost]
        if not left:
            return
        ready = [name for name in left if all(need in done for need in needs[name])]
        name = next((name for name in ready if _take(folder, name)), None)
        if name is None:
            time.sleep(POLL_SECONDS)
            continue
        began = time.monotonic()
        try:
            do(name)
        except KeyboardInterrupt:
            return
        except Exception:
            write_whole(folder / FAILED / name, traceback.format_exc())
        else:
            write_whole(folder / DONE / name, f"{time.monotonic() - began:.1f}")
        (folder / TAKEN / name).unlink(missing_ok=True)


def _lost(names: Sequence[str], needs: dict[str, tuple[str, ...]], failed: set[str]) -> set[str]:
    """Parts that failed, and those that wait for them."""
    lost = {name for name in names if name in failed}
    while more := {name for name in names if name not in lost and any(need in lost for need in needs[name])}:
        lost |= more
    return lost


def _take(folder: Path, name: str) -> bool:
    try:
        with (folder / TAKEN / name).open("x", encoding="utf-8") as stream:
            stream.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def run_workers(folder: Path, command: Sequence[str], count: int, until: float) -> list[str]:
    """Start workers, each by a command with its number, and wait for them; those still there when the time is over are asked to save and end.

    Returns:
        What to say of each worker that died.
    """
    for kind in (DONE, TAKEN, FAILED, "results", "logs"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for kind in (TAKEN, FAILED):
        for name in marks(folder, kind):
            (folder / kind / name).unlink()
    logs = [(folder / "logs" / f"worker_{number}.txt").open("w", encoding="utf-8") for number in range(count)]
    workers = [
        subprocess.Popen(
            [sys.executable, *command, "--worker", str(number)], env={**QUICK, **os.environ}, stdout=log, stderr=log
        )
        for number, log in enumerate(logs)
    ]
    try:
        while any(worker.poll() is None for worker in workers) and time.time() < until:
            time.sleep(POLL_SECONDS)
    finally:
        left = [worker for worker in workers if worker.poll() is None]
        for worker in left:
            worker.terminate()
        for worker in left:
            try:
                worker.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
        for log in logs:
            log.close()
    return [
        f"worker {number} died: {last_line(Path(log.name).read_text(encoding='utf-8'), 'without a word')}"
        for number, (worker, log) in enumerate(zip(workers, logs, strict=True))
        if worker not in left and worker.returncode
    ]
