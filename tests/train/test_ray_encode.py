"""Encoding on Ray: the same files as without it. With two real workers where it is installed (`pip install "ray[data]"`; tried with 2.60)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from train.command import main
from train.config.load import load
from train.data.synthetic_source import SyntheticSource
from train.errors import TrainError
from train.launch import ray_encode

from ..support.encoding import hashes
from ..support.sentences import names

VAE = Path(__file__).resolve().parents[2] / "assets/tiny/vae/flashmotion_tiny_vae.safetensors"
OPTIONS = ["--config", "smoke", f"models.vae={VAE}", "data.train.count=5", "data.evaluation.count=1"]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ray on this machine, with little memory."""
    pytest.importorskip("ray.data", reason='pip install "ray[data]" to try it')
    monkeypatch.setenv("RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES", "150000000")
    package = importlib.import_module("ray")
    yield package
    package.shutdown()


@pytest.mark.slow
def test_two_workers_on_ray_encode_what_one_process_does(
    ray: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*OPTIONS, "--run", str(tmp_path / "alone")], until="data") == 0
    command = ["--workers", "2", "--cpu", *OPTIONS, "--run", str(tmp_path / "ray")]
    assert ray_encode.main(command) == 0
    for split in ("train", "eval"):
        assert hashes(tmp_path / f"ray/data/{split}") == hashes(tmp_path / f"alone/data/{split}")
    assert not (tmp_path / "ray/phases/base").exists()
    # What is lost or damaged is made again, by Ray too, and nothing else.
    clips = sorted((tmp_path / "ray/data/train").glob("*.safetensors"))
    before = {clip.name: clip.stat().st_mtime_ns for clip in clips}
    clips[0].unlink()
    clips[1].write_bytes(clips[1].read_bytes()[:-9])
    assert ray_encode.main(command) == 0
    assert hashes(tmp_path / "ray/data/train") == hashes(tmp_path / "alone/data/train")
    assert {clip.name for clip in clips if clip.stat().st_mtime_ns != before[clip.name]} == {
        clips[0].name,
        clips[1].name,
    }
    # The run continues without Ray.
    capsys.readouterr()
    assert main([*OPTIONS, "--run", str(tmp_path / "ray")], until="data") == 0
    assert "data: done before" in capsys.readouterr().out


def test_a_run_ends_with_a_phase_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*OPTIONS, "--run", str(tmp_path), "--dry-run", "--until"]
    assert main([*command, "data"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line.split()[0] for line in lines if line.endswith("to do")] == ["data"]
    assert len([line for line in lines if line.endswith("left out")]) == 8
    assert main([*command, "nothing"]) == 1
    names(
        capsys.readouterr().out.splitlines()[-1],
        key="--until is 'nothing'",
        value="no such phase",
        remedy="use one of data",
    )


def test_without_ray_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert ray_encode.main(["--workers", "2", "--config", "smoke"]) == 1
    names(capsys.readouterr().err, key="encoding on Ray", value="ray", remedy="pip install")
    with pytest.raises(SystemExit):
        ray_encode.main(["--workers", "0"])


@pytest.mark.parametrize("says", ["", "the disk is full"])
def test_a_worker_says_what_could_not_be_encoded(says: str, tmp_path: Path) -> None:
    source = SyntheticSource(1, 3, "easy", (64, 64), 9)
    config = load("smoke", [f"models.vae={VAE}"])
    worker = ray_encode.Encoder(config, tmp_path, source, tmp_path / "clips", "f", "cpu")

    def crew(indices: Sequence[int]) -> Generator[tuple[int, str | None], None, None]:
        yield indices[0], None
        yield indices[1], "it is damaged"
        if says:
            raise TrainError(says)
        yield indices[2], None

    worker.crew = crew
    done = worker({"index": [7, 8, 9]})
    assert done == {"index": [7, 8, 9], "problem": ["", "it is damaged", ""], "failure": [says] * 3}


def test_what_a_worker_died_of_is_one_line() -> None:
    """Ray wraps an error in others, with the tracebacks of each in their text."""
    inner = TrainError("the disk of the worker is full; free some space.")
    middle = RuntimeError("ray::Encoder()\n  File x\nTrainError: the disk")
    middle.cause = inner  # type: ignore[attr-defined]
    outer = RuntimeError("user code failed")
    outer.__cause__ = middle
    assert ray_encode.reason_of(outer) == "the disk of the worker is full; free some space"
    assert ray_encode.reason_of(RuntimeError("one\n  two.\n\n")) == "two"
    assert ray_encode.reason_of(RuntimeError()) == "RuntimeError"


@pytest.mark.slow
def test_a_worker_that_cannot_begin_is_one_sentence(
    ray: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("this machine has no codec")

    monkeypatch.setattr(ray_encode.Encoder, "__init__", broken)
    assert ray_encode.main(["--workers", "1", "--cpu", *OPTIONS, "--run", str(tmp_path)]) == 1
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error: ")]
    names(said[0], key="encoding on Ray failed", value="this machine has no codec", remedy="run the command again")
    assert ray_encode.main(["--workers", "1", *OPTIONS, "--run", str(tmp_path)]) == 1
    names(capsys.readouterr().err, key="Ray", value="0 GPUs", remedy="--cpu")


def test_a_worker_is_no_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("RANK", "3")
    source = SyntheticSource(1, 2, "easy", (64, 64), 9)
    config = load("smoke", [f"models.vae={VAE}"])
    (tmp_path / "clips").mkdir()
    worker = ray_encode.Encoder(config, tmp_path, source, tmp_path / "clips", "f", "cpu")
    assert worker({"index": [0, 1]})["failure"] == ["", ""]
    assert len(list((tmp_path / "clips").glob("*.safetensors"))) == 2
