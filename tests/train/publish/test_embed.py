"""Embedding a finished run: which files, that they load together, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flashmotion_core.adapters import build_adapter, read_adapter, read_generator_info
from flashmotion_core.codec.vae import load_vae
from flashmotion_core.files.weights import read_tensors
from flashmotion_core.generation.loading import load_generator
from flashmotion_core.reports.contact_sheets import write_png
from train.errors import TrainError
from train.evaluation.control_measures import TRACKED
from train.evaluation.measures import PICTURES
from train.evaluation.report_page import figures, show_row, write_json
from train.evaluation.summary import RowResult
from train.publish.embed import check_sizes, main
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Run

from ...support.sentences import refuses
from ...support.tiny_run import trained_run

pytestmark = pytest.mark.slow

KINDS = ("resnet", "controlnet")
PHASES = ("codec", "data", "base", "stage1_resnet", "stage1_controlnet", "stage2", "stage3_resnet", "stage3_controlnet")
ROWS = ("slow_adapter", "slow_adapter_few", "slow_adapter_on_fast", "flashmotion", "random_trajectory")


def results(seed: int) -> list[RowResult]:
    """Made-up figures of three clips."""
    rng = np.random.default_rng(seed)

    def row(name: str, kind: str | None) -> RowResult:
        scores: list[Any] = [dict.fromkeys((*TRACKED, *PICTURES), float(value)) for value in rng.uniform(0.2, 0.9, 3)]
        return RowResult(name, kind, 4 if kind else None, scores, rng.normal(size=(3, 5)), 0.5 if kind else None)

    return [
        row("real", None),
        row("oracle", None),
        row("static", None),
        *(row(name, kind) for kind in KINDS for name in ROWS),
    ]


def finish(run: Run) -> None:
    """What training and evaluation leave besides models."""
    for number, phase in enumerate(PHASES):
        folder = run.phase_folder(phase)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "done.json").write_text(json.dumps({"fingerprint": "f", "seconds": 60.0 * number}))
        write_png(folder / "curves.png", np.full((40, 60, 3), 20 * number, dtype=np.uint8))
    source = Artifacts(run).source("eval")
    clips = [source.clip(index) for index in range(2)]
    found = {name: results(seed) for seed, name in enumerate(("eval_a_1", "eval_b_2"))}
    for result in found["eval_a_1"]:
        if result.name not in ("real",):
            key = result.name if result.kind is None else f"{result.name}_{result.kind}"
            show_row(run.phase_folder("evaluate") / "rows/eval_a_1", key, clips, [clip.frames_THWC for clip in clips])
    write_json(run.folder / "report/metrics.json", figures(found, {"eval_a_1": 1, "eval_b_2": 2}, 0))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embed")
    finish(trained_run(folder / "run"))
    assert (
        main(
            [
                str(folder / "run"),
                "--to",
                str(folder / "tiny"),
                "--docs",
                str(folder / "docs"),
                "--command",
                "make it so",
            ]
        )
        == 0
    )
    return folder


def test_the_quickstarts_files_are_there_in_float16_and_fit_together(embedded: Path) -> None:
    tiny = embedded / "tiny"
    names = sorted(path.relative_to(tiny).as_posix() for path in tiny.rglob("*.safetensors"))
    assert names == [
        "diffusion_models/flashmotion_tiny_generator.safetensors",
        "diffusion_models/flashmotion_tiny_slow_generator.safetensors",
        "model_patches/flashmotion_tiny_controlnet.safetensors",
        "model_patches/flashmotion_tiny_resnet.safetensors",
        "model_patches/flashmotion_tiny_slow_controlnet.safetensors",
        "model_patches/flashmotion_tiny_slow_resnet.safetensors",
        "vae/flashmotion_tiny_vae.safetensors",
    ]
    assert {value.dtype for name in names for value in read_tensors(tiny / name)[0].values()} == {torch.float16}
    for prefix in ("", "slow_"):
        path = tiny / f"diffusion_models/flashmotion_tiny_{prefix}generator.safetensors"
        generator = load_generator(path, "cpu", torch.float32)
        for kind in KINDS:
            file = read_adapter(tiny / f"model_patches/flashmotion_tiny_{prefix}{kind}.safetensors")
            assert file.base_fingerprint == generator.fingerprint
            assert build_adapter(file, read_generator_info(path).config).kind == kind
    load_vae(tiny / "vae/flashmotion_tiny_vae.safetensors", "cpu", torch.float32)


def test_fast_and_slow_weights_are_not_mixed_up(embedded: Path) -> None:
    models, tiny = embedded / "run/models", embedded / "tiny"
    for source, target in (
        ("diffusion_models/tiny_fast_generator", "diffusion_models/flashmotion_tiny_generator"),
        ("diffusion_models/tiny_slow_generator", "diffusion_models/flashmotion_tiny_slow_generator"),
        ("model_patches/tiny_fast_resnet", "model_patches/flashmotion_tiny_resnet"),
        ("model_patches/tiny_slow_controlnet", "model_patches/flashmotion_tiny_slow_controlnet"),
    ):
        before, after = (
            read_tensors(folder / f"{name}.safetensors")[0] for folder, name in ((models, source), (tiny, target))
        )
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key].half(), after[key]) for key in before)


def test_figures_card_and_pictures(embedded: Path) -> None:
    tiny, docs = embedded / "tiny", embedded / "docs"
    metrics = json.loads((tiny / "metrics.json").read_text())
    flash = [row for row in metrics["rows"] if row["name"] == "flashmotion"]
    assert {
        "name",
        "adapter",
        "steps",
        "box_iou",
        "mask_iou",
        "frechet",
        "sharpness",
        "seconds",
        "clips",
        "seed",
    } <= flash[0].keys()
    assert {(row["set"], row["adapter"]) for row in flash} == {
        (part, kind) for part in ("eval_a_1", "eval_b_2", "all sets") for kind in KINDS
    }
    assert metrics["phases"] == {phase: 60.0 * number for number, phase in enumerate(PHASES)}
    assert (tiny / "config.yaml").read_text() == (embedded / "run/config.yaml").read_text()
    assert sorted(path.stem for path in (tiny / "curves").glob("*.png")) == sorted(PHASES)
    card = (tiny / "MODEL_CARD.md").read_text()
    for expected in (
        "`make it so`",
        "Apache-2.0",
        "64 x 64",
        "6 held-out clips",
        "stream eval_b, seed 2",
        "stage3_resnet 6 min",
    ):
        assert expected in card, expected
    shown = [row for row in flash if row["set"] == "all sets"]
    assert all(f"{row['box_iou']:.3f}" in card for row in shown)
    assert "FastAdapter, FastGenerator (controlnet)" in card
    assert "**open**: " in card  # six clips settle little
    assert str(embedded) not in card
    assert "{" not in card
    plot, sheet = Image.open(docs / "rows.png"), Image.open(docs / "clips.png")
    assert plot.width == 1500
    rows = 1 + 2 * len(ROWS)
    assert sheet.size == (6 * 68 + 4, 2 * (1 + rows) * (64 + 18))
    assert not list(tiny.glob(".embedding*"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda run: (run.phase_folder("stage3_controlnet") / "done.json").unlink(),
            "is not finished: stage3_controlnet is not done",
        ),
        (
            lambda run: (run.folder / "report/metrics.json").unlink(),
            "has no report/metrics.json; evaluate it with python -m train.evaluate_run",
        ),
        (
            lambda run: os.utime(Artifacts(run).generator_path("fast"), (4e9, 4e9)),
            "tiny_fast_generator.safetensors is newer than",
        ),
        (
            lambda run: write_json(run.folder / "report/metrics.json", {"rows": [], "bars": []}),
            "has no row for the resnet adapter",
        ),
    ],
)
def test_what_is_not_finished_is_refused(
    spoil: Any, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_run(tmp_path / "run")
    finish(run)
    spoil(run)
    assert main([str(run.folder), "--to", str(tmp_path / "tiny"), "--docs", str(tmp_path / "docs")]) == 1
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.glob("tiny/*"))


def test_what_is_too_large_is_refused() -> None:
    sizes = {
        "vae": 20.0,
        "generator": 13.0,
        "resnet": 8.0,
        "controlnet": 9.0,
        "slow_generator": 13.0,
        "slow_resnet": 8.0,
    }
    check_sizes(sizes, KINDS)
    with refuses(TrainError, key="the generator, an adapter and the codec", value="62.0 MB", remedy="60"):
        check_sizes({**sizes, "vae": 40.0}, KINDS)
    with refuses(TrainError, key="all weights", value="101.0 MB", remedy="100"):
        check_sizes({**sizes, "slow_generator": 43.0}, KINDS)
