"""Schedules, the re-noise step and the few-step loop."""

from __future__ import annotations

import pytest
import torch

from flashmotion_core.metadata.entries import read_schedule
from flashmotion_core.sampling.few_step import (
    comfyui_noise,
    control_sigma,
    denoised,
    few_step,
    in_control_range,
    renoise,
)
from flashmotion_core.sampling.schedule import (
    AS_TRAINED,
    FROM_MODEL,
    PRESETS,
    Schedule,
    check_sigmas,
    parse_sigmas,
    plain_sigmas,
    preset_schedule,
    recognise_schedule,
    resolve_sigmas,
    shift_sigma,
    turbo_sigmas,
)

from ...support.sentences import refuses


def test_the_schedules_of_the_paper() -> None:
    assert plain_sigmas(4) == (1.0, 0.75, 0.5, 0.25)
    assert turbo_sigmas(4) == pytest.approx((1.0, 0.9375, 5 / 6, 0.625), abs=1e-15)
    assert [round(1000 * sigma, 1) for sigma in turbo_sigmas(4)] == [1000.0, 937.5, 833.3, 625.0]
    assert Schedule().sigmas == pytest.approx(turbo_sigmas(4), abs=1e-15)


def test_shift_maps_the_unit_interval_onto_itself() -> None:
    assert (shift_sigma(0.0, 5.0), shift_sigma(1.0, 5.0)) == (0.0, 1.0)
    assert shift_sigma(0.3, 1.0) == pytest.approx(0.3)


def test_schedule_travels_as_json() -> None:
    schedule = Schedule("custom", (1.0, 0.5), 3.0)
    assert read_schedule(schedule.to_json(), "the schedule", "export it again") == schedule


@pytest.mark.parametrize(
    ("text", "key", "value", "remedy"),
    [
        ("", "the schedule", '""', "must be JSON; export it again"),
        ("{}", "the schedule.name", "is missing", "export it again"),
        ("[1]", "the schedule", "a list of 1 items", "must be an object; export it again"),
        ('{"name":"x","sigmas":[2],"shift":5}', "sigmas", "[2.0]", "fall strictly from at most 1 to above 0"),
        ('{"name":"x","sigmas":[1],"shift":-1}', "shift", -1.0, "must be a positive number"),
    ],
)
def test_a_damaged_schedule_is_refused(text: str, key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        read_schedule(text, "the schedule", "export it again")


@pytest.mark.parametrize("text", ["1, 0.9375 0.8333,0.625", "1 .9375 .8333 .625 0"])
def test_typed_sigmas(text: str) -> None:
    assert parse_sigmas(text) == (1.0, 0.9375, 0.8333, 0.625)


@pytest.mark.parametrize(
    ("text", "value", "remedy"),
    [
        ("", "''", "separated by commas"),
        ("one, two", "'one, two'", "separated by commas"),
        ("0", "[0.0]", "fall strictly"),
        ("1, 1", "[1.0, 1.0]", "fall strictly"),
        ("0.5, 0.75", "[0.5, 0.75]", "fall strictly"),
        ("2, 1", "[2.0, 1.0]", "fall strictly"),
        ("nan", "[nan]", "fall strictly"),
        ("1, -0.5", "[1.0, -0.5]", "fall strictly"),
    ],
)
def test_typed_sigmas_that_make_no_schedule(text: str, value: str, remedy: str) -> None:
    with refuses(key="the sigmas", value=value, remedy=remedy):
        parse_sigmas(text)


def test_resolving_a_preset() -> None:
    own = Schedule("custom", (1.0, 0.5), 5.0)
    assert resolve_sigmas("turbo", 4, "", None) == turbo_sigmas(4)
    assert resolve_sigmas("custom", 9, "1, .5", None) == (1.0, 0.5)
    assert resolve_sigmas(FROM_MODEL, 2, "", own) == own.sigmas
    assert resolve_sigmas(FROM_MODEL, 8, "", Schedule()) == turbo_sigmas(8)
    assert resolve_sigmas(FROM_MODEL, 2, "", Schedule("plain", plain_sigmas(4), 5.0)) == plain_sigmas(2)
    with refuses(key="schedule has 2 steps", value="steps is 4", remedy="set it to 2"):
        resolve_sigmas(FROM_MODEL, 4, "", own)
    with refuses(key="model", value="no schedule", remedy="load it with LoadFastGenerator, or choose the preset turbo"):
        resolve_sigmas(FROM_MODEL, 4, "", None)
    with refuses(key="preset", value="'fast'", remedy="one of from model, turbo, plain, fastwan, custom"):
        resolve_sigmas("fast", 4, "", None)


def test_fastwan_is_a_fixed_list_of_three() -> None:
    assert [round(1000 * sigma) for sigma in resolve_sigmas("fastwan", AS_TRAINED, "", None)] == [1000, 757, 522]
    assert preset_schedule("fastwan") == Schedule("fastwan", (1.0, 0.757, 0.522), 5.0)
    assert resolve_sigmas(FROM_MODEL, AS_TRAINED, "", preset_schedule("fastwan")) == (1.0, 0.757, 0.522)
    for preset, own in (("fastwan", None), (FROM_MODEL, preset_schedule("fastwan"))):
        with refuses(key="schedule fastwan has 3 steps", value="steps is 4", remedy="set it to 3"):
            resolve_sigmas(preset, 4, "", own)


def test_as_trained_is_each_schedules_own_number_of_steps() -> None:
    assert preset_schedule("turbo") == Schedule()
    assert resolve_sigmas("turbo", AS_TRAINED, "", None) == turbo_sigmas(4)
    assert resolve_sigmas("plain", AS_TRAINED, "", None) == plain_sigmas(4)
    assert resolve_sigmas(FROM_MODEL, AS_TRAINED, "", Schedule("custom", (1.0, 0.5), 5.0)) == (1.0, 0.5)
    assert set(PRESETS) == {"turbo", "plain", "fastwan"}


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Wan22_TI2V_5B_Turbo_lora_rank_adaptive_quantile_0.15_fp16.safetensors"], "turbo"),
        (["Wan2_2-TI2V-5B-FastWanFullAttn_bf16.safetensors"], "fastwan"),
        (["FastVideo/Fast-Wan 2.2", "ti2v"], "fastwan"),
        (["wan2.2_ti2v_5B_fp16.safetensors"], None),
        (["turbo and fastwan merged"], None),
        ([], None),
    ],
)
def test_a_schedule_is_recognised_by_its_name_only_where_that_is_plain(texts: list[str], name: str | None) -> None:
    assert recognise_schedule(texts) == name


def test_control_range_is_half_open() -> None:
    sigmas = turbo_sigmas(4)
    at = [control_sigma(fraction, 5.0) for fraction in (0, 0.25, 0.5, 0.75, 1)]
    inside = [in_control_range(sigma, at[1], at[3]) for sigma in sigmas]
    assert inside == [False, True, True, False]
    assert all(in_control_range(sigma, at[0], at[4]) for sigma in sigmas)
    assert not any(in_control_range(sigma, at[2], at[2]) for sigma in sigmas)


def test_control_range_survives_float32() -> None:
    sigmas = torch.tensor(turbo_sigmas(4))
    inside = [in_control_range(float(sigma), control_sigma(0.5, 5.0), control_sigma(0.75, 5.0)) for sigma in sigmas]
    assert inside == [False, False, True, False]


def test_renoise_inverts_the_clean_estimate() -> None:
    x0, noise = torch.randn(3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    torch.testing.assert_close(denoised(renoise(x0, noise, 0.7), noise - x0, 0.7), x0)
    assert torch.equal(renoise(x0, noise, 1.0), noise)


def test_loop_ends_at_the_last_clean_estimate() -> None:
    noise, later = comfyui_noise((2, 3), seed=7)
    calls: list[tuple[float, torch.Tensor]] = []

    def model(x: torch.Tensor, sigma: float) -> torch.Tensor:
        calls.append((sigma, x))
        return x * 0.5

    steps: list[int] = []
    out = few_step(model, noise, (1.0, 0.5), later, callback=lambda index, _: steps.append(index))
    again = comfyui_noise((2, 3), seed=7)[1]
    assert [sigma for sigma, _ in calls] == [1.0, 0.5]
    torch.testing.assert_close(calls[1][1], 0.5 * (noise * 0.5) + 0.5 * next(again))
    assert torch.equal(out, calls[1][1] * 0.5)
    assert steps == [0, 1]


def test_check_sigmas_drops_the_final_zero() -> None:
    assert check_sigmas([1, 0.5, 0]) == (1.0, 0.5)
