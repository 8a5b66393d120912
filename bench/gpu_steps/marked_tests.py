"""Run the tests marked gpu and write how each one went. Started by ``bench/on_gpu.py``.

python marked_tests.py [--rehearse] --out STEM [--work FOLDER]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

MARK = "pytest.mark.gpu"
REHEARSE = "FLASHMOTION_REHEARSE"
"""If set, tests marked gpu run on a CPU; see tests/support/order.py."""


def marked_files() -> list[Path]:
    """The files with tests marked gpu: the others may need packages that are not here."""
    return [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if MARK in path.read_text(encoding="utf-8")]


class Outcomes:
    """A plugin of pytest that writes every test's outcome as soon as it is known."""

    def __init__(self, stem: Path) -> None:
        self.stem = stem
        self.rows: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Called by pytest after set-up, call and tear-down of every test."""
        if report.when != "call" and report.outcome == "passed":
            return
        self._add(report, report.duration)

    def pytest_collectreport(self, report: Any) -> None:
        """Called by pytest after each file is collected; a file that cannot be imported, or is skipped, is a row."""
        if report.outcome != "passed":
            self._add(report, 0.0)

    def _add(self, report: Any, seconds: float) -> None:
        why = ""
        if report.outcome == "skipped":
            why = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        elif report.outcome == "failed":
            why = (report.longreprtext.strip().splitlines() or [""])[-1]
        self.rows.append({"test": report.nodeid, "outcome": report.outcome, "seconds": round(seconds, 2), "why": why})
        write(self.stem, self.rows)


def write(stem: Path, rows: list[dict[str, Any]]) -> None:
    """The outcomes as JSON and as a table."""
    from bench.gpu_steps.step_record import write_result

    counts = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in ("passed", "failed", "skipped")}
    lines = [", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + ".", ""]
    lines += ["| test | outcome | seconds | why |", "| --- | --- | --- | --- |"]
    for row in rows:
        why = row["why"].replace("|", "\\|").replace("\n", " ")[:300]
        lines.append(f"| {row['test']} | {row['outcome']} | {row['seconds']:.1f} | {why} |")
    write_result(stem, {"counts": counts, "tests": rows}, "\n".join(lines) + "\n")


def main() -> int:
    """Returns 0 if tests ran and none failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    if options.rehearse:
        os.environ[REHEARSE] = "1"
    import pytest

    outcomes = Outcomes(options.out)
    arguments = ["-q", "-m", "gpu", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *map(str, marked_files())]
    code = pytest.main(arguments, plugins=[outcomes])
    failed = [row["test"] for row in outcomes.rows if row["outcome"] == "failed"]
    if failed:
        print(f"failed: {', '.join(failed)}")
    elif code == 0 and not any(row["outcome"] == "passed" for row in outcomes.rows):
        print("every test was skipped.")
        return 1
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
