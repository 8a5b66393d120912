"""What stage 3 is worth: the calls decide as they say, no arm has an advantage, and everything runs once in small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import claims
from bench.claims_run.claim_arms import arm_settings, arms
from bench.claims_run.claim_calls import CLAIMS, CONTROLNET, RESNET, Call, Claim
from bench.claims_run.claim_jobs import jobs, only
from bench.claims_run.claim_page import write_page
from bench.claims_run.claim_sizes import FULL, REHEARSAL, settings
from bench.claims_run.claim_statistics import MEASURES
from bench.claims_run.claim_verdicts import Results, listed
from bench.claims_run.claim_workers import DONE, FAILED, TAKEN, marks, work_until

CLIPS = 40


def write_row(folder: Path, name: str, kind: str, seed: int = 0, far: float = 0.0, **means: float) -> None:
    """A row whose clips have these means and lie so far from the real ones."""
    rng = np.random.default_rng(len(name) + seed)
    scores = [
        {measure: means.get(measure, 0.5) + 0.01 * float(rng.standard_normal()) for measure in MEASURES}
        for _ in range(CLIPS)
    ]
    features = np.random.default_rng(1).standard_normal((CLIPS, 4)) + far
    text = json.dumps({"name": name, "kind": kind, "seed": seed, "scores": scores, "features": features.tolist()})
    (folder / f"row_{kind}_{name}_{seed}.json".replace(" ", "_")).write_text(text, encoding="utf-8")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results in which all gates are met and the paper is right about the ResNet."""
    write_row(tmp_path, "real", "")
    write_row(tmp_path, "codec", "", psnr=26)
    write_row(tmp_path, "paste", "", psnr=18)
    write_row(tmp_path, "static", "", box_iou=0.3)
    write_row(tmp_path, "slow_many", RESNET, far=0.5, box_iou=0.7, sharpness=0.9)
    write_row(tmp_path, "slow_few", RESNET, far=0.9, box_iou=0.7, sharpness=0.6)
    write_row(tmp_path, "slow_on_fast", RESNET, far=0.8, box_iou=0.6, sharpness=0.8)
    for seed in (0, 1):
        write_row(tmp_path, "diffusion only", RESNET, seed, far=0.9, box_iou=0.8, sharpness=0.6)
        write_row(tmp_path, "full, linear lambda", RESNET, seed, far=0.3, box_iou=0.8, sharpness=0.9)
        write_row(tmp_path, "more stage 1", RESNET, seed, far=0.7, box_iou=0.7, sharpness=0.8)
    judged = {"final": {"0.02": 0.9, "trained": 0.8}, "first": {"trained": 0.9}}
    (tmp_path / "judge_resnet_0.json").write_text(json.dumps(judged), encoding="utf-8")
    return tmp_path


def verdicts(folder: Path) -> dict[str, str]:
    found = Results(folder)
    return {claim.title: found.verdict(claim).verdict for claim in CLAIMS}


def test_a_paper_that_is_right_is_reproduced(results: Path) -> None:
    found = verdicts(results)
    assert [found[f"Fig. 1 ({letter})"] for letter in "abce"] == ["reproduced"] * 4
    assert found["Ablation, no GAN loss"] == "reproduced"
    assert found["Fig. 1 (d)"] == found["Main table, ControlNet against ResNet"] == "not run"


def test_no_better_than_more_stage_1_refutes_the_method(results: Path) -> None:
    for seed in (0, 1):
        write_row(results, "more stage 1", RESNET, seed, far=0.2, box_iou=0.9)
    assert verdicts(results)["Fig. 1 (e)"] == "refuted"


def test_without_its_premise_nothing_is_claimed(results: Path) -> None:
    judged = {"final": {"0.02": 0.7, "trained": 0.6}, "first": {"trained": 0.9}}
    (results / "judge_resnet_0.json").write_text(json.dumps(judged), encoding="utf-8")
    found = verdicts(results)
    assert (found["Fig. 1 (c)"], found["Fig. 1 (e)"]) == ("reproduced", "premise absent")
    write_row(results, "paste", "", psnr=21)
    assert set(verdicts(results).values()) == {"premise absent"}


def test_an_interval_that_holds_nothing_apart_is_undecided(results: Path) -> None:
    claim = Claim("", "", (), (Call(("slow_many", RESNET), ("slow_few", RESNET), "box_iou"),))
    assert Results(results).verdict(claim).verdict == "undecided"


def test_the_page_names_every_claim(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page" / "claims.md"
    page.parent.mkdir()
    write_page(results, page)
    text = page.read_text(encoding="utf-8")
    assert all(f"| {claim.title} |" in text for claim in CLAIMS)
    assert (page.parent / "claims" / "rows.png").stat().st_size > 10_000
    assert text.splitlines()[2].startswith(f"Of {len(CLAIMS)} claims: ")


def test_trained_too_little_is_said_as_it_is(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "claims.md"
    write_row(results, "static", "", box_iou=0.9)
    for paste, refuted in ((18, True), (21, False)):
        write_row(results, "paste", "", psnr=paste)
        write_page(results, page)
        warning = page.read_text(encoding="utf-8").splitlines()[4]
        assert warning.startswith("**Trained too little")
        assert ("refuted" in warning) == refuted
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_all_arms_are_alike_but_for_their_method() -> None:
    sizes = FULL.scaled(0.4)
    config = settings(sizes, "cpu")
    alike = set()
    for arm in arms(sizes).values():
        one: Any = arm_settings(arm, config, sizes)
        alike.add(
            (one.optim.model_dump_json(), one.ema.model_dump_json(), one.global_batch, getattr(one, "decay", 0.0))
        )
        ahead = getattr(one, "gan_warmup", 0)
        updates = (one.steps - ahead) / (one.ratio if hasattr(one, "ratio") and (ahead or arm.method == "dmd") else 1)
        assert updates == sizes.updates, arm.name
    assert len(alike) == 1


def test_parts_wait_for_parts_that_exist_and_rows_of_all_claims_are_made() -> None:
    found = jobs(REHEARSAL)
    names = [job.name for job in found]
    assert len(set(names)) == len(names)
    assert {need for job in found for need in job.needs} <= set(names)
    made = {(name, RESNET) for name in arms(REHEARSAL)} | {("static", ""), ("codec", ""), ("paste", "")}
    made |= {(name, kind) for name in ("slow_many", "slow_few", "slow_on_fast") for kind in (RESNET, CONTROLNET)}
    made |= {(name, CONTROLNET) for name in ("full, linear lambda", "GAN only", "diffusion only", "more stage 1")}
    assert {key for claim in CLAIMS for call in (*claim.calls, *claim.either) for key in (call.a, call.b)} <= made
    assert [job.name for job in only(found, "^base$")] == ["codec", *(f"clips_{n}" for n in range(12)), "base"]


def test_what_fails_holds_up_only_what_needs_it(tmp_path: Path) -> None:
    for kind in (DONE, TAKEN, FAILED):
        (tmp_path / kind).mkdir()

    def do(name: str) -> None:
        if name == "b":
            raise ValueError(name)

    work_until(tmp_path, ["d", "a", "b", "c"], {"a": (), "b": ("a",), "c": ("a",), "d": ("b",)}, float("inf"), do)
    assert (marks(tmp_path, DONE), marks(tmp_path, FAILED)) == ({"a", "c"}, {"b"})


@pytest.mark.slow
def test_a_rehearsal_runs_from_the_codec_to_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = "row_(real|codec|paste|slow_on_fast_resnet|resnet_(full|more|lcm|without_video))|judge"
    words = ["--rehearse", "--seeds", "1", "--workers", "1", "--only", parts, "--pack", str(tmp_path)]
    assert claims.main([str(tmp_path), *words]) == 0, capsys.readouterr().out
    report = ["--report", str(tmp_path / "claims_results.tar.gz"), "--page", str(tmp_path / "claims.md")]
    assert claims.main(report) == 0
    text = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert "A rehearsal" in text
    assert "| more stage 1 | 1 |" in text
