"""What a maker reads while training runs: the one place that writes to the terminal. ASCII only: Windows consoles may know no more."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

import torch

REDRAW_SECONDS = 0.25
MEMORY_OF_THE_RATE = 0.97
"""Weight that a step keeps in the moving average with each later step: about the last 30 count."""


def peak_memory(device: torch.device) -> int | None:
    """Most bytes held so far: by tensors on a CUDA device, otherwise by the whole process. None where nobody knows (Windows)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``42 s``, ``8 min``, ``1 h 05 min``, ``2 d 3 h``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def _number(value: float) -> str:
    return f"{value:.4f}" if 0.001 <= abs(value) < 1000 else f"{value:.3e}"


def _is_number(cell: str) -> bool:
    """Whether a cell is a number, with or without a unit behind it; an empty one and a dash count as such."""
    try:
        float(cell.split()[0].replace(",", "")) if cell.strip(" -") else None
    except ValueError:
        return False
    return True


class Console:
    """Lines, tables and progress on one stream.

    Args:
        stream: where to; standard output when left out.
        plain: log lines instead of one line that is rewritten. Left out: plain unless the stream is a terminal and neither
            NO_COLOR nor CI is set, nor TERM is ``dumb``.
    """

    def __init__(self, stream: TextIO | None = None, plain: bool | None = None) -> None:
        self._stream: TextIO | None = sys.stdout if stream is None else stream
        if plain is None:
            quiet = any(os.environ.get(name) for name in ("NO_COLOR", "CI")) or os.environ.get("TERM") == "dumb"
            plain = quiet or not self._stream.isatty()
        self.plain = plain
        self._live = 0  # characters of the line that is being rewritten

    @classmethod
    def silent(cls) -> Console:
        """A console that writes nothing: for every rank but the main one."""
        console = cls(plain=True)
        console._stream = None
        return console

    @property
    def width(self) -> int:
        """Columns that can be written without wrapping: Windows wraps as soon as the last one is filled."""
        return shutil.get_terminal_size().columns - 1

    def say(self, text: str) -> None:
        self._write(self._cleared() + text + "\n")

    def rule(self, title: str) -> None:
        """A title with a line behind it."""
        self.say(f"\n-- {title} ".ljust(min(self.width, 100) + 1, "-"))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns. Columns of numbers (below the first row, which may be headings) stand to the right."""
        assert len({len(row) for row in rows}) <= 1, "rows differ in length"
        columns = []
        for cells in zip(*rows, strict=True):
            width = max(map(len, cells))
            numbers = all(_is_number(cell) for cell in cells[1:]) and any(cell.strip(" -") for cell in cells[1:])
            columns.append([cell.rjust(width) if numbers else cell.ljust(width) for cell in cells])
        for line in zip(*columns, strict=True):
            self.say("  ".join(("", *line)).rstrip())

    def phase(self, title: str, total: int, *, start: int = 0, every: float = 20.0) -> Progress:
        """Progress of one phase; a context manager.

        Args:
            title: its name, first on the line.
            total: steps, clips, ... in all.
            start: how many an earlier run has done.
            every: seconds between log lines where the console is plain.
        """
        return Progress(self, title, total, start, every)

    def _live_line(self, text: str) -> None:
        line = text[: self.width]
        self._write("\r" + line.ljust(self._live))
        self._live = len(line)

    def _end_live_line(self) -> None:
        self._write("\n" if self._live else "")
        self._live = 0

    def _cleared(self) -> str:
        """What takes a live line away, so that another line can stand in its place."""
        blank = "\r" + " " * self._live + "\r" if self._live else ""
        self._live = 0
        return blank

    def _write(self, text: str) -> None:
        if self._stream is None or not text:
            return
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        # A path or a prompt may hold what the terminal's code page does not.
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


class Progress:
    """One phase's line; made by ``Console.phase``."""

    def __init__(self, console: Console, title: str, total: int, start: int, every: float) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._done = start
        self._pause = every if console.plain else REDRAW_SECONDS
        self._began = self._updated = time.monotonic()
        self._shown_at: float | None = None
        self._line = self._shown = ""
        self._seconds = self._steps = 0.0  # moving sums

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._line and self._line != self._shown:
            self._show(time.monotonic())
        self._console._end_live_line()

    def expect(self, total: int) -> None:
        """The number of steps turned out to be another one."""
        self._total = total

    def update(
        self,
        done: int,
        *,
        loss: float | None = None,
        seconds_per_step: float | None = None,
        peak_memory_bytes: int | None = None,
        waiting_share: float | None = None,
    ) -> None:
        """Say how far the phase is; whatever is None is not shown. Cheap: it draws only now and then.

        Args:
            done: steps done in all, those of an earlier run included.
            loss: the latest one.
            seconds_per_step: as the trainer measured it; left out, it is the moving average of the time between updates.
            peak_memory_bytes: see ``peak_memory``.
            waiting_share: share of the time spent waiting for data, 0 to 1.
        """
        now = time.monotonic()
        if done > self._done:
            kept = MEMORY_OF_THE_RATE ** (done - self._done)
            self._seconds = kept * self._seconds + now - self._updated
            self._steps = kept * self._steps + done - self._done
            self._done, self._updated = done, now
        # By the clock, not by the trainer's seconds: validation and checkpoints take their time too.
        average = self._seconds / self._steps if self._steps else None
        seconds = average if seconds_per_step is None else seconds_per_step
        parts = [f"{self._title}  {done:>{len(str(self._total))}}/{self._total}"]
        if loss is not None:
            parts.append(f"loss {_number(loss)}")
        if seconds is not None:
            parts.append(f"{seconds:.2g} s/step" if seconds < 9.95 else f"{seconds:.0f} s/step")
        if done >= self._total:
            parts.append(f"took {duration(now - self._began)}")
        elif average is not None:
            parts.append(f"ETA {duration(average * (self._total - done))}")
        if peak_memory_bytes is not None:
            parts.append(f"{peak_memory_bytes / 1e9:.1f} GB")
        if waiting_share is not None:
            parts.append(f"data {100 * waiting_share:.0f} %")
        self._line = "  ".join(parts)
        if self._shown_at is None or now - self._shown_at >= self._pause:
            self._show(now)

    def _show(self, now: float) -> None:
        (self._console.say if self._console.plain else self._console._live_line)(self._line)
        self._shown, self._shown_at = self._line, now
