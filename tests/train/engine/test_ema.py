"""The moving average, against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.engine.ema import Ema

from ...support.sentences import refuses


def parameters_of(dtype: torch.dtype) -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    frozen = nn.Parameter(torch.randn(2), requires_grad=False)
    return {"a": nn.Parameter(torch.randn(3, 4).to(dtype)), "b": nn.Parameter(torch.randn(5).to(dtype)), "f": frozen}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_formula(dtype: torch.dtype) -> None:
    parameters = parameters_of(dtype)
    ema = Ema(parameters, decay=0.9, start=2)
    expected = torch.zeros(0)
    for step in range(6):
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.add_(torch.randn_like(parameter))
        ema.update(step)
        weight = parameters["a"].detach().double()
        decay = min(0.9, (step - 1) / (step + 8))  # it rises with the updates
        expected = weight if step < 2 else decay * expected + (1 - decay) * weight
    average = ema.state_dict()["a"]
    assert average.dtype == torch.float32
    torch.testing.assert_close(average.double(), expected, rtol=1e-6, atol=1e-6)
    assert set(ema.state_dict()) == {"a", "b"}


@pytest.mark.parametrize(("updates", "largest"), [(50, 0.25), (200, 0.06), (2000, 0.011)])
def test_no_update_outweighs_the_rest_of_a_phase(updates: int, largest: float) -> None:
    """With decay 0.99 from update 20 on, the weights of update 20 would be 74 % of an average of 50 updates."""
    parameters = {"a": nn.Parameter(torch.zeros(updates))}
    ema = Ema(parameters, decay=0.99, start=20)
    for step in range(updates):
        with torch.no_grad():
            parameters["a"].copy_(nn.functional.one_hot(torch.tensor(step), updates))
        ema.update(step)
    share = ema.state_dict()["a"]  # of each update's weights in the average
    assert share.sum() == pytest.approx(1)
    assert share.max() < largest
    assert (share * torch.arange(updates)).sum() > 0.85 * updates


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_swapping_in_and_out_is_exact(dtype: torch.dtype) -> None:
    parameters = parameters_of(dtype)
    ema = Ema(parameters, decay=0.5, start=0)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.mul_(1.7)
    ema.update(0)
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    averages = {name: average.clone() for name, average in ema.state_dict().items()}

    def use() -> None:
        with ema.swapped():
            for name, average in averages.items():
                assert torch.equal(parameters[name].detach(), average.to(dtype))
                assert not torch.equal(parameters[name].detach(), before[name])
            with refuses(AssertionError, key="the weights are the averages"):
                ema.update(1)
            raise KeyError

    with pytest.raises(KeyError):
        use()
    for name, parameter in parameters.items():
        assert torch.equal(parameter.detach(), before[name])
    for name, average in ema.state_dict().items():
        assert torch.equal(average, averages[name])


def test_state() -> None:
    first = Ema(parameters_of(torch.float32), 0.9, 0)
    parameters = parameters_of(torch.float32)
    second = Ema(parameters, 0.9, 0)
    with torch.no_grad():
        parameters["a"].add_(1)
    second.update(0)
    first.load_state_dict(second.state_dict())
    assert torch.equal(first.state_dict()["a"], second.state_dict()["a"])
    with refuses(key="the averages", value="'b' is on one side only", remedy="load those of the same phase"):
        first.load_state_dict({"a": second.state_dict()["a"]})
