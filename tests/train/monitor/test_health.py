"""When training stops by itself, and what it says then."""

from __future__ import annotations

import json
import math

import pytest

from train.config.load import parse
from train.config.schema import HealthSettings
from train.errors import TrainError, TrainingStopped
from train.monitor.health import Health

from ...support.sentences import names, refuses

FROZEN = {"motion/student": 0.01, "motion/teacher": 0.1}
LIVELY = {"motion/student": 0.08, "motion/teacher": 0.1}


def watch(phase: str = "stage2", **settings: object) -> Health:
    return Health(HealthSettings(**settings), phase)  # type: ignore[arg-type]


def test_a_healthy_run_continues() -> None:
    health = watch()
    for step in range(50):
        assert health.check(step, {"loss/flow": 0.1, "gan/gap": 1.0, "lr/student": 1e-6, **LIVELY}) == []
    assert health.warnings == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss/flow", "gradient_norm/fake", "loss_by_sigma/sigma_0.3"])
def test_a_loss_that_is_not_finite_stops_at_once(name: str, value: float) -> None:
    with refuses(TrainingStopped, key=f"step 420: {name}", value=value, remedy="set precision: fp32"):
        watch().check(420, {"loss/other": 1.0, name: value})


def test_other_metrics_may_be_infinite() -> None:
    assert watch().check(1, {"validation/psnr": math.inf}) == []


def test_the_sentence_names_the_learning_rate_and_its_value() -> None:
    health = Health(HealthSettings(), "stage2", {"fake": "fake_optim"})
    rates = {"lr/student": 5e-7, "fake/lr": 1e-7}
    with refuses(
        TrainingStopped, key="gradient_norm/fake", value="nan", remedy="stage2.fake_optim.lr (now 1e-07)"
    ) as raised:
        health.check(1, {**rates, "gradient_norm/fake": math.nan})
    assert "stage2.optim.lr" not in str(raised.value)
    # The loss does not belong to one update, so either may help.
    with refuses(
        TrainingStopped,
        key="loss/dmd",
        value="nan",
        remedy="stage2.optim.lr (now 5e-07) or stage2.fake_optim.lr (now 1e-07)",
    ):
        health.check(1, {**rates, "loss/dmd": math.nan})


def test_a_discriminator_that_has_won_stops_after_patience() -> None:
    health = watch("stage3", patience=3)
    for step, gap in enumerate([6.0, 6.0, 4.9, 6.0, 6.0]):
        health.check(step, {"gan/gap": gap})
    health.check(5, {"loss/diffusion": 1.0})  # an interval without the metric neither counts nor forgives
    with refuses(
        TrainingStopped, key="gan/gap", value="5.10", remedy="raise stage3.gan.r1_weight or lower stage3.gan.optim.lr"
    ):
        health.check(6, {"gan/gap": 5.1})


def test_a_frozen_video_stops_after_patience() -> None:
    health = watch(patience=3)
    for step, motion in enumerate([FROZEN, FROZEN, LIVELY, FROZEN, FROZEN]):
        health.check(step, motion)
    with refuses(TrainingStopped, key="frozen", value="10 %", remedy="lower stage2.guidance_scale") as raised:
        health.check(6, FROZEN)
    names(raised.value, key="30 %", remedy="raise stage2.ratio")


def test_a_teacher_that_stands_still_sets_no_standard() -> None:
    health = watch(patience=1)
    assert health.check(1, {"motion/student": 0.0, "motion/teacher": 0.0}) == []
    assert health.check(2, {"motion/student": 0.0}) == []


def test_a_warning_is_said_once_until_it_returns() -> None:
    health = watch()
    slow = {"motion/student": 0.04, "motion/teacher": 0.1}
    (warning,) = health.check(1, slow)
    assert "40 %" in warning
    assert health.check(2, slow) == []
    assert len(health.warnings) == 1
    assert health.check(3, {"loss/flow": 1.0}) == []
    assert health.check(4, slow) == []  # not judged in between, so not new
    assert len(health.check(5, {**slow, "gan/gap": 3.5})) == 1
    assert health.check(6, {**LIVELY, "gan/gap": 1.0}) == health.warnings == []
    assert len(health.check(7, slow)) == 1


def test_each_rule_can_be_switched_off() -> None:
    health = watch(max_gap=None, motion_floor=None, patience=1)
    assert health.check(1, {"gan/gap": 1e6, **FROZEN}) == []


def test_patience_survives_a_resume() -> None:
    first = watch(patience=2)
    assert len(first.check(1, FROZEN)) == 1
    second = watch(patience=2)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    with pytest.raises(TrainingStopped):
        second.check(2, FROZEN)
    third = watch(patience=9)
    third.load_state_dict(first.state_dict())
    assert third.check(2, FROZEN) == []  # warned before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_gap", 0.0),
        ("max_gap", math.nan),
        ("motion_floor", 1.5),
        ("motion_floor", -0.1),
        ("patience", 0),
    ],
)
def test_limits_that_make_no_sense(name: str, value: float) -> None:
    with refuses(TrainError, key=f"health.{name}", value=value):
        parse({"name": "limits", "health": {name: value}})
