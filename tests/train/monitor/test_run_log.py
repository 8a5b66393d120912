"""Metrics over steps and ranks, and the log that a killed run leaves behind."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from train.errors import TrainError
from train.monitor.run_log import Metrics, Tracker, read_log
from train.parallel import World

from ...support.sentences import refuses

pytestmark = pytest.mark.slow

ALONE = World(0, 1, 0, torch.device("cpu"))


def test_means_are_over_samples_and_last_is_last() -> None:
    metrics = Metrics("cpu")
    metrics.mean("loss/flow", torch.tensor([1.0, 2.0, 3.0], requires_grad=True))
    metrics.mean("loss/flow", torch.tensor(6.0))
    metrics.last("lr/student", 1e-4)
    metrics.last("lr/student", torch.tensor(2e-4))
    values = metrics.collect(ALONE)
    assert values == {"loss/flow": 3.0, "lr/student": pytest.approx(2e-4)}
    assert metrics.collect(ALONE) == {}


def test_losses_by_sigma_leave_empty_bins_out() -> None:
    metrics = Metrics("cpu")
    metrics.bins("loss", torch.tensor([1.0, 3.0]), torch.tensor([0.31, 0.39]))
    metrics.bins("loss", torch.tensor([5.0, 7.0]), torch.tensor([0.35, 1.0]))
    assert metrics.collect(ALONE) == {"loss/sigma_0.3": 3.0, "loss/sigma_0.9": 7.0}


def test_a_nan_stays_in_its_own_metric() -> None:
    metrics = Metrics("cpu")
    metrics.mean("a", float("nan"))
    metrics.mean("b", torch.tensor(1, dtype=torch.bfloat16))
    values = metrics.collect(ALONE)
    assert math.isnan(values["a"])
    assert values["b"] == 1.0


def _collect(rank: int, store: str, out: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    metrics = Metrics("cpu")
    metrics.mean("loss", torch.tensor([1.0, 2.0]) if rank == 0 else torch.tensor([6.0]))
    metrics.last("norm", float(rank))
    metrics.bins("binned", torch.tensor([4.0]), torch.tensor([0.05 + 0.9 * rank]))
    values = metrics.collect(World(rank, 2, rank, torch.device("cpu")))
    metrics.mean("loss" if rank else "gain", 1.0)
    with refuses(AssertionError, key="ranks record different names"):
        metrics.collect(World(rank, 2, rank, torch.device("cpu")))
    torch.save(values, f"{out}{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ranks are forks")
def test_two_ranks_see_the_same_averages(tmp_path: Path) -> None:
    files = (str(tmp_path / "store"), str(tmp_path / "rank"))
    torch.multiprocessing.start_processes(_collect, files, nprocs=2, start_method="fork")
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    assert first == second == {"loss": 3.0, "norm": 0.5, "binned/sigma_0.0": 4.0, "binned/sigma_0.9": 4.0}


def log_some(folder: Path, steps: range, resume_step: int, shift: float = 0.0) -> None:
    tracker = Tracker(folder, resume_step=resume_step)
    for step in steps:
        tracker.log(step, {"loss/flow": step / 3 + shift, "lr/student": 1e-7})
    tracker.image(steps[-1], "validation", np.full((8, 16, 3), 200, dtype=np.uint8))
    tracker.close()


def test_a_killed_run_leaves_no_duplicates(tmp_path: Path) -> None:
    log_some(tmp_path, range(1, 8), 0)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("8,loss/flow,2.6")  # torn off in mid-number
    assert read_log(tmp_path / "log.csv")["loss/flow"][0][-1] == 7
    log_some(tmp_path, range(5, 10), 4, shift=1.0)
    steps, values = read_log(tmp_path / "log.csv")["loss/flow"]
    assert steps == list(range(1, 10))
    assert values == [step / 3 + (step > 4) for step in steps]  # exactly what was logged
    assert read_log(tmp_path / "log.csv")["lr/student"][1] == [1e-7] * 9


def test_tensorboard_shows_the_same(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log_some(tmp_path, range(1, 8), 0)
    time.sleep(1 - time.time() % 1)  # TensorBoard orders files by the second that they begin in
    log_some(tmp_path, range(5, 10), 4, shift=1.0)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    scalars = events.Scalars("loss/flow")
    assert [event.step for event in scalars] == list(range(1, 10))
    assert [event.value for event in scalars] == pytest.approx([step / 3 + (step > 4) for step in range(1, 10)])
    assert [(image.step, image.width, image.height) for image in events.Images("validation")] == [(9, 16, 8)]


def test_a_fresh_start_forgets_an_old_log(tmp_path: Path) -> None:
    log_some(tmp_path, range(1, 8), 0)
    log_some(tmp_path, range(1, 3), 0)
    assert read_log(tmp_path / "log.csv")["loss/flow"][0] == [1, 2]


def test_values_are_on_disk_at_once(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, resume_step=0)
    tracker.log(1, {"loss": float("inf"), 'odd, "name"': 2.0})
    assert read_log(tmp_path / "log.csv") == {"loss": ([1], [math.inf]), 'odd, "name"': ([1], [2.0])}
    tracker.close()


@pytest.mark.parametrize(
    ("text", "key", "value", "remedy"),
    [
        ("a,b\n1,2\n", "log.csv", "['a', 'b']", "move the file"),
        ("step,name,value\n1,loss,high\n", "line 2", "'1,loss,high'", "repair"),
    ],
)
def test_a_file_that_is_not_a_log(tmp_path: Path, text: str, key: str, value: str, remedy: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        read_log(path)
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        Tracker(tmp_path, resume_step=3)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("module", "dashboards"), [("wandb", ["wandb"]), ("trackio", ["trackio"]), ("torch.utils.tensorboard", [])]
)
def test_what_is_not_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, dashboards: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as Python marks what cannot be imported
    package = module.rpartition(".")[2]
    with refuses(TrainError, key=package, value=module, remedy=f"pip install {package}"):
        Tracker(tmp_path, dashboards=dashboards, resume_step=0)


def test_trackio_has_the_same_run_after_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio")
    for resume, steps in ((0, range(1, 4)), (3, range(4, 6))):
        tracker = Tracker(tmp_path / "run", dashboards=["trackio"], resume_step=resume)
        for step in steps:
            tracker.log(step, {"validation/box_iou": step / 10})
        tracker.image(steps[-1], "validation", np.full((8, 16, 3), 200, dtype=np.uint8))
        tracker.close()
    (run,) = trackio.Api().runs("flashmotion")
    entries = trackio.SQLiteStorage.get_logs("flashmotion", run.name)
    logged = {entry["step"]: entry["validation/box_iou"] for entry in entries if "validation/box_iou" in entry}
    assert logged == {step: pytest.approx(step / 10) for step in range(1, 6)}
