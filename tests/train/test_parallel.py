"""Two processes train what one trains, and either can read the other's checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from train import parallel
from train.errors import TrainError
from train.parallel import World

from ..support import two_ranks
from ..support.sentences import refuses
from ..support.two_processes import run_two

ALONE = World(0, 1, 0, torch.device("cpu"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS"),
]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes wrote."""
    folder = tmp_path_factory.mktemp("two_ranks")
    run_two("tests.support.two_ranks", folder, logs=folder)
    return folder


def test_two_processes_train_as_one(together: Path) -> None:
    theirs = torch.load(together / "whole.pt")["trained"]
    ours = two_ranks.train_small(two_ranks.Training.new(ALONE))
    assert theirs.keys() == ours.keys()
    assert (ours["norms"] > 0.5).any()  # clipped
    for key, value in ours.items():
        torch.testing.assert_close(theirs[key], value, rtol=1e-6, atol=1e-6, msg=key)


def test_one_process_reads_the_checkpoint_of_two(together: Path) -> None:
    training = two_ranks.Training.new(ALONE, seed=5)
    assert training.load(together / "checkpoints", 2) == {"step": 2}
    theirs = torch.load(together / "whole.pt")["saved"]
    two_ranks.same(two_ranks.flat(training.state()), theirs)


def test_alone_nothing_is_collected_or_sharded() -> None:
    tensor = torch.tensor([1.0])
    assert parallel.mean_over_ranks(ALONE, tensor) == tensor
    assert parallel.sum_over_ranks(ALONE, tensor) is not tensor
    assert parallel.broadcast_object(ALONE, tensor) is tensor
    parallel.barrier(ALONE)
    linear = torch.nn.Linear(2, 2)
    parallel.shard(linear, [linear], ALONE, half=True)
    assert type(linear) is torch.nn.Linear


def test_start_without_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert parallel.start("cpu") == ALONE
    assert ALONE.is_main
    assert parallel.start("auto").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    parallel.stop()


@pytest.mark.parametrize(
    ("variables", "device", "key", "value", "remedy"),
    [
        ({"WORLD_SIZE": "two"}, "cpu", "WORLD_SIZE", "is 'two'", "must be a whole number; start with torchrun"),
        ({"WORLD_SIZE": "0"}, "cpu", "RANK is 0", "WORLD_SIZE, which is 0", "start with torchrun"),
        ({"WORLD_SIZE": "2"}, "cpu", "RANK is not set", "WORLD_SIZE is 2", "start several processes with torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "2", "LOCAL_RANK": "0"}, "cpu", "RANK is 2", "WORLD_SIZE, which is 2", "start with torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "-1", "LOCAL_RANK": "0"}, "cpu", "RANK", "is '-1'", "must be a whole number; start with torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}, "cpu", "MASTER_ADDR is not set", "WORLD_SIZE is 2", "start several processes"),
        ({"RANK": "1"}, "cpu", "RANK is 1", "WORLD_SIZE, which is 1", "start with torchrun"),
        ({}, "tpu", "device", "is 'tpu'", "must be auto, cpu or cuda"),
    ],
)  # fmt: skip
def test_start_refuses(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], device: str, key: str, value: str, remedy: str
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        parallel.start(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_said_in_a_sentence() -> None:
    with refuses(TrainError, key="device is cuda", value="torch finds no GPU here", remedy="set device to cpu"):
        parallel.start("cuda")
