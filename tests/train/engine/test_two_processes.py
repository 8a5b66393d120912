"""With every method, two processes train what one trains, and one resumes where two stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from train.data.encoded import EncodedClips
from train.engine import checkpoint

from ...support.small_runs import figures, final_state, prepared, trained_alike
from ...support.two_processes import run_two
from ...support.two_trainings import CASES, RESUMED, settings

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
    run_two("tests.support.two_trainings", clips.folder, folder, logs=folder)
    return folder


def same_figures(mine: dict[tuple[int, str], float], theirs: dict[tuple[int, str], float]) -> None:
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        if key[1] in ("drift/std", "gradient/dmd"):
            continue  # a root of a mean over the clips of one process
        assert theirs[key] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE), key


@pytest.mark.parametrize("case", list(CASES))
def test_two_processes_train_as_one(case: str, clips: EncodedClips, together: Path, tmp_path: Path) -> None:
    trainer = prepared(CASES[case][0], clips, tmp_path, config=settings(case, 4))
    trainer.run()
    same_figures(figures(tmp_path), figures(together / case))
    trained_alike(trainer, torch.load(together / f"{case}.pt"), TOLERANCE)


def test_one_process_continues_where_two_stopped(clips: EncodedClips, together: Path, tmp_path: Path) -> None:
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
