"""What a codec's run settles before its first step and keeps: how many steps fit its time, and how many threads make them fastest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from flashmotion_core.whole_file import write_whole

FILE = "settled.json"
START_PART = 0.35
"""Most of a time budget that the first part may take."""
USABLE = 0.9
"""Part of a time budget for steps; the rest is for checkpoints and a slower machine."""


@dataclass(frozen=True)
class Settled:
    """Steps in all, those of the first part among them, and threads (0 where there is nothing to choose)."""

    steps: int
    start_steps: int
    threads: int


def read(folder: Path) -> Settled | None:
    """What the run settled before, if it did."""
    file = folder / FILE
    return Settled(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def keep(folder: Path, settled: Settled) -> None:
    """Write it down, for a run that goes on."""
    write_whole(folder / FILE, json.dumps(asdict(settled)))


def fastest_threads(probe: Callable[[], float]) -> int:
    """All of torch's threads, or one.

    Every small operation waits for its slowest thread, so where other programs keep a core busy, two threads can be ten times as slow as one.
    Leaves torch with the threads that won.

    Args:
        probe: seconds of a step with the threads that torch has.
    """
    seconds = {}
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        seconds[threads] = median(probe)
    best = min(seconds, key=lambda threads: seconds[threads])
    torch.set_num_threads(best)
    return best


def steps_that_fit(budget_seconds: float, steps: int, start_steps: int, first: float, second: float) -> tuple[int, int]:
    """(steps in all, of the first part), at most those given and at least one of either part; `first`, `second`: seconds of their steps."""
    left = USABLE * budget_seconds
    start = max(1, min(start_steps, int(START_PART * left / first)))
    return min(steps, start + max(1, int((left - start * first) / second))), start


def median(probe: Callable[[], float]) -> float:
    """Seconds of a step: the median of three after one that warms up."""
    probe()
    return sorted(probe() for _ in range(3))[1]
