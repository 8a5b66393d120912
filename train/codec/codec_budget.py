"""What the codec's training decides before its first step: how many steps fit into its time, and how many threads are fastest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from flashmotion_core.files.whole_file import write_whole

from ..files import read_fields

FILE = "settled.json"
START_PART = 0.35
"""Largest share of a time budget for the first part."""
USABLE = 0.9
"""Share of a time budget for steps; the rest allows for checkpoints and a slower machine."""


@dataclass(frozen=True)
class Settled:
    """Steps in total, steps of the first part, and threads (0 if there is nothing to choose)."""

    steps: int
    start_steps: int
    threads: int


def read(folder: Path) -> Settled | None:
    """What the run decided before; None if it did not."""
    file = folder / FILE
    remedy = "delete it to settle the steps again"
    return Settled(**read_fields(file, remedy, steps=int, start_steps=int, threads=int)) if file.is_file() else None


def keep(folder: Path, settled: Settled) -> None:
    """Store it for a run that resumes."""
    write_whole(folder / FILE, json.dumps(asdict(settled)))


def fastest_threads(probe: Callable[[], float]) -> int:
    """All of torch's threads, or one.

    Every small operation waits for its slowest thread, so if other programs keep a core busy, two threads can be ten times as slow as one.
    torch is left with the faster choice.

    Args:
        probe: does a step with torch's current threads and returns its seconds.
    """
    seconds = {}
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        seconds[threads] = median(probe)
    best = min(seconds, key=lambda threads: seconds[threads])
    torch.set_num_threads(best)
    return best


def steps_that_fit(budget_seconds: float, steps: int, start_steps: int, first: float, second: float) -> tuple[int, int]:
    """(steps in total, steps of the first part): at most the given ones, at least one of each part. `first`, `second`: seconds per step."""
    left = USABLE * budget_seconds
    start = max(1, min(start_steps, int(START_PART * left / first)))
    return min(steps, start + max(1, int((left - start * first) / second))), start


def median(probe: Callable[[], float]) -> float:
    """Seconds of a step: the median of three, after one to warm up."""
    probe()
    return sorted(probe() for _ in range(3))[1]
