"""Optimizers, their state, the learning rate and clipping."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from train.engine.optim import clip, load_optimizer_state, lr_factor, make_optimizer, optimizer_state
from train.errors import TrainError

from ...support.sentences import refuses

CPU = torch.device("cpu")
OPTIONS: dict[str, Any] = {"betas": (0.9, 0.95), "weight_decay": 0.1, "device": CPU}
KINDS = ["adamw", "adamw_kahan"]


def model_of(kind: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    return model.bfloat16() if kind == "adamw_kahan" else model


def named(model: nn.Module, only: str = "") -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if name.startswith(only)}


def optimizer_of(kind: str, model: nn.Module, only: str = "") -> torch.optim.Optimizer:
    if kind == "adamw_kahan":
        pytest.importorskip("optimi")
    return make_optimizer(kind, named(model, only), lr=1e-2, **OPTIONS)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(5, 6, generator=torch.Generator().manual_seed(step)).to(next(model.parameters()).dtype)
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def same_weights(left: nn.Module, right: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left.parameters(), right.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("only", ["", "2."], ids=["all", "subset"])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_restored_optimizer_goes_on_bit_equal(kind: str, only: str, steps: int) -> None:
    model = model_of(kind)
    optimizer = optimizer_of(kind, model, only)
    train(model, optimizer, range(steps))
    saved = copy.deepcopy(optimizer_state(named(model), optimizer))
    other = model_of(kind, seed=1)
    other.load_state_dict(model.state_dict())
    restored = optimizer_of(kind, other, only)
    load_optimizer_state(named(other), restored, saved)
    for run in ((model, optimizer), (other, restored)):
        train(*run, range(steps, steps + 3))
    assert same_weights(model, other)
    assert not same_weights(model, model_of(kind))
    names = {name for name, _ in model.named_parameters() if name.startswith(only)}
    assert {name for name in saved if not name.startswith("group")} == names


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_the_state_changes_nothing(kind: str) -> None:
    """Neither before the first step, nor between backward and step, nor with a parameter that had no gradient yet."""
    asked, quiet = model_of(kind), model_of(kind)
    optimizers = [optimizer_of(kind, model) for model in (asked, quiet)]
    weights = copy.deepcopy(asked)
    optimizer_state(named(asked), optimizers[0])
    assert same_weights(asked, weights)
    assert all(parameter.grad is None for parameter in asked.parameters())
    for model, optimizer in zip((asked, quiet), optimizers, strict=True):
        for step in range(4):
            model.requires_grad_(True)
            if step < 2:  # the last layer waits
                model[2].requires_grad_(False)
            model(torch.ones(1, 6, dtype=weights[0].weight.dtype)).square().mean().backward()
            if model is asked:
                optimizer_state(named(asked), optimizer)
            optimizer.step()
            optimizer.zero_grad()
    assert same_weights(asked, quiet)
    assert not same_weights(asked, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_loading_in_place_needs_no_copy(kind: str) -> None:
    model = model_of(kind)
    optimizer = optimizer_of(kind, model)
    train(model, optimizer, range(2))
    live = optimizer_state(named(model), optimizer)
    for values in live.values():
        for value in values.values():
            value.fill_(3)
    assert all(
        (value == 3).all() for values in optimizer_state(named(model), optimizer).values() for value in values.values()
    )


def test_small_parameters_do_not_decay() -> None:
    model = model_of("adamw")
    optimizer = optimizer_of("adamw", model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        expected = 1 - 1e-2 * 0.1 if parameter.ndim == 2 else 1.0
        assert torch.equal(parameter, torch.full_like(parameter, expected)), name


def test_kahan_keeps_what_bfloat16_drops() -> None:
    pytest.importorskip("optimi")
    ends = {}
    for kind in ("adamw", "adamw_kahan"):
        weight = nn.Parameter(torch.ones(4, 4, dtype=torch.bfloat16))
        optimizer = make_optimizer(
            kind,
            {"w": weight},
            lr=1e-4,
            betas=(0.9, 0.95),
            weight_decay=0.0,
            device=CPU,
        )
        for _ in range(500):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
        ends[kind] = weight[0, 0].item()
    assert ends["adamw"] == 1  # each update is below half a unit in the last place
    assert ends["adamw_kahan"] == pytest.approx(0.95, abs=0.004)


def test_kahan_takes_float32_beside_bfloat16() -> None:
    pytest.importorskip("optimi")
    ends = {}
    for kind in ("adamw", "adamw_kahan"):
        torch.manual_seed(0)
        weights = {"half": nn.Parameter(torch.ones(4, 4).bfloat16()), "full": nn.Parameter(torch.ones(4, 4))}
        optimizer = make_optimizer(kind, weights, lr=1e-2, **OPTIONS)
        for _ in range(20):
            for weight in weights.values():
                weight.grad = torch.randn(4, 4).to(weight.dtype)
            optimizer.step()
        ends[kind] = weights["full"].detach()
        state = optimizer_state(weights, optimizer)
    assert "kahan_comp" in state["half"]
    assert "kahan_comp" not in state["full"]
    torch.testing.assert_close(ends["adamw_kahan"], ends["adamw"], rtol=1e-4, atol=1e-4)


def test_what_cannot_be_had_is_said() -> None:
    parameters = {"w": nn.Parameter(torch.ones(2, 2))}
    with refuses(TrainError, key="adamw8bit, which needs a GPU", value="the device is cpu", remedy="use adamw."):
        make_optimizer("adamw8bit", parameters, lr=1e-3, **OPTIONS)
    with refuses(TrainError, key="optimizer", value="is 'adam'", remedy="one of adamw, adamw_kahan and adamw8bit"):
        make_optimizer("adam", parameters, lr=1e-3, **OPTIONS)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    factors = [lr_factor(step, 100, warmup=10, decay=0.2, kind="linear") for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(factors[10:80]) == {1.0}
    assert factors[79:] == pytest.approx([1 - 0.99 * step / 20 for step in range(21)])
    cosine = [lr_factor(step, 100, warmup=0, decay=0.2, kind="cosine") for step in range(100)]
    assert set(cosine[:80]) == {1.0}
    assert cosine[89] == pytest.approx(0.505)
    assert cosine[99] == pytest.approx(0.01)
    assert cosine == sorted(cosine, reverse=True)
    assert {lr_factor(step, 9, warmup=0, decay=0.0, kind="cosine") for step in range(9)} == {1.0}
    assert lr_factor(0, 4, warmup=4, decay=1.0, kind="linear") == pytest.approx(0.25)
    assert lr_factor(3, 4, warmup=4, decay=1.0, kind="linear") == pytest.approx(0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_clip(dtype: torch.dtype) -> None:
    parameters = [nn.Parameter(torch.zeros(shape, dtype=dtype)) for shape in ((3, 4), (5,), (2,))]
    for parameter in parameters[:2]:
        parameter.grad = torch.full_like(parameter, 2.0)
    norm = clip(parameters, 100.0)
    assert norm.dtype == torch.float32
    assert float(norm) == pytest.approx((17 * 4) ** 0.5)
    assert all((parameter.grad == 2).all() for parameter in parameters[:2] if parameter.grad is not None)
    clip(parameters, 1.0)
    assert float(clip(parameters, 1.0)) == pytest.approx(1.0, rel=1e-5 if dtype == torch.float32 else 1e-2)
    assert float(clip([parameters[2]], 1.0)) == 0
