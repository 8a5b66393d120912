"""The benchmark makes its clips, and measures in parts: two processes of torchrun, two tasks of Ray, to the last digit."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashmotion_core.benchmark.clip_set import BenchClip, read_set
from flashmotion_core.benchmark.counterfactual import turned
from flashmotion_core.benchmark.named_trackers import first_masks, named_tracker
from flashmotion_core.cli.bench import main
from flashmotion_core.cli.bench_shards import of_a_part
from flashmotion_core.cli.convert_file import convert
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.tracking.cotracker_points import boxes_of_tracks, grids_of
from flashmotion_core.trajectory import dumps
from flashmotion_core.video.video_writer import write_lossless
from train.world import synthetic

from ...support.sentences import refuses
from ...support.two_processes import run_two

TINY = Path(__file__).resolve().parents[3] / "assets/tiny"
GENERATOR = TINY / "diffusion_models/flashmotion_tiny_generator.safetensors"
RESNET = TINY / "model_patches/flashmotion_tiny_resnet.safetensors"
VAE = TINY / "vae/flashmotion_tiny_vae.safetensors"
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of three short clips, and a row of stills."""
    folder = tmp_path_factory.mktemp("parts")
    for kind in ("set", "still"):
        (folder / kind).mkdir()
    for number, name in enumerate(NAMES):
        clip = synthetic.clip(12, number, "simple", (64, 64), 5, "eval_a")
        (folder / "set" / f"{name}.json").write_text(dumps(clip.document), encoding="utf-8")
        write_lossless(folder / "set" / f"{name}.mkv", clip.frames_THWC, 12)
        write_lossless(folder / "still" / f"{name}.mkv", np.repeat(clip.frames_THWC[:1], 5, axis=0), 12)
    return folder


def words_of(made: Path, out: Path) -> list[str]:
    models = ["--generator", GENERATOR, "--vae", VAE, "--adapter", f"resnet={RESNET}"]
    return [
        str(word)
        for word in (f"still={made / 'still'}", "--set", made / "set", *models, "--device", "cpu", "--out", out)
    ]


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def whole(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process measures."""
    out = tmp_path_factory.mktemp("whole")
    assert main(words_of(made, out)) == 0
    return out


def without_costs(found: dict[str, Any]) -> dict[str, Any]:
    """Seconds differ from run to run."""
    return {**found, "rows": [{**row, "seconds": None} for row in found["rows"]]}


@pytest.mark.slow
def test_a_generator_and_an_adapter_make_the_clips(made: Path, whole: Path) -> None:
    found = result(whole)
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["still", "resnet", "resnet_counterfactual", "real", "codec", "static", "paste", "other_boxes"]
    costs = rows["resnet"]["seconds"]
    assert list(costs) == ["text s", "encode s", "denoise s", "decode s", "write s", "peak GB"]
    assert costs["text s"] == 0
    assert min(value for name, value in costs.items() if name != "text s") > 0
    assert rows["still"]["seconds"] is None
    assert rows["resnet"]["measured"] == 3
    assert rows["resnet_counterfactual"]["psnr"] is None  # no real clip goes there
    assert "counterfactual boxes" in (whole / "index.html").read_text(encoding="utf-8")
    assert not any("resnet_counterfactual" in note for note in found["notes"])
    # Nothing is made or measured twice; a clip that is gone is made again, and is the same.
    file = whole / "clips" / "resnet" / "b.mkv"
    before = file.read_bytes()
    file.unlink()
    assert main(words_of(made, whole)) == 0
    assert file.read_bytes() == before
    assert without_costs(result(whole)) == without_costs(found)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS")
def test_two_processes_measure_what_one_does(made: Path, whole: Path, tmp_path: Path) -> None:
    run_two("flashmotion_core.bench", *words_of(made, tmp_path / "out"), logs=tmp_path, timeout=480)
    assert without_costs(result(tmp_path / "out")) == without_costs(result(whole))
    shutil.rmtree(tmp_path / "out" / "measured" / "still")
    (made / "still" / "b.mkv").rename(made / "b.mkv")
    try:
        with pytest.raises(AssertionError) as stopped:
            run_two("flashmotion_core.bench", *words_of(made, tmp_path / "out"), logs=tmp_path, timeout=480)
    finally:
        (made / "b.mkv").rename(made / "still" / "b.mkv")
    said = str(stopped.value)
    assert "has 1 of 3 clips that cannot be measured" in said
    assert "another process stopped" in said


def test_whatever_stops_a_task_of_ray_is_one_sentence() -> None:
    said = of_a_part(ValueError("the row a has 1 of 3 clips that cannot be measured"))
    assert str(said) == "the row a has 1 of 3 clips that cannot be measured"
    full, gone = RuntimeError("CUDA out of memory. Tried"), FileNotFoundError(2, "no such file", "x.mp4")
    assert of_a_part(full) is full  # every command has a sentence for these
    assert of_a_part(gone) is gone
    with refuses(key="task of Ray", value="KeyError ('a')", remedy="--shard"):
        raise of_a_part(KeyError("a"))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed; it is no dependency")
def test_a_cluster_that_does_not_answer_is_one_sentence(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nowhere:x")
    assert main([str(made / "still"), "--set", str(made / "set"), "--out", str(tmp_path), "--ray", "2"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: Ray at RAY_ADDRESS nowhere:x failed (")
    assert "measure without --ray" in said


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed; it is no dependency")
def test_two_tasks_of_ray_measure_what_one_process_does(made: Path, whole: Path, tmp_path: Path) -> None:
    assert main([*words_of(made, tmp_path), "--ray", "2"]) == 0
    assert without_costs(result(tmp_path)) == without_costs(result(whole))


def test_objects_go_elsewhere_and_start_where_they_did(made: Path) -> None:
    clip = read_set(made / "set").clips[0]
    asked, other = clip.asked, turned(clip).asked
    assert np.allclose(other.boxes_TN4[0], asked.boxes_TN4[0])
    went_N2 = (asked.boxes_TN4[-1] - asked.boxes_TN4[0])[:, :2]
    goes_N2 = (other.boxes_TN4[-1] - other.boxes_TN4[0])[:, :2]
    assert ((goes_N2 * went_N2).sum(axis=1) < 1e-6).all()  # back, or across
    assert np.abs(goes_N2).max() > 1
    assert turned(clip).real is turned(clip).masks is None


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--adapter", "x"], ("--adapter is given without --generator", "leave both out")),
        (["--generator", str(GENERATOR)], ("--generator is given without --vae", "add it")),
        (
            ["--generator", str(GENERATOR), "--vae", str(VAE), "--set", "x", "--adapter", "nowhere"],
            ("no file", "nowhere"),
        ),
        (["--generator", "g", "--vae", "v", "--set", "x", "--seed", "-1"], ("--seed is -1", "from 0")),
        (["x", "--ray", "0"], ("--ray is 0", "at least 1")),
    ],
)
def test_models_that_cannot_be_used(
    words: list[str], parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(part in said for part in parts)


@pytest.mark.parametrize("words", ["sift", "sam", "flow=x", "cotracker=nowhere", "sam=nowhere"])
def test_words_that_name_no_tracker(words: str) -> None:
    with refuses(key="the tracker is", value=words):
        named_tracker(words)


def test_boxes_follow_their_visible_points() -> None:
    boxes_N4 = np.array([[10.0, 12, 20, 16], [np.nan] * 4, [-40, -40, 20, 20]])
    grids = grids_of(boxes_N4, (64, 48))
    assert [len(points) for points in grids] == [144, 0, 0]
    tracks_TP2 = np.stack([grids[0] + shift for shift in (0, 3, 7)])
    visible_TP = np.ones(tracks_TP2.shape[:2], dtype=bool)
    visible_TP[1, 72:] = False
    visible_TP[2, 7:] = False
    found = boxes_of_tracks(boxes_N4, grids, tracks_TP2, visible_TP)
    assert found.boxes_TN4[1, 0] == pytest.approx([13, 15, 20, 16])
    assert found.sure_TN[:, 0].tolist() == [1, 0.5, 0]
    assert np.isnan(found.boxes_TN4[2, 0]).all()
    assert np.isnan(found.boxes_TN4[:, 1:]).all()


def test_masks_of_frame_0(made: Path, tmp_path: Path) -> None:
    from PIL import Image

    clip = read_set(made / "set").clips[0]
    assert first_masks(clip) is None
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[3:9, 4:20] = 1
    Image.fromarray(labels).save(tmp_path / "0.png")
    masked = first_masks(BenchClip("a", clip.trajectory, masks=tmp_path))
    assert masked is not None
    assert masked[0].sum() == 6 * 16
    Image.fromarray(labels[:32]).save(tmp_path / "0.png")
    with refuses(value="64 x 32"):
        first_masks(BenchClip("a", clip.trajectory, masks=tmp_path))


def test_any_networks_weights_as_safetensors(tmp_path: Path) -> None:
    import torch

    torch.save({"model": {"fc.weight": torch.ones(2, 3)}, "step": 3}, tmp_path / "i3d.pt")
    said = convert(tmp_path / "i3d.pt", tmp_path / "i3d.safetensors", plain=True, take="model")
    assert "1 tensors under their own names" in said
    assert read_tensors(tmp_path / "i3d.safetensors")[0]["fc.weight"].tolist() == [[1, 1, 1], [1, 1, 1]]
    with refuses(value="no name starts with 'critic"):
        convert(tmp_path / "i3d.pt", tmp_path / "x.safetensors", plain=True, take="critic")
