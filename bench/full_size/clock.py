"""Time and memory on a device: warm-up, device events on CUDA, medians; and the device's own rate of matrix products."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

Mark = Callable[[], None]
Work = Callable[[Mark], object]
"""The timed work; it may call its argument to end one part and begin the next."""


@dataclass
class Timing:
    """Times and memory of repeated runs of one piece of work.

    Attributes:
        parts: seconds of each part, per run; a run without marks has one part.
        peak_bytes: peak memory that torch allocated on the device during the work, models included; None on a CPU.
    """

    parts: list[list[float]] = field(default_factory=list)
    peak_bytes: int | None = None

    @property
    def seconds(self) -> float:
        """Median of the runs."""
        return statistics.median(map(sum, self.parts))

    @property
    def part_seconds(self) -> list[float]:
        """Median of every part over the runs."""
        return [statistics.median(part) for part in zip(*self.parts, strict=True)]


class Clock:
    """Runs work and measures it."""

    def __init__(self, device: torch.device, warm_up: int, repeat: int, patience: float = math.inf) -> None:
        """Measure on a device.

        Args:
            device: where the work runs.
            warm_up: unmeasured runs beforehand.
            repeat: measured runs; the median counts.
            patience: seconds of measured runs after which no further run starts.
        """
        self.device, self.warm_up, self.repeat, self.patience = device, warm_up, repeat, patience
        self.cuda = device.type == "cuda"

    def measure(self, work: Work) -> Timing:
        """Time and peak memory of the work, with gradients off."""
        timing = Timing()
        with torch.no_grad():
            for _ in range(self.warm_up):
                work(lambda: None)
            if self.cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            while len(timing.parts) < self.repeat and sum(map(sum, timing.parts)) <= self.patience:
                timing.parts.append(self._run(work))
        if self.cuda:
            timing.peak_bytes = torch.cuda.max_memory_allocated()
        return timing

    def _run(self, work: Work) -> list[float]:
        marks: list[Any] = []

        def mark() -> None:
            if self.cuda:
                marks.append(torch.cuda.Event(enable_timing=True))
                marks[-1].record()
            else:
                marks.append(time.perf_counter())

        mark()
        work(mark)
        mark()
        if self.cuda:
            torch.cuda.synchronize()
            return [before.elapsed_time(after) / 1000 for before, after in pairwise(marks)]
        return [after - before for before, after in pairwise(marks)]

    def free(self) -> None:
        """Free memory that is no longer used."""
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()


def matmul_rate(device: torch.device) -> dict[str, Any]:
    """The device's practical peak: FLOP per second of one large square matrix product (bf16 on CUDA, float32 on a CPU).

    Returns:
        ``size``, ``dtype`` and ``flops`` (per second, the median of 10 products).
    """
    cuda = device.type == "cuda"
    size, dtype = (8192, torch.bfloat16) if cuda else (1024, torch.float32)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds = Clock(device, warm_up=3, repeat=10).measure(lambda _: a @ b).seconds
    return {"size": size, "dtype": str(dtype).removeprefix("torch."), "flops": 2 * size**3 / seconds}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's (or the computer's) memory is full."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "not enough memory" in text)
    )
