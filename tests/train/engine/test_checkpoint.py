"""Whatever happens while a checkpoint is written, the one before it is usable."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from train.engine import checkpoint
from train.engine.checkpoint_index import INDEX
from train.errors import TrainError
from train.parallel import World

from ...support.sentences import names, refuses

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ALONE = World(0, 1, 0, torch.device("cpu"))

SAVE_FOREVER = """
import os, sys
from pathlib import Path
import torch
from train.engine import checkpoint
from train.parallel import World

def save_forever(step):
    while True:
        step += 1
        state = {"model": {"w": torch.full((1 << 20,), float(step))}, "trainer": {"step": step}}
        checkpoint.save(Path(sys.argv[1]), step, state, World(0, 1, 0, torch.device("cpu")), keep=2)

torch.set_num_threads(1)
for line in sys.stdin:  # a fork of this process saves from this step until it is killed
    child = os.fork()
    if child == 0:
        save_forever(int(line))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

SAVE_BEYOND_THE_LIMIT = """
import resource, sys
from pathlib import Path
import torch
from train.engine import checkpoint
from train.errors import TrainError
from train.parallel import World
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
state = {"w": torch.zeros(1 << 20), "trainer": {}}
try:
    checkpoint.save(Path(sys.argv[1]), 2, state, World(0, 1, 0, torch.device("cpu")), keep=1)
except TrainError as error:
    print(error)
"""


def state_of(value: float, size: int = 1000) -> dict[str, Any]:
    return {
        "model": {"blocks.0.w": torch.full((size,), value), "half": torch.full((3, 5), value, dtype=torch.bfloat16)},
        "optimizer": {"blocks.0.w": {"step": torch.tensor(value)}},
        "empty": {},
        "trainer": {"value": value, "note": "f\u00fcr", "list": [1, None]},
    }


def check(folder: Path, step: int, value: float) -> None:
    state = state_of(0.0)
    kept = state["model"]["blocks.0.w"]
    assert checkpoint.load(folder, step, state, ALONE) == state_of(value)["trainer"]
    assert kept is state["model"]["blocks.0.w"]
    assert (kept == value).all()
    assert (state["model"]["half"] == value).all()
    assert state["optimizer"]["blocks.0.w"]["step"] == value


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_save_and_load(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "checkpoints"
    assert checkpoint.latest(folder) is None
    checkpoint.save(folder, 7, state_of(7.0), ALONE, keep=1)
    assert checkpoint.latest(folder) == 7
    check(folder, 7, 7.0)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 1_000_000):
        checkpoint.save(tmp_path, step, state_of(step), ALONE, keep=2)
    assert kept(tmp_path) == ["step_000010", "step_1000000"]
    assert checkpoint.latest(tmp_path) == 1_000_000
    # A run that went back to an earlier step deletes neither what it writes nor later checkpoints.
    checkpoint.save(tmp_path, 9, state_of(9.0), ALONE, keep=1)
    assert kept(tmp_path) == ["step_000009", "step_000010", "step_1000000"]
    check(tmp_path, 9, 9.0)


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        checkpoint.save(tmp_path, 3, state_of(value), ALONE, keep=1)
    assert kept(tmp_path) == ["step_000003"]
    check(tmp_path, 3, 2.0)


def test_a_part_can_be_loaded(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state_of(4.0), ALONE, keep=1)
    part = {"model": {"half": torch.zeros(3, 5, dtype=torch.bfloat16)}}
    assert checkpoint.load(tmp_path, 1, part, ALONE)["value"] == 4
    assert (part["model"]["half"] == 4).all()


def test_what_pickle_would_take_is_refused(tmp_path: Path) -> None:
    with refuses(AssertionError, key="state.model.note", value="is a str", remedy="not a tensor"):
        checkpoint.save(tmp_path, 1, {"model": {"note": "x"}, "trainer": {}}, ALONE, keep=1)


def run(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
def test_a_process_killed_while_saving(tmp_path: Path) -> None:
    last, interrupted = 0, 0
    forks = run(SAVE_FOREVER, str(tmp_path))
    assert forks.stdin
    assert forks.stdout
    for _ in range(6):
        print(last, file=forks.stdin, flush=True)
        process = int(forks.stdout.readline())
        end = time.monotonic() + 180
        while time.monotonic() < end:
            step = checkpoint.latest(tmp_path) or 0
            if step >= last + 2 and any(tmp_path.glob("step_*.part")):
                break
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
        assert int(forks.stdout.readline()) == -signal.SIGKILL
        found = checkpoint.latest(tmp_path)
        assert found is not None
        assert found >= last + 2
        last = found
        state = {"model": {"w": torch.zeros(1 << 20)}}
        assert checkpoint.load(tmp_path, last, state, ALONE) == {"step": last}
        assert (state["model"]["w"] == last).all()
        interrupted += any(tmp_path.glob("step_*.part"))
        if interrupted == 2:
            break
    forks.communicate(timeout=60)
    assert interrupted
    checkpoint.save(tmp_path, last + 1, state_of(1.0), ALONE, keep=1)
    assert kept(tmp_path) == [f"step_{last + 1:06d}"]


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    checkpoint.save(tmp_path, 1, state_of(1.0), ALONE, keep=1)
    said, _ = run(SAVE_BEYOND_THE_LIMIT, str(tmp_path)).communicate(timeout=180)
    names(said, key=f"the checkpoint {tmp_path / 'step_000002'} cannot be written (", remedy="free some space there")
    assert said.strip().endswith("the earlier checkpoints are kept.")
    assert kept(tmp_path) == ["step_000001"]
    check(tmp_path, 1, 1.0)


def test_a_full_disk(tmp_path: Path) -> None:
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        checkpoint.save(tmp_path, 1, state_of(1.0), ALONE, keep=1)
        for size in (1 << 18, 1 << 20):  # fails at the end, and in the middle
            reason = f"cannot be written ({os.strerror(errno.ENOSPC)})"
            with refuses(TrainError, key="step_000002", value=reason, remedy="free some space there"):
                checkpoint.save(tmp_path, 2, state_of(2.0, size), ALONE, keep=1)
            assert kept(tmp_path) == ["step_000001"]
        check(tmp_path, 1, 1.0)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refuses(TrainError, key="file/step_000001", value="cannot be written (", remedy="free some space there"):
        checkpoint.save(tmp_path / "file", 1, state_of(1.0), ALONE, keep=1)


def damage(path: Path, how: str) -> None:
    data = next(path.glob("*.distcp"))
    if how == "no metadata":
        (path / INDEX).unlink()
    elif how == "bad metadata":
        (path / INDEX).write_bytes(b"?")
    elif how == "no data":
        data.unlink()
    elif how == "short data":
        data.write_bytes(data.read_bytes()[:-2000])
    elif how == "bad trainer":
        (path / "trainer.json").write_text("{")


@pytest.mark.parametrize("how", ["no metadata", "bad metadata", "no data", "short data", "bad trainer"])
def test_a_damaged_checkpoint(tmp_path: Path, how: str) -> None:
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state_of(step), ALONE, keep=2)
    damage(tmp_path / "step_000002", how)
    remedy = "delete that folder to resume from an earlier one."
    with refuses(TrainError, key="step_000002", value="is damaged", remedy=remedy):
        checkpoint.load(tmp_path, 2, state_of(0.0), ALONE)
    assert checkpoint.latest(tmp_path) == (1 if how == "no metadata" else 2)
    check(tmp_path, 1, 1.0)


def test_other_shapes_or_names(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state_of(1.0), ALONE, keep=1)
    with refuses(TrainError, key="made with other settings", value="Size mismatch", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, state_of(0.0, size=999), ALONE)
    with refuses(TrainError, key="made with other settings", value="model.other", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, {"model": {"other": torch.zeros(1)}}, ALONE)
    with refuses(TrainError, key="step_000009", value="is damaged", remedy="delete that folder"):
        checkpoint.load(tmp_path, 9, state_of(0.0), ALONE)
