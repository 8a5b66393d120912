"""Flow matching and consistency: identities of their losses, and what conditions do."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from flashmotion_core.losses.regression import x0_from_velocity
from train.engine.roles import Role
from train.methods.flow import Flow
from train.methods.lcm import Lcm

from ...support.small import PHASE, SHAPE_CFHW, SHIFT, gradients, made, objective, small_batch, small_config, small_step

BATCH = small_batch()

pytestmark = pytest.mark.usefixtures("one_thread")


class Perfect(nn.Module):
    """A Denoiser that knows the clip: its velocity leads back to the clip, plus what a weight adds."""

    def __init__(self, x0_BCFHW: Tensor) -> None:
        super().__init__()
        self.x0, self.error = x0_BCFHW, nn.Parameter(torch.zeros(()))

    def forward(self, x_BCFHW: Tensor, sigma_B: Tensor, *_: Tensor | None) -> Tensor:
        # noise - x0, of x = (1 - sigma) x0 + sigma noise; at sigma 0 anything will do
        return (x_BCFHW - self.x0) / sigma_B.clamp_min(1e-6).view(-1, 1, 1, 1, 1) + self.error


def perfect_role(error: float = 0.0) -> Role:
    network = Perfect(BATCH.latent_BCFHW.double())
    nn.init.constant_(network.error, error)
    return Role(network)  # type: ignore[arg-type]


def test_a_perfect_velocity_has_no_flow_loss() -> None:
    batch = copy.copy(BATCH)
    batch.latent_BCFHW = BATCH.latent_BCFHW.double()
    config = small_config()
    settings = (config.stage1, config.conditioning)
    loss, _ = objective(Flow(perfect_role(), *settings), "student", batch, small_step())
    assert loss < 1e-12
    loss, found = objective(Flow(perfect_role(0.5), *settings), "student", batch, small_step())
    assert loss == pytest.approx(0.25)
    assert found["loss/flow"] == pytest.approx(0.25)


def test_masks_come_first_then_boxes() -> None:
    """The control map decides the loss, so the loss shows which one it was."""
    method = made("flow_resnet", stage1={"masks_first": 0.5}, conditioning={"mask_share": 0.0, "text_dropout": 0.0})

    def loss(progress: float, **maps: Tensor) -> float:
        batch = copy.copy(BATCH)
        vars(batch).update(maps)
        return objective(method, "student", batch, small_step(progress=progress))[0]

    other = torch.zeros_like(BATCH.control_box_BCFHW)
    assert loss(0.2) == loss(0.2, control_box_BCFHW=other)
    assert loss(0.2) != loss(0.2, control_mask_BCFHW=other)
    assert loss(0.5) == loss(0.5, control_mask_BCFHW=other)
    assert loss(0.5) != loss(0.5, control_box_BCFHW=other)


def test_dropped_conditions_have_no_influence() -> None:
    method = made("flow_resnet", stage1={"adapter_dropout": 1.0}, conditioning={"text_dropout": 1.0})
    without = method.student.network.adapter
    loss, _ = objective(method, "student", BATCH, small_step())
    other = small_batch(seed=7)
    other.latent_BCFHW = BATCH.latent_BCFHW
    assert objective(method, "student", other, small_step())[0] == loss
    assert all(gradient.abs().max() == 0 for gradient in gradients(dict(without.named_parameters())).values())  # type: ignore[union-attr,operator]


def test_cells_inside_the_boxes_count_more() -> None:
    losses = {}
    for weight in (1.0, 3.0):
        method = made("flow_resnet", conditioning={"inside_weight": weight, "text_dropout": 0.0})
        losses[weight] = objective(method, "student", BATCH, small_step())[0]
    assert losses[1.0] != pytest.approx(losses[3.0], rel=1e-6)


# Consistency


def test_at_the_end_of_the_grid_the_target_is_the_clip() -> None:
    """With a teacher that knows the clip, one step on from sigma_1 is the clip, and at sigma 0 `f` is the identity."""
    config = small_config(stage3={**PHASE, "method": "lcm", "grid": 2})
    batch = copy.copy(BATCH)
    batch.latent_BCFHW = BATCH.latent_BCFHW.double()
    index = (small_step().uniform("grid", batch.latent_BCFHW, stratified=True) * 2).long()
    assert sorted(index.tolist()) == [0, 1]
    method = Lcm(perfect_role(0.5), perfect_role(), config.stage3, config.conditioning, SHIFT)  # type: ignore[arg-type]
    high, low, _ = method.grid
    # The student is always wrong by 0.5 sigma. It is its own target at the next sigma, which is right at sigma 0.
    expected = {0: (0.5 * (high - low)) ** 2, 1: (0.5 * low) ** 2}
    loss = sum(expected.values()) / 2
    assert objective(method, "adapter", batch, small_step())[0] == pytest.approx(loss)
    assert math.isclose(method.grid[-1], 0.0)
    x = torch.randn(2, *SHAPE_CFHW)
    assert torch.equal(x0_from_velocity(x, torch.randn_like(x), torch.zeros(2)), x)


def test_a_student_equal_to_its_teacher_may_still_learn() -> None:
    method = made("lcm")
    loss, found = objective(method, "adapter", BATCH, small_step())
    assert loss > 0
    assert found["loss/consistency"] == pytest.approx(loss)
