"""The curves of all trainings and the seconds of all parts, thinned out, for the page."""

from __future__ import annotations

import json
from pathlib import Path

from flashmotion_core.files.whole_file import write_whole
from train.monitor.run_log import read_log

from .claim_workers import DONE, FAILED, marks

POINTS = 40
SHOWN = ("loss/", "gan/gap", "gan/accuracy", "lambda/value", "gradient/", "motion/", "time/step")


def write_curves(folder: Path) -> None:
    """Write `results/curves.json` and `results/parts.json`."""
    curves = {}
    for log in sorted([*folder.glob("trunk/phases/*/log.csv"), *folder.glob("arms/*/phases/*/log.csv")]):
        series = {
            name: _thinned(steps, values) for name, (steps, values) in read_log(log).items() if name.startswith(SHOWN)
        }
        name = log.parent.name if "trunk" in log.parts else log.parts[-4]
        curves[name] = series
    write_whole(folder / "results/curves.json", json.dumps(curves))
    parts = {name: float((folder / DONE / name).read_text(encoding="utf-8")) for name in sorted(marks(folder, DONE))}
    failed = {
        name: (folder / FAILED / name).read_text(encoding="utf-8")[-2000:] for name in sorted(marks(folder, FAILED))
    }
    write_whole(folder / "results/parts.json", json.dumps({"done": parts, "failed": failed}))


def _thinned(steps: list[int], values: list[float]) -> list[list[float]]:
    every = max(1, len(steps) // POINTS)
    return [[step, float(f"{value:.4g}")] for step, value in list(zip(steps, values, strict=True))[::every]]
