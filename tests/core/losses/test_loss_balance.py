"""The balance of the diffusion loss and the adversarial one."""

from __future__ import annotations

import math

import pytest

from flashmotion_core.losses.balance import Constant, GradientBalance, Inverse, Linear, LossBalance, loss_balance

from ...support.sentences import refuses


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Inverse(), (10, 2, 1, 0.476, 0.244)),
        (Linear(), (0.1, 0.125, 0.156, 0.225, 0.35)),
        (Constant(), (1, 1, 1, 1, 1)),
    ],
)
def test_lambda_at_the_steps_of_the_paper(schedule: LossBalance, expected: tuple[float, ...]) -> None:
    assert [schedule(step) for step in (0, 100, 225, 500, 1000)] == pytest.approx(expected, abs=5e-4)


def test_mean_lambda_over_a_thousand_steps() -> None:
    assert sum(map(Inverse(), range(1000))) / 1000 == pytest.approx(0.93, abs=5e-3)
    assert sum(map(Linear(), range(1000))) / 1000 == pytest.approx(0.225, abs=5e-4)


def test_gradient_balance_reaches_its_ratio() -> None:
    schedule = GradientBalance(ramp_steps=100)
    schedule.observe(diffusion_norm=8.0, gan_norm=0.5)
    for step, ratio in ((0, 3.0), (50, 1.75), (100, 0.5), (1000, 0.5)):
        assert schedule(step) * 8.0 / 0.5 == pytest.approx(ratio)


def test_gradient_balance_smooths_the_norms() -> None:
    schedule = GradientBalance(start=1, end=1, decay=0.75)
    schedule.observe(4.0, 1.0)
    schedule.observe(8.0, 3.0)
    assert schedule(0) == pytest.approx((0.75 * 1 + 0.25 * 3) / (0.75 * 4 + 0.25 * 8))


def test_gradient_balance_goes_on_after_a_resume() -> None:
    schedule, again = GradientBalance(), GradientBalance()
    again.load_state_dict(schedule.state_dict())
    for norms in ((3.0, 1.0), (5.0, 0.1)):
        schedule.observe(*norms)
    again.load_state_dict(schedule.state_dict())
    for one in (schedule, again):
        one.observe(7.0, 0.3)
    assert again(5) == schedule(5)


def test_schedules_without_state_take_part_all_the_same() -> None:
    schedule = loss_balance("inverse", a=1e-3, b=0.2)
    schedule.observe(1.0, 2.0)
    schedule.load_state_dict(schedule.state_dict())
    assert schedule(0) == 5.0
    assert isinstance(loss_balance("gradient_balance", decay=0.5), GradientBalance)


@pytest.mark.parametrize("norms", [(0.0, 1.0), (math.nan, 1.0), (1.0, math.inf), (1.0, -1.0)])
def test_gradients_that_cannot_be_balanced(norms: tuple[float, float]) -> None:
    value = f"{norms[0]!r} (diffusion) and {norms[1]!r} (GAN)"
    with refuses(key="gradient norms", value=value, remedy="choose another lambda mode"):
        GradientBalance().observe(*norms)


@pytest.mark.parametrize(
    ("mode", "options", "key", "value", "remedy"),
    [
        ("cosine", {}, "lambda mode", "'cosine'", "one of inverse, linear, constant, gradient_balance"),
        ("inverse", {"b": 0}, "inverse", "b = 0", "b > 0"),
        ("linear", {"k": -1}, "linear", "k = -1", ">= 0"),
        ("constant", {"value": -1}, "constant", "value = -1", "value >= 0"),
        ("gradient_balance", {"decay": 1}, "gradient_balance", "decay = 1", "a decay from 0 to below 1"),
        ("gradient_balance", {"ramp_steps": 0}, "gradient_balance", "ramp_steps = 0", "at least one step"),
    ],
)
def test_a_balance_that_makes_no_sense(mode: str, options: dict[str, float], key: str, value: str, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        loss_balance(mode, **options)
