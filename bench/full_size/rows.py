"""The rows of a report, one measurement each; a failure becomes a row too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from .clock import Clock, Timing, Work, is_out_of_memory


@dataclass
class SpeedRow:
    """One measurement.

    Attributes:
        group: ``parts`` (of a clip, beside denoising), ``denoise``, ``job`` or ``peers``.
        name: what was measured.
        size: ``height x width x frames``; empty if it does not matter.
        settings: ``dtype``, ``mode`` (eager, compiled), ``adapter``, ``vae``, ``host`` where they matter; ``attention`` if it
            is not the one that ``auto`` takes.
        seconds: median; None if it failed.
        parts: medians of its parts, such as each denoising step.
        runs: measured runs.
        flops: FLOPs by the work's definition; None if not counted.
        peak_bytes: peak memory on the device, models included; None on a CPU.
        error: why the time is missing.
    """

    group: str
    name: str
    size: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    parts: list[float] = field(default_factory=list)
    runs: int = 0
    flops: int | None = None
    peak_bytes: int | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return asdict(self)


class Recorder:
    """Measures, keeps the rows, and continues when memory runs out."""

    def __init__(self, clock: Clock, say: Callable[[str], None], memory: float | None = None) -> None:
        """Start without rows.

        Args:
            clock: measures.
            say: called with one line for every row.
            memory: bytes of the GPU that may be used; None for all.
        """
        self.clock, self.say, self.memory = clock, say, memory
        self.rows: list[SpeedRow] = []

    def measure(self, row: SpeedRow, make: Callable[[], Work]) -> SpeedRow:
        """Prepare and time a piece of work; a full memory becomes the row's error.

        Args:
            row: the known fields; completed and kept.
            make: returns the work; may itself need memory.
        """
        try:
            self._fill(row, self.clock.measure(make()))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            row.error = self.full_memory()
        self.rows.append(row)
        self.clock.free()
        self.say(text(row))
        return row

    @staticmethod
    def _fill(row: SpeedRow, timing: Timing) -> None:
        row.seconds, row.runs, row.peak_bytes = timing.seconds, len(timing.parts), timing.peak_bytes
        row.parts = timing.part_seconds if len(timing.parts[0]) > 1 else []

    @contextmanager
    def guard(self, rows: Sequence[SpeedRow]) -> Iterator[None]:
        """Within it, a full memory ends the block but not the run; every one of ``rows`` then says so."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            for row in rows:
                self.failed(row, self.full_memory())

    def failed(self, row: SpeedRow, error: str) -> None:
        """Keep a row that could not be measured."""
        row.error = error
        self.rows.append(row)
        self.clock.free()
        self.say(text(row))

    def show(self, row: SpeedRow) -> None:
        """Print a row that was measured elsewhere."""
        self.say(text(row))

    def full_memory(self) -> str:
        """One sentence that says memory ran out."""
        if not self.clock.cuda:
            return "not enough memory on this computer."
        if self.memory is not None:
            return f"not enough memory: more than the {self.memory / 1e9:.0f} GB that --memory allows."
        total = torch.cuda.get_device_properties(0).total_memory
        return f"not enough memory: more than this card's {total / 1e9:.0f} GB."


def text(row: SpeedRow) -> str:
    """A row as one line on the console."""
    what = ", ".join(part for part in (row.size, *row.settings.values()) if part)
    result = row.error if row.seconds is None else f"{row.seconds:.4g} s"
    memory = "" if row.peak_bytes is None else f", {row.peak_bytes / 1e9:.3g} GB"
    return f"{row.name:<34}{what:<52}{result}{memory}"
