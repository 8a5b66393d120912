"""A run folder with files that are not what they should be, or that another process works in: one sentence each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from train import parallel
from train.codec import codec_budget
from train.codec.codec_checkpoint import BEFORE, CHECKPOINT
from train.config.load import load
from train.errors import TrainError
from train.files import read_fields
from train.folder_lock import FILE, GONE_SECONDS, held, holder
from train.monitor.console import Console
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Phase, Run
from train.story import run_phases

from ..support.sentences import refuses

NOT_WHAT_THEY_SHOULD_BE = [
    "[]",
    "null",
    "3",
    "{}",
    '{"fingerprint": 3}',
    '{"fingerprint": "f", "seconds": "soon"}',
    "[" * 99_999,
    "{",
]


def a_phase(folder: Path, work: object = None) -> tuple[Run, Phase]:
    run = Run(load("smoke"), folder, parallel.start("cpu"), Console.silent())
    made = folder / "made"

    def do() -> None:
        if callable(work):
            work()
        made.touch()

    return run, Phase("stage1_resnet", "a phase", "f", [made], [], do)


@pytest.mark.parametrize("text", NOT_WHAT_THEY_SHOULD_BE)
def test_a_damaged_done_file_lets_the_phase_be_done_again(text: str, tmp_path: Path) -> None:
    run, phase = a_phase(tmp_path)
    run.phase_folder(phase.name).mkdir(parents=True)
    done = run.phase_folder(phase.name) / "done.json"
    done.write_text(text)
    (tmp_path / "made").touch()
    assert run.state(phase) == "begun"
    run.do(phase)
    assert run.state(phase) == "done"
    assert json.loads(done.read_text())["fingerprint"] == "f"


@pytest.mark.parametrize("text", NOT_WHAT_THEY_SHOULD_BE)
def test_damaged_notes_are_one_sentence(text: str, tmp_path: Path) -> None:
    run, _ = a_phase(tmp_path)
    for folder, name in ((run.phase_folder("data"), "settled_train.json"), (tmp_path, "settled.json")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with refuses(TrainError, key="settled_train.json", value="is damaged", remedy="delete it"):
        Artifacts(run).settled_count("train")
    with refuses(TrainError, key="settled.json", value="is damaged", remedy="delete it"):
        codec_budget.read(tmp_path)


def test_fields_of_the_right_kind_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"count": 3, "on": true, "name": "x"}')
    assert read_fields(tmp_path / "a.json", "", count=int, name=str) == {"count": 3, "name": "x"}
    with refuses(TrainError, key="a.json", value="on is True", remedy="delete it"):
        read_fields(tmp_path / "a.json", "delete it", on=int)


def test_yaml_that_stands_for_billions_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bombs = {"bomb": "\n".join(lines), "itself": "a: &a [*a]", "deep": "a: " + "[" * 5000}
    for name, text in bombs.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        started = time.monotonic()
        with refuses(TrainError, key=f"{name}.yaml"):
            load(str(tmp_path / f"{name}.yaml"))
        assert time.monotonic() - started < 5
    with refuses(TrainError, key="name", value="nested without end", remedy="correct it"):
        load("smoke", [f"name={'[' * 5000}"])


# A full disk


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
def test_a_full_disk_in_any_phase_is_one_sentence(tmp_path: Path) -> None:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def save() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limit[1]))
        try:
            torch.save({"a": torch.zeros(100_000)}, tmp_path / "checkpoint.pt")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    run, phase = a_phase(tmp_path, save)
    with refuses(TrainError, key="stage1_resnet", value="could not be written", remedy="free some space"):
        run.do(phase)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
def test_a_full_disk_in_the_codec_phase_loses_no_checkpoint(tmp_path: Path) -> None:
    import resource

    small = "{clips: 2, size: [64, 64], clip_frames: 5, frames: 5, crop: 32, batch: 2, steps: 3, start_steps: 1, checkpoint_every: 1}"
    run = Run(load("smoke", [f"codec={small}"]), tmp_path, parallel.start("cpu"), Console.silent())
    phase = next(one for one in run_phases(run) if one.name == "codec")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
    try:
        with refuses(
            TrainError, key="codec cannot read or write", value="could not be written", remedy="free some space"
        ):
            run.do(phase)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    left = {path.name for path in run.phase_folder("codec").rglob("*") if path.is_file()}
    assert not [name for name in left if name.endswith(".part") or name.startswith("checkpoint")], left
    run.do(phase)
    assert run.state(phase) == "done"
    assert {CHECKPOINT, BEFORE} <= {path.name for path in run.phase_folder("codec").iterdir()}


# Two runs in one folder


def test_two_runs_in_one_folder_are_one_sentence(tmp_path: Path) -> None:
    run, phase = a_phase(tmp_path)
    folder = run.phase_folder(phase.name)
    code = f"""
import sys, time
from pathlib import Path
from train.folder_lock import held
with held(Path({str(folder)!r}), "x"):
    print("held", flush=True)
    sys.stdin.readline()
"""
    root = Path(__file__).resolve().parents[2]
    other = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with refuses(
        TrainError, key=f"stage1_resnet in {tmp_path}", value=f"process {other.pid} on", remedy="use another --run"
    ):
        run.do(phase)
    with refuses(TrainError, key="--redo is stage1_resnet", value=f"process {other.pid} on", remedy="stop it"):
        run.redo(phase)
    other.kill()  # without a chance to tidy up
    other.wait()
    assert (folder / FILE).is_file()
    assert holder(folder) is None
    run.do(phase)
    assert not (folder / FILE).exists()


def test_a_lock_of_another_machine_ends_with_its_beats(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "noon"}))
    assert holder(tmp_path) == "process 1 on elsewhere, since noon"
    old = time.time() - GONE_SECONDS - 1
    os.utime(tmp_path / FILE, (old, old))
    assert holder(tmp_path) is None
    (tmp_path / FILE).write_text("[")
    assert "unknown" in (holder(tmp_path) or "")
    (tmp_path / FILE).write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": "noon"}))
    with held(tmp_path, "a thing"):  # in a container, the process after a restart has the number of the one before
        assert (tmp_path / FILE).is_file()
