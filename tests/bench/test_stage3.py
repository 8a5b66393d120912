"""Stage 3's experiments: probes find what is there and nothing else, chains wait for each other, the page says what the figures say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import stage3_checks
from bench.claims_run.claim_statistics import MEASURES
from bench.claims_run.claim_workers import run_workers
from bench.stage3_run.stage3_jobs import (
    ALONE,
    ARMS,
    LENGTH,
    MANY,
    SEES,
    START,
    WITH,
    arm_row,
    fast_row,
    slow_row,
    stage3_jobs,
)
from bench.stage3_run.stage3_page import write_stage3_page
from bench.stage3_run.stage3_pairs import KINDS, noisy
from bench.stage3_run.stage3_results import LEVELS, right
from bench.stage3_run.stage3_sees import TRAINED, linear_probe, train_net
from bench.stage3_run.stage3_sizes import KIND, REHEARSAL, stage3_settings

ROOT = Path(__file__).resolve().parents[2]
CLIPS = 40


def test_probes_tell_apart_what_differs_and_guess_where_nothing_does() -> None:
    torch.manual_seed(0)
    real, other = torch.randn(2, 200, 30)
    for shift, low, high in ((2.0, 0.9, 1.0), (0.0, 0.35, 0.65)):
        weights, bias = linear_probe(real[:100], other[:100] + shift)
        scores = (one @ weights + bias for one in (real[100:], other[100:] + shift))
        assert low <= right(*(one.tolist() for one in scores)).mean() <= high
    clips, blurred = torch.randn(2, 32, 4, 3, 4, 4)
    net = train_net(clips, 0.3 * blurred, 40)
    levels = torch.full((32,), 0.02)
    with torch.no_grad():
        scores = (net(noisy(one, levels, "ask"), levels) for one in (clips, 0.3 * blurred))
        assert right(*(one.tolist() for one in scores)).mean() > 0.9


def test_both_clips_of_a_pair_get_the_same_noise_and_keep_frame_0() -> None:
    clips = torch.zeros(3, 2, 3, 2, 2)
    first, again, other = (noisy(clips, torch.full((3,), 0.5), *which) for which in (("ask",), ("ask",), ("ask", 1)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not first[:, :, 0].any()
    assert first[:, :, 1:].std() == pytest.approx(0.5, abs=0.15)


def test_parts_wait_for_parts_that_exist_and_each_experiment_can_be_had_alone() -> None:
    found = stage3_jobs(REHEARSAL)
    names = [job.name for job in found]
    assert len(set(names)) == len(names)
    assert {need for job in found for need in job.needs} <= set(names)
    assert names.index("arm_gan_only_0.0003_1") < names.index("fast_126") < names.index("arm_gan_only_0.0003_2")
    alone = {which: {job.name.split("_")[0] for job in stage3_jobs(REHEARSAL, [which])} for which in (SEES, LENGTH)}
    assert alone == {SEES: {"clips", "row", "pairs", "judge", "net", "taps"}, LENGTH: {"clips", "row", "fast"}}


def test_the_embedded_files_are_read_and_never_written(tmp_path: Path) -> None:
    from bench.stage3_run.stage3_place import Stage3Place

    place = Stage3Place(tmp_path, REHEARSAL)
    assert ROOT / "assets/tiny" in place.artifacts.generator_path("fast").parents
    assert tmp_path in place.generator(126).parents
    there = place.at(lr=5e-5, updates=1, ahead=1)
    assert (there.config.stage3.optim.lr, there.config.stage3.steps) == (5e-5, 3)  # type: ignore[union-attr]
    assert stage3_settings(REHEARSAL, 1e-4, 2, 2).conditioning.mask_share == 0


def write_row(folder: Path, name: str, kind: str = KIND, far: float = 0.0, **means: float) -> None:
    """A row whose clips have these means and lie so far from the real ones."""
    rng = np.random.default_rng(len(name))
    scores = [
        {measure: means.get(measure, 0.5) + 0.01 * float(rng.standard_normal()) for measure in MEASURES}
        for _ in range(CLIPS)
    ]
    features = np.random.default_rng(1).standard_normal((CLIPS, 4)) + far
    text = json.dumps({"name": name, "kind": kind, "seed": 0, "scores": scores, "features": features.tolist()})
    (folder / f"row_{name}.json".replace(" ", "_").replace(",", "")).write_text(text, encoding="utf-8")


def write_results(folder: Path, judge: float, net: float) -> None:
    """Results in which the diffusion loss brings box IoU and blur, the GAN alone comes nearer, and a gap opens."""
    told = {"sizes": asdict(REHEARSAL), "rehearsal": False, "machine": "x86_64", "torch": "2"}
    (folder / "sizes.json").write_text(json.dumps(told), encoding="utf-8")

    def scores(share: float) -> list[list[float]]:
        real = [1.0 if number < share * CLIPS else -1.0 for number in range(CLIPS)]
        return [real, [-value for value in real]]

    for name, share in (("judge_1", 0.5), ("judge_2", judge), ("net_0", net), ("taps", judge)):
        found = {kind: {level: scores(share) for level in (*LEVELS, TRAINED)} for kind in KINDS}
        (folder / f"sees_{name}.json").write_text(json.dumps(found), encoding="utf-8")
    write_row(folder, "real", "")
    write_row(folder, START, far=0.8, box_iou=0.6, sharpness=0.8)
    for updates in REHEARSAL.updates:
        for name, far, iou, sharp in zip(
            ARMS, (0.9, 0.8, 0.4, 0.4), (0.7, 0.6, 0.6, 0.7), (0.6, 0.8, 0.8, 0.8), strict=True
        ):
            write_row(folder, arm_row(name, 3e-4, updates), far=far, box_iou=iou, sharpness=sharp)
    write_row(folder, slow_row(MANY, WITH), far=0.8, box_iou=0.6)
    write_row(folder, slow_row(MANY, ALONE), far=0.8, box_iou=0.3)
    write_row(folder, fast_row(126, WITH), far=0.8, box_iou=0.5)


def test_the_page_says_what_the_figures_say(tmp_path: Path) -> None:
    write_results(tmp_path, judge=0.6, net=0.95)
    page = tmp_path / "page" / "stage3.md"
    page.parent.mkdir()
    write_stage3_page(tmp_path, page)
    text = page.read_text(encoding="utf-8")
    for answer in (
        "**the small network on latents is right more often at 0.02, 0.1, 0.3, 0.6**",
        "**box IoU yes, sharpness yes**",
        "**Frechet yes**",
        "**box IoU yes, Frechet yes**",
        "**box IoU no change, Frechet no change**",
        "**yes, in box IoU**",
    ):
        assert answer in text, answer
    assert all((page.parent / "stage3" / name).stat().st_size > 10_000 for name in ("judges.png", "arms.png"))
    write_results(tmp_path, judge=0.5, net=0.4)
    write_stage3_page(tmp_path, page)
    assert "**no: nothing is left to learn**" in page.read_text(encoding="utf-8")


def test_a_worker_that_dies_is_named(tmp_path: Path) -> None:
    died = run_workers(tmp_path, ["-c", "raise SystemExit('no disk')"], 1, float("inf"))
    assert died == ["worker 0 died: no disk"]


@pytest.mark.slow
def test_a_rehearsal_runs_from_the_clips_to_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage3_checks.main([str(tmp_path), "--rehearse", "--workers", "1"]) == 0, capsys.readouterr().out
    assert stage3_checks.main(["--report", str(tmp_path), "--page", str(tmp_path / "stage3.md")]) == 0
    assert "A rehearsal" in (tmp_path / "stage3.md").read_text(encoding="utf-8")
