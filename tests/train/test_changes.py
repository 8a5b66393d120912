"""Settings that are changed on the way: which phases may continue with them, and that the run remembers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train import parallel
from train.command import main
from train.config.load import load
from train.errors import TrainError
from train.monitor.console import Console
from train.run_folder.changes import FILE, keep_change, read_changes
from train.run_folder.run import Phase, Run
from train.story import fingerprints_before, run_phases

from ..support.sentences import names, refuses


def phases_with(folder: Path, *overrides: str) -> tuple[Run, list[Phase]]:
    run = Run(load("smoke", overrides), folder, parallel.start("cpu"), Console.silent())
    return run, run_phases(run)


@pytest.mark.parametrize(
    ("change", "continued"),
    [
        ("stage1.steps=12", {"stage1_resnet", "stage1_controlnet"}),
        ("stage2.fake_optim.lr=1e-5", {"stage2"}),
        ("base.optim.lr=1e-4", {"base"}),
        ("data.frames=5", set()),
        ("models.sizes.dim=128", set()),
    ],
)
def test_only_a_phases_own_settings_may_change_on_the_way(change: str, continued: set[str], tmp_path: Path) -> None:
    run, _ = phases_with(tmp_path)
    before = run.config
    run, phases = phases_with(tmp_path, change)
    found = fingerprints_before(run, phases, [before])
    assert {name for name, marks in found.items() if marks} == continued


def test_a_done_phase_begins_again_where_its_settings_changed_on_the_way(tmp_path: Path) -> None:
    run, phases = phases_with(tmp_path)
    stage1 = next(phase for phase in phases if phase.name == "stage1_resnet")
    run.phase_folder(stage1.name).mkdir(parents=True)
    (run.phase_folder(stage1.name) / "done.json").write_text(
        json.dumps({"fingerprint": stage1.fingerprint, "seconds": 1})
    )
    longer, phases = phases_with(tmp_path, "stage1.steps=12")
    stage1 = next(phase for phase in phases if phase.name == "stage1_resnet")
    assert longer.state(stage1) == "other"
    longer.earlier = fingerprints_before(longer, phases, [run.config])
    assert longer.state(stage1) == "begun"


def test_a_run_remembers_what_was_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--config", "smoke", "--run", str(tmp_path), "--dry-run"]
    with refuses(TrainError, key="--continue-with", value="has not begun", remedy="at the end of the command"):
        keep_change(tmp_path, ["stage1.steps=12"])
    (tmp_path / "config.yaml").write_text("name: smoke\n")
    for setting in ("stage1.steps=12", "stage1.steps=12", "stage1.optim.lr=1e-5"):
        keep_change(tmp_path, [setting])
    assert read_changes(tmp_path) == [["stage1.steps=12"], ["stage1.optim.lr=1e-5"]]
    assert main(command) == 0
    assert "Changed on the way" in (said := capsys.readouterr().out)
    assert "stage1.steps=12, stage1.optim.lr=1e-5" in said
    assert main([*command, "--continue-with", "stage1.stepps=3"]) == 1
    names(capsys.readouterr().out, key="stage1.stepps", remedy="did you mean steps?")
    assert len(read_changes(tmp_path)) == 2, "a setting that does not exist is not remembered"


@pytest.mark.parametrize("text", ["[", "{}", "[1]", '[{"set": 3}]', "[" * 100_000])
def test_damaged_changes_are_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with refuses(TrainError, key=FILE, value="is damaged", remedy="give its settings again"):
        read_changes(tmp_path)
