"""With every method, two processes train what one trains, and one resumes where two stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from train.data.encoded import EncodedClips
from train.engine import checkpoint

from ...support.small_runs import figures, final_state, prepared, trained_alike
from ...support.two_trainings import CASES, RESUMED, settings

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = 1e-5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS"),
]


@pytest.fixture(scope="module")
def together(clips: EncodedClips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes trained."""
    folder = tmp_path_factory.mktemp("two_trainings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    logs = [folder / f"{rank}.log" for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.two_trainings", str(clips.folder), str(folder)],
            cwd=ROOT,
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
        )
        for rank, log in enumerate(logs)
    ]
    try:
        codes = [process.wait(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], "\n".join(log.read_text()[-3000:] for log in logs)
    return folder


def same_figures(mine: dict[tuple[int, str], float], theirs: dict[tuple[int, str], float]) -> None:
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        if key[1].startswith("drift/std"):
            continue  # a spread over the clips of one process
        assert theirs[key] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE), key


@pytest.mark.parametrize("case", list(CASES))
def test_two_processes_train_as_one(case: str, clips: EncodedClips, together: Path, tmp_path: Path) -> None:
    trainer = prepared(CASES[case][0], clips, tmp_path, config=settings(case, 4))
    trainer.run()
    same_figures(figures(tmp_path), figures(together / case))
    trained_alike(trainer, torch.load(together / f"{case}.pt"), TOLERANCE)


def test_one_process_goes_on_where_two_stopped(clips: EncodedClips, together: Path, tmp_path: Path) -> None:
    stopped = [(together / f"interrupted.{rank}").read_text() for rank in range(2)]
    assert stopped == ["3", "3"], "both after the same iteration"
    assert checkpoint.latest(together / "interrupted/checkpoints") == 3
    method = CASES[RESUMED][0]
    whole = prepared(method, clips, tmp_path, config=settings(RESUMED, 4))
    whole.run()
    rest = prepared(method, clips, together / "interrupted", config=settings(RESUMED, 4))
    rest.run()
    assert rest.done == whole.done
    same_figures(figures(tmp_path), figures(together / "interrupted"))
    trained_alike(whole, final_state(rest), TOLERANCE)
