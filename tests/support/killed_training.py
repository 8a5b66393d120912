"""The process that test_resume.py kills; not a test itself: python -m tests.support.killed_training CLIPS FOLDER

Trains a small stage 3 in a child that is killed, again and again, at random moments and while it writes a checkpoint; then to its end. Says how
many kills there were, and how many of them left an unfinished checkpoint.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from train.data.encoded import EncodedClips
from train.engine.checkpoint import latest

from .small_runs import final_state, prepared

CHANGES = {"stage3": {"steps": 10, "gan": {"heads": 1}}, "checkpoints": {"every": 1}}
KILLS = 4


def train(clips: Path, folder: Path) -> int:
    """Resume where the last process was killed; returns the exit code."""
    try:
        trainer = prepared("hybrid_resnet", EncodedClips(clips, text_dim=8), folder, config=CHANGES)
        trainer.run()
        torch.save(final_state(trainer), folder / "final.pt")
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def start(clips: Path, folder: Path) -> int:
    """Start a process that trains and return its number; a fork, which need not import everything again."""
    child = os.fork()
    if child == 0:
        os._exit(train(clips, folder))
    return child


def ended(child: int) -> bool:
    return os.waitpid(child, os.WNOHANG)[0] == child


def kill(child: int, folder: Path, moment: float, while_saving: bool) -> bool:
    """Wait for progress and for the moment, then kill; returns whether the process was still alive."""
    checkpoints = folder / "checkpoints"
    before, end = latest(checkpoints) or 0, time.monotonic() + 180
    while (latest(checkpoints) or 0) <= before and time.monotonic() < end:
        if ended(child):
            return False
        time.sleep(0.002)
    time.sleep(moment)
    while while_saving and not any(checkpoints.glob("step_*.part/*")) and time.monotonic() < end:
        if ended(child):
            return False
    if ended(child):
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main(clips: Path, folder: Path) -> int:
    torch.set_num_threads(1)
    draw = random.Random(0)
    kills = unfinished = 0
    for attempt in range(KILLS):
        moment = draw.uniform(0, 0.15)
        if not kill(start(clips, folder), folder, moment, while_saving=attempt % 2 == 1):
            break
        kills += 1
        unfinished += any((folder / "checkpoints").glob("step_*.part"))
    code = os.waitstatus_to_exitcode(os.waitpid(start(clips, folder), 0)[1])
    print(f"kills {kills} unfinished {unfinished}")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
