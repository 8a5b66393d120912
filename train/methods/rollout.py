"""Rollouts of the student from noise through its own steps, as at inference (backward simulation; DMD2, section 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import torch
from torch import Tensor

from flashmotion_core.losses.regression import x0_from_velocity
from flashmotion_core.sampling.few_step import few_step
from flashmotion_core.wan.conditioning import with_clean_frame

from ..engine.roles import Role


def rollout(
    student: Role,
    clean_BC1HW: Tensor,
    context_BMT: Tensor,
    control_BCFHW: Tensor | None,
    sigmas: Sequence[float],
    noise: Callable[[int], Tensor],
    *,
    exit_step: int,
    grad: bool,
) -> Tensor:
    """The student's clean estimate at a step, ``[B, C, F, H, W]`` float32, with frame 0 as given.

    Args:
        student: the role that generates.
        clean_BC1HW: latent of the start picture.
        context_BMT: text tokens.
        control_BCFHW: control latent, or None.
        sigmas: the student's own noise levels.
        noise: gives the noise of step k; k = 0 is the start.
        exit_step: the step whose estimate is returned; the same on every rank, so that their collectives match.
        grad: whether this last step is differentiated; earlier ones never are.
    """
    assert 0 <= exit_step < len(sigmas)
    estimate = estimator(student, clean_BC1HW, context_BMT, control_BCFHW)

    def differentiated_last(x: Tensor, sigma: float) -> Tensor:
        with torch.set_grad_enabled(grad and sigma == sigmas[exit_step]):
            return estimate(x, sigma)

    return few_step(differentiated_last, noise(0) * sigmas[0], sigmas[: exit_step + 1], map(noise, count(1)))


Velocity = Callable[[Tensor, Tensor, Tensor, "Tensor | None"], Tensor]
"""``(x, sigma, context, control) -> velocity``: a role, or one with guidance."""


def estimator(
    role: Velocity, clean_BC1HW: Tensor, context_BMT: Tensor, control_BCFHW: Tensor | None
) -> Callable[[Tensor, float], Tensor]:
    """``(x, sigma) -> x0`` for the samplers: a role's clean estimate, with frame 0 as given in both input and output."""

    def estimate(x_BCFHW: Tensor, sigma: float) -> Tensor:
        x = with_clean_frame(x_BCFHW, clean_BC1HW)
        sigma_B = torch.full((x.shape[0],), sigma, dtype=torch.float32, device=x.device)
        x0 = x0_from_velocity(x, role(x, sigma_B, context_BMT, control_BCFHW), sigma_B)
        return with_clean_frame(x0, clean_BC1HW)

    return estimate


def motion(x0_BCFHW: Tensor) -> Tensor:
    """Mean absolute change between neighbouring latent frames: a scalar, 0 for a frozen video."""
    return x0_BCFHW.detach().diff(dim=2).abs().mean()
