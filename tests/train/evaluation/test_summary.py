"""Rows and bars from the figures of single clips: means, intervals in pairs, what is met and by how much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.evaluation.best_row import best_of, score
from train.evaluation.control_measures import TRACKED
from train.evaluation.measures import PICTURES
from train.evaluation.report_bars import FAR_BELOW, bars, judged
from train.evaluation.report_page import figures
from train.evaluation.report_tables import columns_of, configuration, phases, reason
from train.evaluation.result_texts import title_of
from train.evaluation.summary import RowResult, pooled, summary
from train.publish.run_card import run_card
from train.run_folder.artifacts import Artifacts

from ...support.tiny_run import SETTINGS, open_run

CLIPS, DIMENSIONS = 40, 6
RNG = np.random.default_rng(5)
HARDNESS = RNG.uniform(-0.1, 0.1, CLIPS)  # of a clip, the same for all rows
REAL_FEATURES = RNG.normal(size=(CLIPS, DIMENSIONS))


def row(name: str, box_iou: float, shift: float, kind: str | None = "resnet", spread: float = 0.0) -> RowResult:
    """A row whose clips are about so good, and whose features are so far from the real ones."""
    rng = np.random.default_rng(sum(map(ord, name)))
    values = box_iou + HARDNESS + spread * rng.normal(size=CLIPS)
    scores: list[Any] = [{**dict.fromkeys((*TRACKED, *PICTURES), 0.5), "box_iou": float(value)} for value in values]
    return RowResult(name, kind, 4, scores, REAL_FEATURES + shift, 0.25)


def rows(flash: float = 0.8, **others: float) -> list[RowResult]:
    values = {
        **{"slow_adapter": 0.78, "slow_adapter_on_fast": 0.7, "random_trajectory": 0.3, "counterfactual": 0.7},
        **others,
    }
    bounds = [row("real", 0.97, 0, None), row("oracle", 0.85, 0.1, None), row("static", 0.4, 1, None)]
    bounds += [row("counterfactual_real", 0.25, 0, None), row("counterfactual_static", 0.35, 1, None)]
    return [*bounds, *(row(name, value, 0.5) for name, value in values.items()), row("flashmotion", flash, 0.3)]


def bar(found: list[dict[str, Any]], start: str) -> dict[str, Any]:
    (one,) = (entry for entry in found if entry["bar"].startswith(start))
    return one


def test_a_row_has_its_means_intervals_and_distance() -> None:
    results = rows()
    found = summary(results[-1], results[0], 0)
    assert found["box_iou"] == pytest.approx(0.8 + HARDNESS.mean())
    assert found["box_iou_low"] < found["box_iou"] < found["box_iou_high"]
    assert found["frechet"] == pytest.approx(DIMENSIONS * 0.3**2, rel=1e-6)  # shifted by 0.3 in each dimension
    assert found["frechet_low"] <= found["frechet"] <= found["frechet_high"]
    assert (found["clips"], found["seconds"], found["sharpness"], found["adapter"]) == (CLIPS, 0.25, 0.5, "resnet")
    without = RowResult("static", None, None, results[2].scores, None, None)
    assert summary(without, results[0], 0)["frechet"] is None


def test_bars_say_what_is_met_and_by_how_much() -> None:
    found = bars(rows(), 0)
    assert len(found) == 7
    assert all(entry["clips"] == CLIPS and entry["adapter"] == "resnet" and entry["meaning"] for entry in found)
    oracle = bar(found, "box IoU as a share of the oracle")
    ratio = (0.8 + HARDNESS.mean()) / (0.85 + HARDNESS.mean())
    assert (oracle["value"], oracle["by"]) == (pytest.approx(ratio), pytest.approx(oracle["low"] - 0.9))
    assert oracle["low"] < ratio < oracle["high"]
    assert bar(found, "box IoU minus that of SlowAdapter on")["value"] == pytest.approx(0.1)
    frechet = bar(found, "Frechet minus that of SlowAdapter on")
    assert frechet["value"] == pytest.approx(DIMENSIONS * (0.3**2 - 0.5**2), rel=1e-6)
    assert frechet["by"] == pytest.approx(-frechet["high"])
    many = bar(found, "Frechet minus that of SlowAdapter with many")
    assert (many["verdict"], many["target"]) == ("met", pytest.approx(0.1 * DIMENSIONS * 0.5**2))
    assert bar(found, "box IoU minus that with another")["by"] == pytest.approx(0.5 - FAR_BELOW)


def test_what_is_missed_is_missed_by_its_margin() -> None:
    found = bars(rows(0.6), 0)
    assert bar(found, "box IoU as a share of the oracle")["verdict"] == "missed"
    assert bar(found, "box IoU minus that of SlowAdapter on")["by"] == pytest.approx(-0.1)
    many = bar(found, "box IoU minus that of SlowAdapter with many")
    assert (many["verdict"], many["value"]) == ("missed", pytest.approx(-0.18))


@pytest.mark.parametrize(
    ("side", "target", "ends", "clips", "verdict", "why"),
    [
        ("above", 0.0, (0.001, 0.4), 50, "met", "all of the interval is above 0.000"),
        ("above", 0.0, (-0.001, 0.4), 50, "open", "the interval holds 0.000"),  # its middle alone is no proof
        ("above", 0.0, (0.0, 0.0), 50, "missed", "at or below 0.000"),  # the very same clips
        ("above", 0.0, (-0.4, -0.1), 50, "missed", "at or below 0.000"),
        ("below", 0.2, (-0.1, 0.1), 50, "met", "all of the interval is below 0.200"),
        ("below", 0.2, (0.1, 0.3), 50, "open", "the interval holds 0.200"),
        ("below", 0.2, (0.2, 0.3), 50, "missed", "at or above 0.200"),
        ("above", 0.0, (0.3, 0.3), 1, "open", "1 clips settle nothing; 5 are the fewest"),
    ],
)
def test_only_a_whole_interval_settles_a_bar(
    side: str, target: float, ends: tuple[float, float], clips: int, verdict: str, why: str
) -> None:
    found, by = judged(side, target, ends, clips)
    assert found == verdict
    assert (by > 0) == (verdict == "met" or clips == 1)
    assert why in reason({"verdict": found, "side": side, "target": target, "clips": clips})


def test_noise_never_helps_a_bar() -> None:
    better = {"missed": 0, "open": 1, "met": 2}
    others = [result for result in rows() if result.name != "flashmotion"]
    for flash in (0.6, 0.69, 0.79, 0.9):
        quiet = bars([*others, row("flashmotion", flash, 0.3)], 0)
        noisy = bars([*others, row("flashmotion", flash, 0.3, spread=0.6)], 0)
        for before, after in zip(quiet, noisy, strict=True):
            assert better[after["verdict"]] <= max(better[before["verdict"]], better["open"])


def test_a_memorised_clip_does_not_pass_the_counterfactual() -> None:
    told = bar(bars(rows(), 0), "box IoU with a counterfactual")
    assert (told["value"], told["verdict"]) == (pytest.approx(0.35), "met")  # against the better of both bounds
    memorised = bar(bars(rows(counterfactual=0.25), 0), "box IoU with a counterfactual")
    assert (memorised["value"], memorised["verdict"]) == (pytest.approx(-0.1), "missed")
    results = [result for result in rows() if result.name != "counterfactual"]
    unclear = bar(bars([*results, row("counterfactual", 0.36, 0.3, spread=0.3)], 0), "box IoU with a counterfactual")
    assert unclear["low"] < 0 < unclear["high"]
    assert unclear["verdict"] == "open"  # noise does not help


def test_the_best_row_keeps_to_the_boxes_and_is_sharp() -> None:
    blurred = {"name": "blurred", "box_iou": 0.8, "sharpness": 0.3, "psnr": 30.0}
    sharp = {"name": "sharp", "box_iou": 0.7, "sharpness": 0.9, "psnr": 17.0}
    noisy = {"name": "noisy", "box_iou": 0.5, "sharpness": 2.0, "psnr": 12.0}
    untracked = {"name": "untracked", "box_iou": None, "sharpness": 1.0, "psnr": 40.0}
    assert best_of([untracked, blurred, noisy, sharp])["name"] == "sharp"
    assert score(noisy) == 0.5
    assert best_of([untracked, {**untracked, "sharpness": 0.5}])["sharpness"] == 1.0


def test_clips_are_drawn_in_pairs_so_their_hardness_leaves_no_doubt() -> None:
    difference = bar(bars(rows(), 0), "box IoU minus that of SlowAdapter on")
    assert difference["high"] - difference["low"] < 1e-9  # the rows differ by a constant
    single = summary(rows()[-1], rows()[0], 0)
    assert single["box_iou_high"] - single["box_iou_low"] > 0.02


def test_a_wide_interval_does_not_show_that_few_steps_cost_nothing() -> None:
    results = [result for result in rows() if result.name != "flashmotion"]
    noisy = bars([*results, row("flashmotion", 0.775, 0.3, spread=0.1)], 0)
    found = bar(noisy, "box IoU minus that of SlowAdapter with many")
    assert found["low"] < -0.02 < found["high"]
    assert found["verdict"] == "open"
    quiet = bar(bars([*results, row("flashmotion", 0.775, 0.3)], 0), "box IoU minus that of SlowAdapter with many")
    assert quiet["verdict"] == "met"  # by less than what may be lost


def test_rows_and_columns_that_nobody_named_are_shown() -> None:
    assert title_of("turned_around", "resnet") == "turned around (resnet)"
    assert title_of("flashmotion_every_3", "controlnet").endswith("computed every 3rd step (controlnet)")
    assert columns_of([{"psnr": 20.0, "box_iou": None}, {"motion": 1.0}]) == ["psnr", "motion"]


def test_rows_that_were_not_measured_have_no_bar() -> None:
    found = bars([result for result in rows() if result.name != "random_trajectory"], 0)
    assert len(found) == 6
    assert not any("another clip's" in entry["bar"] for entry in found)
    assert bars([result for result in rows() if result.name != "flashmotion"], 0) == []


def test_each_adapter_is_compared_with_its_own() -> None:
    both = [
        *rows(),
        *(row(name, 0.5, 0.5, "controlnet") for name in ("slow_adapter", "slow_adapter_on_fast", "flashmotion")),
    ]
    values = {
        entry["adapter"]: entry["value"]
        for entry in bars(both, 0)
        if entry["bar"].startswith("box IoU minus that of SlowAdapter on")
    }
    assert values == {"resnet": pytest.approx(0.1), "controlnet": pytest.approx(0.0)}


def test_sets_have_rows_of_their_own_and_all_together() -> None:
    first, second = rows(), rows(0.6)
    found = figures({"eval_a_1": first, "eval_b_2": second}, {"eval_a_1": 1, "eval_b_2": 2}, 0)
    flash = {entry["set"]: entry for entry in found["rows"] if entry["name"] == "flashmotion"}
    assert {name: (entry["clips"], entry["seed"]) for name, entry in flash.items()} == {
        "eval_a_1": (CLIPS, 1),
        "eval_b_2": (CLIPS, 2),
        "all sets": (2 * CLIPS, [1, 2]),
    }
    assert flash["all sets"]["box_iou"] == pytest.approx(
        (flash["eval_a_1"]["box_iou"] + flash["eval_b_2"]["box_iou"]) / 2
    )
    assert bar(found["bars"], "box IoU minus that with another")["value"] == pytest.approx(0.4)
    assert json.loads(json.dumps(found)) == found
    assert pooled([first[-1], second[-1]]).features_ND is not None


def test_a_single_set_is_not_pooled() -> None:
    found = figures({"": rows()}, {"": 3}, 0)
    assert {(entry["set"], entry["seed"]) for entry in found["rows"]} == {("", 3)}


def test_what_the_student_began_from_is_said(tmp_path: Path) -> None:
    run, _ = open_run(tmp_path, models={**SETTINGS["models"], "fast_start": "/far/away/FastWan.safetensors"})
    rows = {row[0]: row[1] for row in configuration(run).rows}
    assert rows["FastGenerator"] == "distilled here, beginning with FastWan.safetensors, 4 steps"
    card = run_card(Artifacts(run), [], tmp_path)
    assert "Generator: trained here, distilled beginning with `FastWan.safetensors`." in card


def test_a_phase_that_ended_early_says_so(tmp_path: Path) -> None:
    run, _ = open_run(tmp_path)
    for name, made in (("stage1_resnet", 300), ("stage3_resnet", 560)):
        folder = run.phase_folder(name)
        folder.mkdir(parents=True)
        (folder / "done.json").write_text('{"fingerprint": "f", "seconds": 75.0}')
        (folder / "settled.json").write_text('{"steps": 560, "minutes": null}')
        (folder / "log.csv").write_text(f"step,name,value\n10,loss/flow,1.0\n{made},validation/score,0.5\n")
    assert {row[0]: row[2] for row in phases(run).rows} == {
        "stage1_resnet": "300 of 560, ended early",
        "stage3_resnet": 560,
    }
