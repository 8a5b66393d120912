"""What holds for every method: the clean start frame, what gets a gradient, and rollouts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train.engine.roles import Denoiser, Role
from train.methods.rollout import rollout

from ...support.small import (
    METHODS,
    SHAPE_CFHW,
    SIGMAS,
    Nets,
    gradients,
    made,
    networks,
    objective,
    small_batch,
    small_step,
)
from ...support.watching import exits, seen_by, time_zero

BATCH = small_batch()

pytestmark = pytest.mark.usefixtures("one_thread")


# The start frame is always given


@pytest.mark.parametrize("name", list(METHODS))
def test_every_network_sees_the_clean_frame_at_timestep_zero(name: str) -> None:
    method = made(name)
    clean_BCHW = BATCH.latent_BCFHW[:, :, 0]
    passes = {id(network): 0 for network in networks(method)}
    for update in method.updates:
        for network in networks(method):
            with seen_by(network) as seen:
                for iteration in (0, 1, 5):
                    objective(method, update, BATCH, small_step(iteration))
            for latent, sinusoids_BFS in seen:
                repeats = len(latent) // len(clean_BCHW)
                assert torch.equal(latent[:, :48, 0], clean_BCHW.repeat(repeats, 1, 1, 1))
                assert not torch.isclose(
                    latent[:, :48, 1:], BATCH.latent_BCFHW.repeat(repeats, 1, 1, 1, 1)[:, :, 1:]
                ).all()
                zero_S = time_zero(sinusoids_BFS)
                assert torch.equal(sinusoids_BFS[:, 0], zero_S.expand_as(sinusoids_BFS[:, 0]))
            passes[id(network)] += len(seen)
    assert all(passes.values()), "every network was asked"


@pytest.mark.parametrize("name", list(METHODS))
def test_frame_0_of_what_is_trained_gets_no_gradient(name: str) -> None:
    method = made(name)
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.retain_grad()
            outputs.append(output)

    for network in networks(method):
        if isinstance(network, Denoiser):
            network.register_forward_hook(keep)
    for iteration in (0, 1, 5):
        # the target of a consistency step at sigma 0 is the student itself, whose gradient is 0 there
        objective(method, method.result, BATCH, small_step(iteration))
    graded = [output.grad for output in outputs if output.grad is not None]
    assert graded
    for gradient in graded:
        assert torch.equal(gradient[:, :, 0], torch.zeros_like(gradient[:, :, 0]))
    if not name.startswith("dmd"):  # whose first gradient may be 0: student and teacher begin as one
        assert all(gradient[:, :, 1:].abs().max() > 0 for gradient in graded)


@pytest.mark.parametrize("name", list(METHODS))
def test_an_update_leaves_gradients_on_its_own_weights_alone(name: str) -> None:
    method = made(name)
    for update, trained in method.updates.items():
        for network in networks(method):
            network.zero_grad(set_to_none=True)
        objective(method, update, BATCH, small_step(5))
        own = {id(parameter) for parameter in trained.parameters.values()}
        touched = [
            (key, parameter)
            for network in networks(method)
            for key, parameter in network.named_parameters()
            if parameter.grad is not None
        ]
        assert touched
        assert all(id(parameter) in own for _, parameter in touched), [key for key, _ in touched]
        assert all(parameter.requires_grad for parameter in trained.parameters.values())


@pytest.mark.parametrize(
    "name", ["flow_resnet", "flow_controlnet", "hybrid_resnet", "hybrid_controlnet", "dmd_adapter", "lcm"]
)
def test_only_the_adapter_is_trained(name: str) -> None:
    method = made(name)
    trained = method.updates[method.result].parameters
    assert trained.keys() == {key for key, _ in method.student.network.named_parameters() if key.startswith("adapter.")}
    objective(method, method.result, BATCH, small_step(5))
    touched = gradients(trained)
    # A ControlNet has a copy of the generator's head, which nothing reads.
    missing = {key for key in trained if key not in touched and not key.startswith("adapter.head.")}
    assert not missing
    assert all(gradient.abs().max() > 0 for gradient in touched.values())


# Rollouts


def rolled(role: Role, exit_step: int, seed: int = 0, grad: bool = False) -> Tensor:
    def noise(k: int) -> Tensor:
        return torch.randn(2, *SHAPE_CFHW, generator=torch.Generator().manual_seed(10 * seed + k))

    return rollout(
        role,
        BATCH.latent_BCFHW[:, :, :1],
        BATCH.context_BMT,
        BATCH.control_box_BCFHW,
        SIGMAS,
        noise,
        exit_step=exit_step,
        grad=grad,
    )


@pytest.mark.parametrize("exit_step", range(4))
@pytest.mark.parametrize("grad", [False, True])
def test_only_the_last_step_of_a_rollout_has_a_graph(exit_step: int, grad: bool) -> None:
    nets = Nets()
    role = nets.role(nets.fast, "resnet", adapts=True)
    modes: list[bool] = []
    role.network.register_forward_pre_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    x0 = rolled(role, exit_step, grad=grad)
    assert modes == [False] * exit_step + [grad]
    assert x0.requires_grad == grad
    assert torch.equal(x0[:, :, 0], BATCH.latent_BCFHW[:, :, 0])


def test_other_noise_changes_a_rollout_but_not_its_frame_0() -> None:
    nets = Nets()
    role = nets.role(nets.fast, "resnet")
    one, again, other = (rolled(role, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert torch.equal(one[:, :, 0], other[:, :, 0])
    assert (one[:, :, 1:] - other[:, :, 1:]).abs().min() > 0


def test_ranks_leave_a_rollout_at_the_same_step_and_all_steps_occur() -> None:
    method = made("dmd", stage2={"guidance_scale": 1.0, "canary": {"every": 0}})
    ranks = [exits(method, "fake", first) for first in (0, 2)]
    assert ranks[0] == ranks[1]
    assert set(ranks[0]) == {1, 2, 3, 4}
    other = exits(made("hybrid_resnet"), "discriminator", 0)
    assert set(other) == {1, 2, 3, 4}
    assert other != ranks[0], "another update draws for itself"
