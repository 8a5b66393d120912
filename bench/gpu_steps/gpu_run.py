"""Run steps one after the other, each in a process that is ended at its limit, and keep what each one leaves."""

from __future__ import annotations

import datetime
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .card import slug
from .gpu_step import GRACE_S, LIMIT_S, GpuStep, Surroundings
from .step_record import StepRecord

ROOT = Path(__file__).resolve().parents[2]
TO_BE_CONTINUED = 75
"""The exit code of a step that has more to do in a later call (EX_TEMPFAIL)."""
POLL_S = 0.2


@dataclass
class GpuRun:
    """A run on one card.

    Attributes:
        there: the machine.
        results: the folder of this card's results.
        say: shows a line, or a part of one.
        limit_s: seconds after which a step is asked to end.
        grace_s: seconds after which it then is ended.
        minutes: no further step starts that might last longer than this many minutes in all; None for no bound.
    """

    there: Surroundings
    results: Path
    say: Callable[[str], None]
    limit_s: float = LIMIT_S
    grace_s: float = GRACE_S
    minutes: float | None = None
    started: float = field(default_factory=time.monotonic)

    def do(self, step: GpuStep, *, again: bool) -> StepRecord:
        """Run a step and write its record; a finished one only ``again``. Whatever goes wrong becomes its outcome."""
        before = StepRecord.read(self.results, step.name)
        if before is not None and before.outcome == "done" and not again:
            self.say(f"{step.name}: done before, on {before.date}.\n")
            return before
        lacking = step.lacks(self.there)
        if lacking:
            self.say(f"{step.name}: left out, {lacking}.\n")
            return StepRecord(step.name, step.title, "left out", lacking)
        if (
            self.minutes is not None
            and time.monotonic() - self.started + self.limit_s + self.grace_s > self.minutes * 60
        ):
            return before or StepRecord(step.name, step.title, "to do", f"no time in {self.minutes:g} minutes")
        self.say(f"\n{step.name}: {step.title}\n")
        return self._run(step)

    def _run(self, step: GpuStep) -> StepRecord:
        folder = self.there.work / step.name
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / "result"
        for old in (stem.with_suffix(".json"), stem.with_suffix(".md")):
            old.unlink(missing_ok=True)
        command = [self.there.python, *map(str, step.command(self.there, stem))]
        record = StepRecord(
            step.name,
            step.title,
            "running",
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            command=shlex.join(["python", *command[1:]]),
            card=self.there.card,
        )
        code, record.seconds = self._child(
            command, folder / "log.txt", lambda: record.write(self.results, stem, self._shorter())
        )
        record.write(self.results, stem, self._shorter())
        record.outcome, note = self._outcome(code, folder / "log.txt")
        needed = record.errors(step.must) if step.must else []
        if record.outcome == "done" and needed:
            record.outcome, note = "failed", needed[0]
        count = len(record.errors())
        rows = f"{count} row{'s' * (count > 1)} without a time" if count and not needed else ""
        record.note = "; ".join(filter(None, (note, step.reduced(self.there), rows)))
        record.write(self.results, stem, self._shorter())
        self.say(f"{step.name}: {record.outcome} after {record.seconds:.0f} s{record.note and ', ' + record.note}.\n")
        return record

    def _child(self, command: list[str], log: Path, keep: Callable[[], None]) -> tuple[int | None, float]:
        """Run a command to its end or limit, and show what it prints; returns its exit code, None if it was ended, and seconds."""
        started = time.monotonic()
        asked = False
        with log.open("w", encoding="utf-8") as out, log.open(encoding="utf-8", errors="replace") as shown:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            keep()
            try:
                while process.poll() is None:
                    time.sleep(POLL_S)
                    text = shown.read()
                    if text:
                        self.say(text)
                        keep()
                    seconds = time.monotonic() - started
                    if seconds > self.limit_s and not asked:
                        asked = True
                        _end(process, signal.SIGTERM)
                    if seconds > self.limit_s + self.grace_s:
                        break
            finally:
                # Also what the child started: a ComfyUI, a run of training.
                _end(process, getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()
            self.say(shown.read())
        # A step that has saved its work when asked to end says so.
        ended = asked and process.returncode != TO_BE_CONTINUED
        return None if ended else process.returncode, time.monotonic() - started

    def _shorter(self) -> dict[str, str]:
        """See ``StepRecord.write``; the longer path first."""
        comfyui = self.there.comfyui
        host = {} if comfyui is None else {str(comfyui): comfyui.name}
        return {**host, f"{self.there.work}{os.sep}": "", str(self.there.work): "runs/on_gpu", f"{ROOT}{os.sep}": ""}

    def _outcome(self, code: int | None, log: Path) -> tuple[str, str]:
        if code == 0:
            return "done", ""
        if code == TO_BE_CONTINUED:
            return "to be continued", "run the step again"
        if code is None:
            return "ended at its limit", f"{self.limit_s:g} s; results so far are kept"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"]
        return "failed", f"exit code {code}: {lines[-1][:300]}"


def _end(process: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to a process and all that it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.terminate()
    except (ProcessLookupError, PermissionError):
        pass  # it has ended


def results_folder(out: Path, there: Surroundings) -> Path:
    """The folder of a card's results."""
    return out / slug(there.card.get("name", "cpu"))
