"""``train/run_all.py --config tiny_gpu`` until it is done or this process is asked to end; a later call continues. Started by ``bench/on_gpu.py``.

python tiny_gpu_run.py [--rehearse] --out STEM --work FOLDER
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

MINUTES = "25"
"""The budget of the whole run, over all calls."""
STOPPED = 130
"""The exit code of a run that has saved a checkpoint when it was asked to stop."""


def progress(folder: Path) -> dict[str, Any]:
    """The phases that are done with their seconds, the last step of those that have begun, and the evaluation if there is one."""
    done = {}
    for file in sorted((folder / "phases").glob("*/done.json"), key=lambda path: path.stat().st_mtime):
        done[file.parent.name] = json.loads(file.read_text(encoding="utf-8"))["seconds"]
    begun = {}
    for log in (folder / "phases").glob("*/log.csv"):
        lines = log.read_text(encoding="utf-8").splitlines()
        if log.parent.name not in done and len(lines) > 1:
            begun[log.parent.name] = int(lines[-1].partition(",")[0])
    metrics = folder / "report/metrics.json"
    return {
        "done": done,
        "begun": begun,
        "metrics": json.loads(metrics.read_text(encoding="utf-8")) if metrics.is_file() else None,
    }


def markdown(found: dict[str, Any], folder: Path) -> str:
    """The phases as a table."""
    lines = ["| phase | state |", "| --- | --- |"]
    lines += [f"| {phase} | done in {seconds:.0f} s |" for phase, seconds in found["done"].items()]
    lines += [f"| {phase} | step {step} |" for phase, step in found["begun"].items()]
    name = folder.name
    lines += [
        "",
        f"The run folder is {name}, with its report in {name}/report/index.html."
        if found["metrics"]
        else "Not evaluated yet.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Returns 0 when the run is done, 75 if it is to be continued, or the exit code of a run that failed."""
    from bench.gpu_steps.gpu_run import TO_BE_CONTINUED
    from bench.gpu_steps.step_record import write_result

    parser = argparse.ArgumentParser()
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    name = "smoke" if options.rehearse else "tiny_gpu"
    folder = options.work / name
    # The run is in this process's group and gets the same SIGTERM; this process only waits for it.
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    more = ["device=cpu"] if options.rehearse else ["--budget", MINUTES]
    run = subprocess.Popen([sys.executable, ROOT / "train/run_all.py", "--config", name, "--run", folder, *more])
    while run.poll() is None:
        time.sleep(0.2)
    found = progress(folder)
    write_result(options.out, found, markdown(found, folder))
    # A phase without checkpoints is ended by the signal itself, and begins again.
    return TO_BE_CONTINUED if asked and run.returncode in (STOPPED, -signal.SIGTERM) else run.returncode


if __name__ == "__main__":
    sys.exit(main())
