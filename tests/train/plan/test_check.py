"""What the phase check refuses, each in one sentence, before anything is loaded."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from flashmotion_core.generation.loading import load_generator, read_generator
from flashmotion_core.wan.config import WanConfig
from train.config.load import parse
from train.errors import TrainError
from train.evaluation.video_trackers import load_tracker
from train.monitor.console import Console
from train.parallel import World
from train.plan.check import check
from train.plan.disk import clip_count
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Run

from ...support.sentences import refuses

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


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = io.StringIO()
    values = {
        "name": "checked",
        "data": {"size": [64, 64], "frames": 5, "train": {"kind": "videos", "folder": str(tmp_path / "none")}},
        "models": {"sizes": SMALL, "vae": str(tmp_path / "vae")},
        "stage2": {"global_batch": 10},
    }
    run = Run(parse(values), tmp_path / "run", World(0, 4, 0, torch.device("cpu")), Console(text))
    with refuses(
        TrainError, key="3 things are wrong", value="(3) stage2.global_batch is 10", remedy="use 12"
    ) as refused:
        check(run)
    assert "models.vae: there is no" in str(refused.value)
    assert "data.train.folder: there is no" in str(refused.value)
    rows = [line.split() for line in text.getvalue().splitlines()]
    assert [row[-2:] for row in rows if row and row[0].startswith(("models.vae", "data.train", "settings"))] == [
        ["problem", str(number)] for number in (1, 2, 3)
    ]


def test_memory_that_cannot_be_enough_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.plan import check as checks

    monkeypatch.setattr(checks, "_memory", lambda: 1_000_000)
    with refuses(TrainError, key="stage", value="there are 1.0 MB", remedy="memory.checkpointing=true"):
        checked(tmp_path / "run")


def test_only_what_the_wanted_phases_need_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at clips needs no weights, encoding no generator; and neither the memory of training."""
    from train.plan import check as checks

    monkeypatch.setattr(checks, "_memory", lambda: 1_000_000)
    (tmp_path / "clips").mkdir()
    missing = {key: str(tmp_path / key) for key in ("generator", "fast_generator", "vae", "text_encoder")}
    values = {
        "name": "checked",
        "data": {"train": {"kind": "videos", "folder": str(tmp_path / "clips")}, "evaluation": {"kind": "part"}},
        "models": {**missing, "adapters": [{"kind": "resnet", "start": str(tmp_path / "adapter")}]},
        "memory": {"optimizer": "adamw8bit"},
        "stage1": {"global_batch": 10},
    }

    def found(*among: str) -> str:
        run = Run(parse(values), tmp_path / "run", World(0, 3, 0, torch.device("cpu")), Console(text := io.StringIO()))
        check(run, among)
        return text.getvalue()

    assert "the run folder can be written" in found("prepare")
    with refuses(TrainError, key="2 things are wrong", value=missing["vae"], remedy=missing["text_encoder"]):
        found("prepare", "data")
    for key in ("vae", "text_encoder"):
        (tmp_path / key).mkdir()
    text = found("prepare", "data")
    assert "disk" in text
    assert "memory" not in text
    with refuses(
        TrainError, key="models.generator", value="memory.optimizer is adamw8bit", remedy="models.adapters, resnet"
    ):
        found("stage1_resnet")


@pytest.mark.parametrize("key", ["generator", "fast_generator", "vae"])
def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path, key: str) -> None:
    (tmp_path / "wan2.2_ti2v_5b.safetensors").write_bytes(b"")
    remedy = "wan2.2_ti2v_5b.safetensors?"
    with refuses(TrainError, key=f"models.{key}", value="wan2.2_ti2v_5B.safetensors", remedy=remedy) as refused:
        checked(tmp_path / "run", models={key: str(tmp_path / "wan2.2_ti2v_5B.safetensors")})
    assert remedy in str(refused.value)  # the neighbour's own capitals


def test_a_missing_folder_is_named_by_the_part_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    source = {"kind": "videos", "folder": str(tmp_path / "clip" / "train")}
    with refuses(
        TrainError, key="data.train.folder", value=tmp_path / "clip", remedy=f"did you mean {tmp_path / 'clips'}"
    ):
        checked(tmp_path / "run", data={"size": [64, 64], "frames": 5, "train": source})


def test_folders_of_models_that_prepare_videos_and_lists_of_videos_are_checked(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "list.jsonl").write_text('{"video": "a.mp4"}\n')
    (tmp_path / "empty").mkdir()
    data = {
        "size": [64, 64],
        "frames": 5,
        "train": {"kind": "videos", "folder": str(tmp_path / "list.jsonl")},
        "prepare": {"detector": str(tmp_path / "empty"), "captioner": str(tmp_path / "empti")},
    }
    run = Run(
        parse({"name": "checked", "data": data}),
        tmp_path / "run",
        World(0, 1, 0, torch.device("cpu")),
        Console(text := io.StringIO()),
    )
    with refuses(
        TrainError, key="data.prepare.detector", value="no config.json", remedy="give the folder of a model"
    ) as refused:
        check(run)
    assert f"data.prepare.captioner: there is no {tmp_path / 'empti'}; did you mean" in str(refused.value)
    assert "1 videos in" in text.getvalue()


def test_the_disk_check_the_plan_and_the_data_phase_count_the_same_clips(tmp_path: Path) -> None:
    """Suffixes in either case; hidden files, sidecars and folders are not clips."""
    for split, names in {"train": ("a.mov", "b.MP4", "c.webm", "d.Mkv"), "eval": ("e.MOV",)}.items():
        (tmp_path / split / "f.mp4").mkdir(parents=True)
        for name in (*names, "a.json", "b.txt", ".hidden.mp4"):
            (tmp_path / split / name).write_bytes(b"")
    data = {
        "size": [64, 64],
        "frames": 5,
        "prepare": None,
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
    # Empty files, all of them looked at.
    with refuses(TrainError, key=str(tmp_path / "train"), value="4 of 4", remedy="correct or remove"):
        Artifacts(run).source("train")


def test_a_file_that_is_no_generator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no")
    with refuses(key="a.safetensors", value="not a complete safetensors file", remedy="download or copy it again"):
        checked(tmp_path / "run", models={"generator": str(tmp_path / "a.safetensors")})


@pytest.mark.parametrize(
    ("settings", "ranks", "key", "value", "remedy"),
    [
        ({"memory": {"optimizer": "adamw8bit"}}, 1, "memory.optimizer", "adamw8bit", "use adamw"),
        ({"memory": {"fp8": True}}, 2, "memory.fp8", "2 processes", "set memory.sharding to none"),
        ({"stage2": {"global_batch": 10}}, 4, "stage2.global_batch", "10", "use 12"),
        ({"checkpoints": {"keep": 10**9}}, 1, "the run", "are free", "checkpoints.keep=1"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, settings: dict[str, Any], ranks: int, key: str, value: str, remedy: str
) -> None:
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        checked(tmp_path / "run", ranks, **settings)


def test_packages_that_the_settings_need_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wandb", "trackio", "cv2"):
        monkeypatch.setitem(sys.modules, name, None)
    load_tracker.cache_clear()
    for name in ("wandb", "trackio"):
        with refuses(TrainError, key=f"logging.{name}", value="cannot be loaded", remedy=f"pip install {name}"):
            checked(tmp_path / "run", logging={name: True})
    (tmp_path / "clips").mkdir()
    held_out = {"kind": "videos", "folder": str(tmp_path / "clips")}
    with refuses(TrainError, key="box IoU on videos", value="OpenCV", remedy="opencv-python-headless"):
        checked(tmp_path / "run", data={"size": [64, 64], "frames": 5, "evaluation": held_out})
    checked(tmp_path / "run")


def test_a_run_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with refuses(
        TrainError, key="the run folder", value=tmp_path / "file" / "run", remedy="choose another one with --run"
    ):
        checked(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("changed", "key", "value", "remedy"),
    [
        ({"in_channels": 36}, "channels in", 36, "choose another folder"),
        ({"image_dim": 1280}, "image encoder", "Wan2.2-TI2V-5B", "choose another folder"),
        ({"ffn_dim": None}, "config.json", "'ffn_dim'", "download or export it again"),
    ],
)
def test_a_folder_of_another_architecture_is_refused_in_the_same_words_everywhere(
    tmp_path: Path, changed: dict[str, int | None], key: str, value: Any, remedy: str
) -> None:
    config = {
        "_class_name": "WanTransformer3DModel",
        **{"num_attention_heads": 2, "attention_head_dim": 32, "num_layers": 3, "ffn_dim": 192, "text_dim": 16},
        **{"in_channels": 48, "out_channels": 48, "freq_dim": 256, "patch_size": [1, 2, 2], "eps": 1e-6},
    }
    assert WanConfig.from_diffusers(config, tmp_path) == WanConfig(**SMALL)
    config = {name: entry for name, entry in {**config, **changed}.items() if entry is not None}
    (tmp_path / "config.json").write_text(json.dumps(config))
    said = set()
    for refusing in (
        lambda: read_generator(tmp_path),
        lambda: load_generator(tmp_path, "cpu", torch.float32),
        lambda: checked(tmp_path / "run", models={"generator": str(tmp_path), "vae": str(tmp_path)}),
    ):
        with refuses(ValueError, key=key, value=value, remedy=remedy) as refused:
            refusing()
        said.add(str(refused.value))
    assert len(said) == 1
