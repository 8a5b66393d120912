"""What the phase check refuses, each in one sentence, before anything is loaded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

from train.config.load import parse
from train.errors import TrainError
from train.monitor.console import Console
from train.parallel import World
from train.plan.check import check, clip_count
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Run

SMALL = {"dim": 64, "ffn_dim": 192, "num_heads": 2, "num_layers": 3, "text_dim": 16}


def checked(folder: Path, ranks: int = 1, **settings: Any) -> str:
    """What a check prints."""
    values = {
        "name": "checked",
        "device": "cpu",
        "precision": "fp32",
        "data": {"size": [64, 64], "frames": 5},
        **settings,
    }
    values["models"] = {"sizes": SMALL, **values.get("models", {})}
    text = io.StringIO()
    check(Run(parse(values), folder, World(0, ranks, 0, torch.device("cpu")), Console(text)))
    return text.getvalue()


def test_a_good_run_gets_its_machine_and_a_short_plan(tmp_path: Path) -> None:
    text = checked(tmp_path / "run")
    assert torch.__version__ in text
    for phase in ("base", "stage1_resnet", "stage2", "stage3_resnet"):
        assert phase in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["generator", "fast_generator", "vae"])
def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path, key: str) -> None:
    (tmp_path / "wan2.2_ti2v_5b.safetensors").write_bytes(b"")
    with pytest.raises(
        TrainError, match=rf"models\.{key}: there is no .*; did you mean .*wan2.2_ti2v_5b.safetensors\?"
    ):
        checked(tmp_path / "run", models={key: str(tmp_path / "wan2.2_ti2v_5B.safetensors")})


def test_a_missing_folder_is_named_by_the_part_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    source = {"kind": "videos", "folder": str(tmp_path / "clip" / "train")}
    with pytest.raises(TrainError, match=r"data\.train\.folder: there is no .*did you mean .*clips\?"):
        checked(tmp_path / "run", data={"size": [64, 64], "frames": 5, "train": source})


def test_the_disk_check_the_plan_and_the_data_phase_count_the_same_clips(tmp_path: Path) -> None:
    """Suffixes in either case; hidden files, sidecars and folders are not clips."""
    for split, names in {"train": ("a.mov", "b.MP4", "c.webm", "d.Mkv"), "eval": ("e.MOV",)}.items():
        (tmp_path / split / "f.mp4").mkdir(parents=True)
        for name in (*names, "a.json", "b.txt", ".hidden.mp4"):
            (tmp_path / split / name).write_bytes(b"")
    data = {
        "size": [64, 64],
        "frames": 5,
        **{
            key: {"kind": "videos", "folder": str(tmp_path / split)}
            for key, split in (("train", "train"), ("evaluation", "eval"))
        },
    }
    run = Run(
        parse({"name": "checked", "data": data}),
        tmp_path / "run",
        World(0, 1, 0, torch.device("cpu")),
        Console(io.StringIO()),
    )
    assert clip_count(run) == 5
    with pytest.raises(TrainError, match="4 of 4"):  # empty files, all of them looked at
        Artifacts(run).source("train")


def test_a_file_that_is_no_generator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        checked(tmp_path / "run", models={"generator": str(tmp_path / "a.safetensors")})


@pytest.mark.parametrize(
    ("settings", "ranks", "sentence"),
    [
        ({"stage1": {"optim": {"kind": "adamw8bit"}}}, 1, r"stage1\.optim: .*needs a GPU"),
        (
            {"stage3": {"method": "hybrid", "gan": {"optim": {"kind": "adamw8bit"}}}},
            1,
            r"stage3\.gan\.optim: .*needs a GPU",
        ),
        ({"memory": {"fp8": True}}, 2, r"memory\.fp8 is on and 2 processes .* set memory\.sharding to none"),
        ({"stage2": {"global_batch": 10}}, 4, r"stage2\.global_batch is 10, but must be a multiple of .* use 12"),
        ({"checkpoints": {"keep": 10**9}}, 1, r"the run takes up to .* but .* are free"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, settings: dict[str, Any], ranks: int, sentence: str
) -> None:
    with pytest.raises(TrainError, match=sentence):
        checked(tmp_path / "run", ranks, **settings)


def test_a_run_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainError, match="the run folder .* cannot be written .*; choose another one with --run"):
        checked(tmp_path / "file" / "run")
