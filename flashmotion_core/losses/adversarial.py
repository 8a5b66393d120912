"""The adversarial losses of stage 3 (and of stage 2, if configured), one pure function per equation.

Logits are ``[B]``, positive for real; losses come back per sample, ``[B]`` in float32 or better. Video tensors are ``[B, C, F, H, W]``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from .regression import at_least_float32


class DiscriminatorStatistics(NamedTuple):
    """Discriminator statistics for the log, each a scalar tensor without gradient (no device synchronisation)."""

    real_mean: Tensor
    fake_mean: Tensor
    gap: Tensor
    """Mean real logit minus mean fake logit; if it stays above 5, the discriminator has won and teaches nothing."""
    accuracy: Tensor
    """Share of samples on the right side of zero, 0..1; a logit of exactly zero counts as wrong."""


def generator_gan_loss(fake_logit_B: Tensor) -> Tensor:
    """Stage 3, adapter: ``softplus(-D(fake))`` per sample, ``[B]`` (non-saturating GAN); ln 2 at a logit of zero."""
    return functional.softplus(-at_least_float32(fake_logit_B))


def discriminator_gan_loss(real_logit_B: Tensor, fake_logit_B: Tensor) -> Tensor:
    """Stage 3, classifier: ``softplus(-D(real)) + softplus(D(fake))`` per sample, ``[B]``; 2 ln 2 at logits of zero.

    Args:
        real_logit_B: logits of noised real clips.
        fake_logit_B: logits of noised samples of the student, same timestep and noise.
    """
    return functional.softplus(-at_least_float32(real_logit_B)) + functional.softplus(at_least_float32(fake_logit_B))


def perturbed(
    noised_BCFHW: Tensor, direction_BCFHW: Tensor, step: float = 0.01, *, first_frame_is_clean: bool = True
) -> Tensor:
    """``x_sigma + step * n``, frame 0 untouched where it is clean: the second point of ``finite_difference_r1``.

    The noised latent moves, not the clip under it, so that both points belong to the same timestep.
    """
    moved = noised_BCFHW + step * direction_BCFHW
    return torch.cat([noised_BCFHW[:, :, :1], moved[:, :, 1:]], dim=2) if first_frame_is_clean else moved


def finite_difference_r1(logit_B: Tensor, perturbed_logit_B: Tensor, step: float = 0.01) -> Tensor:
    """``((D(x + step * n) - D(x)) / step)^2`` per sample, ``[B]`` (Seaweed-APT's approximate R1).

    The logits must be float32, because the spacing of bf16 numbers is larger than this difference. For n ~ N(0, 1) the
    expectation tends to ``|grad D|^2`` as the step goes to zero, without a second derivative.
    """
    return ((at_least_float32(perturbed_logit_B) - at_least_float32(logit_B)) / step).square()


@torch.no_grad()
def discriminator_statistics(real_logit_B: Tensor, fake_logit_B: Tensor) -> DiscriminatorStatistics:
    """Means, gap and accuracy of one batch of logits."""
    real, fake = at_least_float32(real_logit_B), at_least_float32(fake_logit_B)
    right = torch.cat([real > 0, fake < 0])
    return DiscriminatorStatistics(real.mean(), fake.mean(), real.mean() - fake.mean(), right.float().mean())
