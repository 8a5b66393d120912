"""The student on its own trajectory: from noise through its own steps, as at inference (backward simulation; DMD2, section 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from flashmotion_core.losses import x0_from_velocity
from flashmotion_core.sampling import renoise
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
    """The student's clean estimate at a step, ``[B, C, F, H, W]`` float32, frame 0 as given.

    Args:
        student: who generates.
        clean_BC1HW: latent of the start picture.
        context_BMT: text tokens.
        control_BCFHW: control latent, or None.
        sigmas: the student's own noise levels.
        noise: noise of step k; k = 0 is the start.
        exit_step: the step whose estimate is returned; the same on every rank, or their collectives would not meet.
        grad: whether that last step is differentiated; those before it never are.
    """
    assert 0 <= exit_step < len(sigmas)
    x = with_clean_frame(noise(0) * sigmas[0], clean_BC1HW)
    for index in range(exit_step + 1):
        with torch.set_grad_enabled(grad and index == exit_step):
            x0 = with_clean_frame(denoise(student, x, sigmas[index], context_BMT, control_BCFHW), clean_BC1HW)
        if index < exit_step:
            x = with_clean_frame(renoise(x0, noise(index + 1), sigmas[index + 1]), clean_BC1HW)
    return x0


def denoise(role: Role, x_BCFHW: Tensor, sigma: float, context_BMT: Tensor, control_BCFHW: Tensor | None) -> Tensor:
    """A role's clean estimate at one noise level for all samples."""
    sigma_B = torch.full((x_BCFHW.shape[0],), sigma, dtype=torch.float32, device=x_BCFHW.device)
    return x0_from_velocity(x_BCFHW, role(x_BCFHW, sigma_B, context_BMT, control_BCFHW), sigma_B)


def motion(x0_BCFHW: Tensor) -> Tensor:
    """Mean absolute change from latent frame to latent frame: a scalar that is 0 for a frozen video."""
    return x0_BCFHW.detach().diff(dim=2).abs().mean()
