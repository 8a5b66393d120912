"""What a maker reads while training runs: the one place that writes to the terminal.

`rich` draws in a terminal. Logs are our own: `rich` shows no progress where it cannot redraw a line.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

import torch
from rich.console import Console as RichConsole
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text as Words

REDRAW_SECONDS = 0.25
RATE_MEMORY = 0.97
"""Weight that a step keeps in the moving average with each later step, so about the last 30 count."""
LOG_WIDTH = 10_000
"""Columns of a log: nothing in it is wrapped."""
RULE_WIDTH, LONGEST_BAR, SHORTEST_BAR = 100, 30, 8


def peak_memory(device: torch.device) -> int | None:
    """Most bytes held since ``forget_peak_memory``, by tensors on a CUDA device or else by the whole process; None on Windows, which does not
    say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB


def forget_peak_memory(device: torch.device) -> None:
    """Let ``peak_memory`` start again, with what is held now; on a CPU only where Linux can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with contextlib.suppress(OSError):  # a container may forbid it
            Path("/proc/self/clear_refs").write_text("5")


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``8 min``, ``1 h 05 min``, ``2 d 3 h``."""
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
    """Whether a cell is a number, with or without a unit; an empty cell and a dash count as numbers."""
    try:
        float(cell.split()[0].replace(",", "")) if cell.strip(" -") else None
    except ValueError:
        return False
    return True


class Console:
    """Lines, tables and progress on one stream.

    Args:
        stream: where to write; standard output by default.
        plain: write log lines instead of redrawing one line. By default plain unless the stream is a terminal, neither
            NO_COLOR nor CI is set, and TERM is not ``dumb``.
    """

    def __init__(self, stream: TextIO | None = None, plain: bool | None = None) -> None:
        stream = sys.stdout if stream is None else stream
        if plain is None:
            quiet = any(os.environ.get(name) for name in ("NO_COLOR", "CI")) or os.environ.get("TERM") == "dumb"
            plain = quiet or not stream.isatty()
        if isinstance(stream, io.TextIOWrapper):
            # A path or a prompt may hold characters that the terminal's code page lacks.
            stream.reconfigure(errors="backslashreplace")
        self.plain = plain
        self._rich = RichConsole(
            file=stream,
            force_terminal=not plain,
            force_jupyter=False,
            width=LOG_WIDTH if plain else None,
            markup=False,
            emoji=False,
            highlight=False,
        )

    @classmethod
    def silent(cls) -> Console:
        """A console that writes nothing, for every rank but the main one."""
        console = cls(plain=True)
        console._rich.quiet = True
        return console

    def say(self, text: str) -> None:
        """Write a line; the terminal wraps a long one, so that copying it gives one line again."""
        self._rich.print(text, soft_wrap=True)

    def rule(self, title: str) -> None:
        """Write a title followed by a line."""
        line = Rule(Words(title, style="bold"), align="left", characters="-" if self.plain else "\u2500", style="dim")
        self._rich.print()
        self._rich.print(line, width=min(self._rich.width, RULE_WIDTH))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write aligned columns. A column whose cells below the first row are numbers is aligned to the right."""
        assert len({len(row) for row in rows}) <= 1, "rows differ in length"
        grid = Grid(box=None, show_header=False, padding=(0, 0, 0, 2))
        for cells in zip(*rows, strict=True):
            numbers = all(map(_is_number, cells[1:])) and any(cell.strip(" -") for cell in cells[1:])
            grid.add_column(justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            grid.add_row(*row)
        for line in self._rich.render_lines(grid, pad=False):
            self.say("".join(segment.text for segment in line).rstrip())

    def phase(self, title: str, total: int, *, start: int = 0, every: float = 20.0) -> ProgressLine:
        """Progress of one phase; a context manager.

        Args:
            title: its name, first on the line.
            total: all steps, clips, ...
            start: how many of them an earlier run has done.
            every: seconds between the lines of a log.
        """
        return ProgressLine(self, title, total, start, every)


class ProgressLine:
    """One phase's progress; made by ``Console.phase``."""

    def __init__(self, console: Console, title: str, total: int, start: int, every: float) -> None:
        self._console = console
        self._live = Live(console=console._rich, auto_refresh=False)
        self._title = title
        self._total = total
        self._done = start
        self._pause = every if console.plain else REDRAW_SECONDS
        self._began = self._updated = time.monotonic()
        self._shown_at: float | None = None
        self._facts = self._shown = ""
        self._seconds = self._steps = 0.0  # moving sums

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._facts != self._shown:
            self._show(time.monotonic())
        self._live.stop()

    def expect(self, total: int) -> None:
        """Correct the number of steps."""
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
        """Say how far the phase is; what is None is not shown. Cheap: it draws only now and then.

        Args:
            done: all steps done, those of an earlier run included.
            loss: the latest one.
            seconds_per_step: as the trainer measured it; by default the moving average of the time between updates.
            peak_memory_bytes: see ``peak_memory``.
            waiting_share: share of the time spent waiting for data, 0 to 1.
        """
        now = time.monotonic()
        if done > self._done:
            kept = RATE_MEMORY ** (done - self._done)
            self._seconds = kept * self._seconds + now - self._updated
            self._steps = kept * self._steps + done - self._done
            self._done, self._updated = done, now
        # The clock decides, not the trainer's seconds: validation and checkpoints take time too.
        average = self._seconds / self._steps if self._steps else None
        seconds = average if seconds_per_step is None else seconds_per_step
        facts = [f"{done:>{len(str(self._total))}}/{self._total}"]
        if loss is not None:
            facts.append(f"loss {_number(loss)}")
        if seconds is not None:
            facts.append(f"{seconds:.2g} s/step" if seconds < 9.95 else f"{seconds:.0f} s/step")
        if done >= self._total:
            facts.append(f"took {duration(now - self._began)}")
        elif average is not None:
            facts.append(f"ETA {duration(average * (self._total - done))}")
        if peak_memory_bytes is not None:
            facts.append(f"{peak_memory_bytes / 1e9:.1f} GB")
        if waiting_share is not None:
            facts.append(f"data {100 * waiting_share:.0f} %")
        self._facts = "  ".join(facts)
        if self._shown_at is None or now - self._shown_at >= self._pause:
            self._show(now)

    def _show(self, now: float) -> None:
        if self._console.plain:
            self._console.say(f"{self._title}  {self._facts}")
        else:
            if not self._live.is_started:
                self._live.start()
                self._console._rich.show_cursor(True)  # a killed run would leave it hidden
            self._live.update(self._line(), refresh=True)
        self._shown, self._shown_at = self._facts, now

    def _line(self) -> Grid | Words:
        """Title, bar and facts; without the bar where the terminal has no room for it."""
        words = Words(f"{self._title}  {self._facts}", no_wrap=True, overflow="crop")
        room = min(LONGEST_BAR, self._console._rich.width - words.cell_len - 2)
        if room < SHORTEST_BAR:
            return words
        grid = Grid.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(self._total, self._done, room, complete_style="cyan", finished_style="green")
        grid.add_row(Words(self._title, style="bold"), bar, Words(self._facts))
        return grid
