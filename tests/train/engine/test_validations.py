"""Validations: they change nothing that is trained, the best weights survive a resume, and patience ends a phase."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from train.data.encoded import EncodedClips
from train.engine import checkpoint
from train.engine.trainer import Trainer
from train.errors import TrainError
from train.monitor.console import Console
from train.monitor.run_log import read_log

from ...support.sentences import refuses
from ...support.small_runs import equal, figures, final_state, prepared, signal_after

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

EVERY = {"stage1": {"steps": 12, "validate_every": 2}}
SCORES = {2: 0.2, 4: 0.6, 6: 0.5, 8: 0.6, 10: 0.3, 12: 0.7}


def validated(
    clips: EncodedClips, folder: Path, scores: dict[int, float] | None = None, **changes: Any
) -> tuple[Trainer, list[int], StringIO]:
    """A trainer whose validations find these scores, the steps at which it was validated, and what it says."""
    trainer, steps, said = (
        prepared("flow_resnet", clips, folder, **{"config": EVERY, **changes}),
        list[int](),
        StringIO(),
    )

    def validate(step: int, tracker: object) -> dict[str, float]:
        steps.append(step)
        torch.rand(7)  # one that draws from everybody's generator
        found = (SCORES if scores is None else scores).get(step)
        return {"sharpness": 0.9} if found is None else {"score": found, "sharpness": 0.9}

    trainer.validations.validate = validate
    trainer.validations.console = trainer.console = Console(said, plain=True)
    return trainer, steps, said


def average_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    with trainer.result():
        return {key: value.detach().clone() for key, value in trainer.method.updates["student"].parameters.items()}


def test_validations_change_no_bit_of_what_is_trained(clips: EncodedClips, tmp_path: Path) -> None:
    with_them, steps, _ = validated(clips, tmp_path / "with")
    with_them.run()
    without = prepared(
        "flow_resnet", clips, tmp_path / "without", config={"stage1": {"steps": 12, "validate_every": 0}}
    )
    without.run()
    assert steps == [2, 4, 6, 8, 10, 12]
    equal(final_state(with_them), final_state(without))
    seen = figures(tmp_path / "with")
    assert {key: value for key, value in seen.items() if "validation" not in key[1]} == figures(tmp_path / "without")


def test_the_best_weights_are_kept_beside_the_last_and_exported_if_asked(clips: EncodedClips, tmp_path: Path) -> None:
    scores = {**SCORES, 12: 0.1}
    short = prepared("flow_resnet", clips, tmp_path / "short", config=EVERY)
    signal_after(short, 4)
    with pytest.raises(KeyboardInterrupt):
        short.run()
    best = average_of(short)
    states = []
    for export_best in (False, True):
        trainer, _, said = validated(clips, tmp_path / str(export_best), scores, export_best=export_best)
        trainer.run()
        assert checkpoint.steps(tmp_path / str(export_best) / "checkpoints/best") == [4]
        assert checkpoint.latest(tmp_path / str(export_best) / "checkpoints") == 12
        states.append(average_of(trainer))
        assert ("its result is that of step 4, with score 0.600" in said.getvalue()) == export_best
    equal(states[1], best)
    assert any(not torch.equal(value, best[key]) for key, value in states[0].items())


def test_what_was_best_survives_a_resume(clips: EncodedClips, tmp_path: Path) -> None:
    whole, _, _ = validated(clips, tmp_path / "whole", export_best=True)
    whole.run()
    first, early, _ = validated(clips, tmp_path / "parts", export_best=True)
    signal_after(first, 6)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert early == [2, 4]  # the machine may be taken away: a checkpoint is more urgent
    second, late, _ = validated(clips, tmp_path / "parts", export_best=True)
    second.run()
    assert late == [6, 8, 10, 12]  # the one that was missing is made first
    assert second.validations.best == whole.validations.best == (12, 0.7)
    equal(average_of(second), average_of(whole))
    names = ("validation/score", "validation/sharpness")
    logs = [read_log(tmp_path / name / "log.csv") for name in ("whole", "parts")]
    assert [logs[0][name] for name in names] == [logs[1][name] for name in names]
    third, again, _ = validated(clips, tmp_path / "parts", export_best=True)
    third.run()
    assert again == []
    assert third.validations.best == (12, 0.7)


def test_patience_ends_a_phase_and_a_resume_agrees(clips: EncodedClips, tmp_path: Path) -> None:
    trainer, steps, said = validated(clips, tmp_path, patience=3)
    trainer.run()
    assert steps == [2, 4, 6, 8, 10]  # equal is no better
    assert trainer.iteration == 10
    assert checkpoint.latest(tmp_path / "checkpoints") == 10
    assert "ended after 10 of 12 steps, as score was best at step 4 (0.600)" in said.getvalue()
    again, more, _ = validated(clips, tmp_path, patience=3)
    again.run()
    assert (again.iteration, more) == (10, [])
    equal(final_state(again), final_state(trainer))
    on, rest, _ = validated(clips, tmp_path)  # without patience it goes on
    on.run()
    assert (on.iteration, rest) == (12, [12])


def test_a_phase_without_the_figure_has_no_best_and_says_so(clips: EncodedClips, tmp_path: Path) -> None:
    trainer, steps, said = validated(clips, tmp_path, {}, patience=1, export_best=True)
    trainer.run()
    assert steps == [2, 4, 6, 8, 10, 12]
    assert not (tmp_path / "checkpoints/best").exists()
    assert "no score, so validation.patience and validation.export_best do nothing here" in said.getvalue()
    average_of(trainer)


def test_a_budget_makes_one_validation_to_measure_and_leaves_no_trace_of_it(
    clips: EncodedClips, tmp_path: Path
) -> None:
    """A minute is enough for all steps, and not for as many validations of a minute."""
    trainer, steps, _ = validated(clips, tmp_path / "minutes", minutes=60.0)
    trainer.run()
    assert steps == [0, 2, 4, 6, 8, 10, 12]
    plain, _, _ = validated(clips, tmp_path / "plain")
    plain.run()
    equal(final_state(trainer), final_state(plain))
    assert figures(tmp_path / "minutes").keys() == figures(tmp_path / "plain").keys()
    long, _, said = validated(
        clips, tmp_path / "long", minutes=5.0, config={"stage1": {"steps": 900, "validate_every": 2}}
    )
    long.validations.seconds = lambda tracker: 60.0  # type: ignore[method-assign]
    long._settle(None)
    assert long.steps == 20
    assert "enough for 20 of 900 steps" in said.getvalue()


def test_damaged_best_weights_are_one_sentence(clips: EncodedClips, tmp_path: Path) -> None:
    trainer, _, _ = validated(clips, tmp_path, export_best=True)
    trainer.run()
    (weights,) = (tmp_path / "checkpoints/best/step_000012").glob("*.distcp")
    weights.write_bytes(weights.read_bytes()[:100])
    with refuses(TrainError, key="best", value="step_000012", remedy="validation.export_best=false"), trainer.result():
        pass


def test_best_weights_of_another_configuration_do_not_count(clips: EncodedClips, tmp_path: Path) -> None:
    trainer, _, _ = validated(clips, tmp_path)
    trainer.run()
    (notes,) = (tmp_path / "checkpoints/best").glob("*/trainer.json")
    notes.write_text(notes.read_text().replace('"fingerprint": "f"', '"fingerprint": "g"'))
    again, _, _ = validated(clips, tmp_path)
    again.run()
    assert again.validations.best is None
    assert checkpoint.steps(tmp_path / "checkpoints/best") == []
