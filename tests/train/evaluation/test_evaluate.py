"""The evaluation phase on tiny random networks: its bounds, its files, and how it resumes after it was killed."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flashmotion_core.acceleration.attention import Backend
from flashmotion_core.wan.block import scaled_dot_product
from train.config.load import dump
from train.data.encoded import EncodedClips
from train.data.sources import SourceClip
from train.engine.build import Builder
from train.errors import TrainError
from train.evaluation import evaluate as evaluation
from train.evaluation.evaluate import RowMarks, evaluate
from train.evaluation.evaluate_run import main
from train.evaluation.evaluation_rows import rows_to_measure
from train.evaluation.features import DEFAULT
from train.evaluation.held_out import clip_sets
from train.evaluation.kept_row import KeptRow
from train.evaluation.measures import measure, picture_scores, track_scores
from train.evaluation.measuring import ClipMeasuring
from train.evaluation.row_samples import Sampler, shares
from train.evaluation.summary import interval, mean
from train.evaluation.video_trackers import tracker_of
from train.run_folder.artifacts import Artifacts
from train.world import synthetic

from ...support.sentences import names, refuses
from ...support.tiny_run import open_run, trained_run
from ...support.two_processes import run_two

pytestmark = pytest.mark.slow

BOUNDS = ["real", "oracle", "static", "paste", "counterfactual_real", "counterfactual_static"]
ADAPTER_ROWS = [
    "slow_adapter",
    "slow_adapter_few",
    "slow_adapter_on_fast",
    "flashmotion",
    "random_trajectory",
    "counterfactual",
]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = trained_run(tmp_path_factory.mktemp("run"), models=ONE_ADAPTER)
    (run.phase_folder("stage1_resnet")).mkdir(parents=True)
    (run.phase_folder("stage1_resnet") / "done.json").write_text('{"fingerprint": "f", "seconds": 75.0}')
    (run.phase_folder("stage1_resnet") / "settled.json").write_text('{"steps": 4321, "minutes": null}')
    evaluate(run)
    return run.folder


ONE_ADAPTER: dict[str, Any] = {
    "sizes": {"dim": 128, "ffn_dim": 192, "num_heads": 1, "num_layers": 2, "text_dim": 32},
    "adapters": [{"kind": "resnet", "width": 32}],
}


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((folder / "report/metrics.json").read_text())["rows"]
    return {row["name"]: row for row in found}


def test_every_row_is_there_with_finite_figures(evaluated: Path) -> None:
    found = rows(evaluated)
    assert list(found) == [*BOUNDS, *ADAPTER_ROWS]
    assert [found[name]["steps"] for name in ADAPTER_ROWS] == [3, 4, 4, 4, 4, 4]
    for name, row in found.items():
        numbers = [value for value in row.values() if isinstance(value, int | float)]
        assert all(math.isfinite(value) for value in numbers)
        assert row["clips"] == 2
        assert row["box_iou_low"] <= row["box_iou"] <= row["box_iou_high"]
        elsewhere = name.startswith("counterfactual")
        assert (row["frechet"] is None) == elsewhere  # there are no real clips of that motion
        assert elsewhere or row["frechet_low"] <= row["frechet"] <= row["frechet_high"]
        assert 0 <= row["lost"] <= 1
        assert row["adapter"] == ("resnet" if name in ADAPTER_ROWS else None)
        assert (row["seconds"] is None) == (name not in ADAPTER_ROWS or elsewhere)


def test_the_rows_that_bound_the_others(evaluated: Path) -> None:
    found = rows(evaluated)
    assert found["real"]["box_iou"] > 0.9
    assert found["real"]["mask_iou"] > 0.9
    assert found["real"]["psnr"] is None  # nothing differs
    assert (found["real"]["sharpness"], found["real"]["motion"], found["real"]["lost"]) == (1, 1, 0)
    assert found["real"]["frechet"] < 1e-6
    assert found["static"]["frechet"] > 0.01
    assert found["static"]["box_iou"] < found["real"]["box_iou"] - 0.05
    assert found["static"]["motion"] == 0
    assert found["static"]["centre_error"] > found["real"]["centre_error"]
    assert found["static"]["endpoint_error"] > found["real"]["endpoint_error"]
    assert found["paste"]["box_iou"] > found["static"]["box_iou"] + 0.05
    assert found["counterfactual_real"]["box_iou"] < found["real"]["box_iou"] - 0.3


def test_rows_differ_where_their_networks_do(evaluated: Path) -> None:
    found = rows(evaluated)
    assert len({found[name]["motion"] for name in ["oracle", *ADAPTER_ROWS]}) == 1 + len(ADAPTER_ROWS)


def test_the_page_stands_alone_and_names_phases_and_rows(evaluated: Path) -> None:
    page = (evaluated / "report/index.html").read_text()
    assert "stage1_resnet" in page
    assert "4321" in page
    assert "1 min" in page
    assert "FastAdapter, FastGenerator (resnet)" in page
    assert 'src="data:video/mp4;base64,' in page
    assert page.count('src="data:image/png;base64,') == 4 + len(ADAPTER_ROWS)  # no picture of the real clips alone
    assert str(evaluated) not in page


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line]


def test_finished_clips_are_kept_and_others_measured_again(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = evaluated / "phases/evaluate/rows"
    before = rows(evaluated)
    kept = lines(folder / "flashmotion_resnet.jsonl")
    for entry in kept:
        if "scores" in entry:
            entry["scores"]["psnr"] = 99.5  # what no measuring gives
    (folder / "flashmotion_resnet.jsonl").write_text("\n".join(map(json.dumps, kept)))
    (folder / "static.jsonl").write_text("{")  # damaged
    (folder / "random_trajectory_resnet.jsonl").unlink()
    text = (folder / "slow_adapter_resnet.jsonl").read_text()
    (folder / "slow_adapter_resnet.jsonl").write_text(text[: text.index("\n") + 20])  # killed after the first clip
    (evaluated / "report/metrics.json").unlink()
    sampled: list[list[int]] = []
    inner = Sampler.latents

    def latents(sampler: Sampler, indices: Any) -> Any:
        sampled.append(list(indices) if sampler.row.name == "slow_adapter" else [])
        return inner(sampler, indices)

    monkeypatch.setattr(Sampler, "latents", latents)
    run, said = open_run(evaluated, models=ONE_ADAPTER)
    evaluate(run)
    after = rows(evaluated)
    assert after["flashmotion"]["psnr"] == 99.5
    assert after["static"] == before["static"]
    for name in ("random_trajectory", "slow_adapter"):  # the same noise
        again, first = after[name], before[name]
        assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert "flashmotion_resnet was already measured" in said.getvalue()
    assert "evaluate: static was already measured" not in said.getvalue()
    # Its pictures are of both clips, and were not known to be there, so both were sampled again.
    assert [0, 1] in sampled


@pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS")
def test_two_processes_share_the_clips(evaluated: Path, tmp_path: Path) -> None:
    """Weights are shared out, so both compute at once; each samples and decodes its own clips. What is measured is the same."""
    together, alone = tmp_path / "together", tmp_path / "alone"
    for folder in (together, alone):
        shutil.copytree(evaluated, folder, ignore=shutil.ignore_patterns("rows", "report"))
    changes = {"models": ONE_ADAPTER, "evaluate": {"clips": 3, "slow_steps": 3, "workers": 0, "features": None}}
    run_two("tests.support.two_evaluations", together, json.dumps(changes), logs=tmp_path)
    sampled = [json.loads((together / f"sampled.{rank}").read_text()) for rank in range(2)]
    assert sampled[0][0] == [0, 1]
    assert sampled[1][0] == [2]
    evaluate(open_run(alone, **changes)[0])
    assert rows(together).keys() == rows(alone).keys()
    for name, row in rows(together).items():
        keys = [key for key in ("psnr", "box_iou", "sharpness", "motion") if row[key] is not None]
        assert [row[key] for key in keys] == pytest.approx([rows(alone)[name][key] for key in keys], rel=1e-3), name


def test_ranks_share_clips_evenly() -> None:
    assert shares(0, 5, 16, 2) == [range(3), range(3, 5)]
    assert shares(0, 9, 2, 3) == [range(2), range(2, 4), range(4, 6)]
    assert shares(6, 9, 2, 3) == [range(6, 7), range(7, 8), range(8, 9)]
    assert shares(8, 9, 2, 3) == [range(8, 9), range(9, 9), range(9, 9)]


def test_a_clip_of_other_weights_or_settings_is_not_kept(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = open_run(evaluated, models=ONE_ADAPTER)
    artifacts = Artifacts(run)
    clips = artifacts.clips("eval")
    found = {row.name: row for row in rows_to_measure(run.config, len(clips))}
    kept = KeptRow(evaluated / "phases/evaluate/rows/oracle.jsonl")

    def known(count: int = 2, features: Path | None = DEFAULT) -> list[bool]:
        measuring = ClipMeasuring(None, 1, features, tracker_of(run.config, "cpu"))
        marks = RowMarks(artifacts, found["oracle"], clips, count, measuring)
        return [kept.figures(mark) is not None for mark in marks.by_clip]

    assert known() == [True, True]
    assert known(3) == [True, True, False]  # further clips leave these alone
    assert known(features=None) == [False, False]
    # Nor one of another card or attention kernel: the seconds of a row would not compare.
    measuring = ClipMeasuring(None, 1, DEFAULT, tracker_of(run.config, "cpu"))
    made = RowMarks(artifacts, found["slow_adapter"], clips, 2, measuring).whole
    monkeypatch.setattr(Builder, "attention", lambda self, sizes: Backend("cudnn", scaled_dot_product))
    assert RowMarks(artifacts, found["slow_adapter"], clips, 2, measuring).whole != made
    artifacts.vae_path.touch()
    assert known() == [False, False]


def test_a_single_clip_has_no_other_clips_boxes(tmp_path: Path) -> None:
    run, _ = open_run(tmp_path)
    assert sum(row.boxes == "others" for row in rows_to_measure(run.config, 2)) == 2
    assert not any(row.boxes == "others" for row in rows_to_measure(run.config, 1))


def test_missing_networks_are_one_sentence(tmp_path: Path) -> None:
    run, _ = open_run(tmp_path)
    with refuses(TrainError, key="encoded clips", value=tmp_path / "data/eval", remedy="run the data phase"):
        evaluate(run)


class OneVideo:
    """A source with one clip that is a video to whoever asks."""

    def __init__(self, clip: synthetic.Clip) -> None:
        self.found = SourceClip("a", clip.frames_THWC, 24.0, "", clip.document, None, {"video": {}})

    def __len__(self) -> int:
        return 1

    def clip(self, index: int) -> SourceClip:
        return self.found

    def settings(self) -> dict[str, Any]:
        return {}


def test_videos_without_a_tracker_are_measured_by_their_pictures_alone() -> None:
    clip = synthetic.clip(5, 0, "easy", (64, 64), 5)
    dark = (clip.frames_THWC * 0.5).astype(np.uint8)
    scores, features = measure(OneVideo(clip), 0, {"video": {}}, dark, str(DEFAULT))
    assert features is None
    assert [scores[name] for name in ("box_iou", "mask_iou", "centre_error", "lost")] == [None] * 4
    assert scores["sharpness"] == pytest.approx(0.5, abs=0.05)
    assert scores["motion"] == pytest.approx(0.5, abs=0.05)


def test_measures_of_pictures_in_closed_form() -> None:
    real = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    real[1:, :, 4:] = 100  # an edge that appears
    found = real.copy()
    found[1:] += 10
    scores = picture_scores(found, real)
    assert scores["psnr"] == pytest.approx(10 * math.log10(255**2 / 100))
    assert scores["sharpness"] == pytest.approx(1)
    assert scores["motion"] == pytest.approx(60 / 50)
    assert picture_scores(real[:1].repeat(3, axis=0), real[:1].repeat(3, axis=0)) == {
        "psnr": None,
        "sharpness": None,
        "motion": None,
    }


def test_what_the_real_clip_hides_does_not_count() -> None:
    clip = synthetic.clip(5, 0, "easy", (64, 64), 5)
    assert track_scores(clip.frames_THWC, clip)["box_iou"] is not None
    clip.visible_TN[0] = False
    assert set(track_scores(clip.frames_THWC, clip).values()) == {None}


def test_the_interval_is_over_clips() -> None:
    scores = [{"box_iou": value} for value in (0.2, 0.4, None, 0.9)]
    assert mean(scores, "box_iou") == pytest.approx(0.5)
    low, high = interval(scores, "box_iou", seed=1)
    assert low is not None
    assert high is not None
    assert 0.2 <= low < 0.5 < high <= 0.9
    assert interval(scores, "box_iou", seed=1) == (low, high)
    assert interval([{"box_iou": 0.5}], "box_iou", seed=1) == (0.5, 0.5)
    assert interval([{"box_iou": None}], "box_iou", seed=1) == (None, None)


def test_clips_sampled_at_once_are_those_sampled_one_by_one(tmp_path: Path) -> None:
    run = trained_run(tmp_path, models=ONE_ADAPTER)
    (clips,) = clip_sets(run, Artifacts(run))
    for row in rows_to_measure(run.config, 3):
        if row.generator is None:
            continue
        sampler = Sampler(Artifacts(run), row, clips)
        together = sampler.latents(range(1, 3))
        for number, index in enumerate((1, 2)):
            alone = sampler.latents(range(index, index + 1))[0]
            assert torch.allclose(together[number], alone, atol=1e-4), row.key
        assert not torch.allclose(together[0], together[1], atol=1e-2)


BOTH_ADAPTERS: dict[str, Any] = {
    "sizes": ONE_ADAPTER["sizes"],
    "adapters": [{"kind": "resnet", "width": 32}, {"kind": "controlnet"}],
}


def test_a_controlnet_is_measured_with_and_without_reuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flashmotion_core.adapters import ControlNetAdapter

    run = trained_run(tmp_path, models=BOTH_ADAPTERS, evaluate={"clips": 1, "slow_steps": 2, "workers": 0})
    steps: list[float] = []
    begin = ControlNetAdapter.begin

    def counted(self: Any, *arguments: Any) -> Any:
        steps.append(float(arguments[2].max()))
        return begin(self, *arguments)

    monkeypatch.setattr(ControlNetAdapter, "begin", counted)
    (clips,) = clip_sets(run, Artifacts(run))
    few = run.config.steps.schedule().sigmas
    settings = run.config.evaluate.model_copy(update={"compute_every": (2, 4)})
    run.config = run.config.model_copy(update={"evaluate": settings})
    found = {row.key: row for row in rows_to_measure(run.config, 3) if row.generator is not None}
    assert {key for key in found if "_every_" in key} == {
        "flashmotion_every_2_controlnet",
        "flashmotion_every_4_controlnet",
    }
    latents = {}
    for name, computed in {"": few, "_every_2": few[::2], "_every_4": few[::4]}.items():
        sampler = Sampler(Artifacts(run), found[f"flashmotion{name}_controlnet"], clips)
        for index in range(2):
            steps.clear()
            latents[name, index] = sampler.latents(range(index, index + 1))
            assert steps == pytest.approx([1000 * sigma for sigma in computed])
    assert len({float(latent.sum()) for latent in latents.values()}) == 6
    # The command: what was measured before keeps its mark, whichever further rows are asked for.
    (tmp_path / "config.yaml").write_text(dump(open_run(tmp_path, models=BOTH_ADAPTERS)[0].config))
    options = [
        "evaluate.clips=1",
        "evaluate.slow_steps=2",
        "evaluate.workers=0",
        "evaluate.features=null",
    ]
    assert main([str(tmp_path), *options]) == 0
    capsys.readouterr()
    assert main([str(tmp_path), *options, "evaluate.compute_every=[2]"]) == 0
    said = capsys.readouterr()
    assert "flashmotion_controlnet was already measured" in said.out + said.err
    names = rows(tmp_path)
    assert "flashmotion_every_2" in names
    assert (
        "FastAdapter, FastGenerator, adapter computed every 2nd step (controlnet)"
        in (tmp_path / "report/index.html").read_text()
    )


@pytest.fixture(scope="module")
def on_two_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = trained_run(tmp_path_factory.mktemp("sets"), models=ONE_ADAPTER, evaluate=TWO_SETS)
    evaluate(run)
    return run.folder


TWO_SETS: dict[str, Any] = {
    "clips": 2,
    "slow_steps": 2,
    "workers": 1,
    "batch": 2,
    "sets": [{"seed": 11}, {"stream": "eval_b", "seed": 22}],
}


def test_sets_that_nothing_was_tuned_on(on_two_sets: Path) -> None:
    metrics = json.loads((on_two_sets / "report/metrics.json").read_text())
    found = {(row["set"], row["name"]): row for row in metrics["rows"]}
    names = [*BOUNDS, *ADAPTER_ROWS]
    assert list(found) == [(part, name) for part in ("eval_a_11", "eval_b_22", "all sets") for name in names]
    assert [found[part, "static"]["seed"] for part in ("eval_a_11", "eval_b_22", "all sets")] == [11, 22, [11, 22]]
    assert [found[part, "static"]["clips"] for part in ("eval_a_11", "eval_b_22", "all sets")] == [2, 2, 4]
    assert found["eval_a_11", "static"]["psnr"] != found["eval_b_22", "static"]["psnr"]
    pair = [found[part, "static"]["psnr"] for part in ("eval_a_11", "eval_b_22")]
    assert found["all sets", "static"]["psnr"] == pytest.approx(np.mean(pair))
    # One of seven is missing: an untrained codec leaves no box IoU to take a share of.
    assert [bar["adapter"] for bar in metrics["bars"]] == ["resnet"] * 6
    page = (on_two_sets / "report/index.html").read_text()
    assert "The set eval_b_22 alone" in page
    assert "Bars for the FastAdapter" in page
    (clips,) = (on_two_sets / "data/held_out").glob("eval_a_11_*")
    origins = [record.origin["synthetic"] for record in EncodedClips(clips).records]
    assert [(origin["split"], origin["seed"], origin["index"]) for origin in origins] == [
        ("eval_a", 11, 0),
        ("eval_a", 11, 1),
    ]


def test_a_run_is_evaluated_by_itself_and_resumes(on_two_sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = open_run(on_two_sets, models=ONE_ADAPTER, evaluate=TWO_SETS)
    run.open()
    config = on_two_sets / "config.yaml"
    text = config.read_text()
    for section in ("codec", "stage1"):
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n  of_another_version: 1\n", 1)
    assert text.count("of_another_version") == 2
    config.write_text(text)
    (on_two_sets / "phases/evaluate/rows/eval_b_22/oracle.jsonl").unlink()
    assert main([str(on_two_sets), "evaluate.workers=0"]) == 0
    said = capsys.readouterr().out
    assert "eval_b_22/static was already measured" in said
    assert "eval_b_22/oracle was already measured" not in said
    assert config.read_text() == text
    assert main([str(on_two_sets / "nothing")]) == 1
    names(capsys.readouterr().err, key=str(on_two_sets / "nothing"), value="config.yaml", remedy="run_all.py")


def test_videos_have_no_sets_of_the_world(tmp_path: Path) -> None:
    data = {"size": [64, 64], "frames": 5, "evaluation": {"kind": "videos", "folder": str(tmp_path)}}
    run, _ = open_run(tmp_path, data=data, evaluate=TWO_SETS)
    with refuses(TrainError, key="evaluate.sets", value="videos", remedy="leave evaluate.sets empty"):
        evaluate(run)
    with refuses(TrainError, key="sets", value="eval_a with seed 1", remedy="once"):
        open_run(tmp_path, evaluate={"sets": [{"seed": 1}, {"seed": 1}]})


def test_without_a_feature_network_there_is_a_sentence_or_no_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "DEFAULT", tmp_path / "none")
    run = trained_run(tmp_path, models=ONE_ADAPTER, evaluate={**TWO_SETS, "sets": [], "workers": 0})
    with refuses(TrainError, key="feature network", value=tmp_path / "none", remedy="python -m train.feature_network"):
        evaluate(run)
    run, _ = open_run(tmp_path, models=ONE_ADAPTER, evaluate={**TWO_SETS, "sets": [], "features": None, "workers": 0})
    evaluate(run)
    assert {row["frechet"] for row in rows(tmp_path).values()} == {None}
