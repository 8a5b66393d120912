"""The adversarial loss and the discriminator's own objective, shared by every method that has a discriminator."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from flashmotion_core.losses.adversarial import (
    discriminator_gan_loss,
    discriminator_statistics,
    finite_difference_r1,
    generator_gan_loss,
    perturbed,
)
from flashmotion_core.losses.regression import noised
from flashmotion_core.wan.conditioning import with_clean_frame

from ..config.method_settings import Gan
from ..data.encoded import Batch
from ..engine.method import Step, Update
from ..engine.roles import Role
from .conditions import clean_frame

R1_STEP = 0.1
"""Distance of the second point of the finite-difference R1 penalty, in standard deviations of the latent. At 0.01 the rounding of a bfloat16
backbone of 30 blocks is larger than the difference and makes the penalty 9 times too large; at 0.1 it adds 17 %, and the curve 6 %."""


class Adversary:
    """Judges noised clips with their trajectories. In its own step, the real and the fake clip get the same timestep and noise."""

    def __init__(self, role: Role, settings: Gan) -> None:
        self.role, self.settings = role, settings
        self.law = settings.sigmas.law()
        self.update = Update(role.parameters(), settings.optim)

    def terms(self, fake_BCFHW: Tensor, control_BCFHW: Tensor, batch: Batch, step: Step) -> Iterator[Tensor]:
        """The discriminator's objective on a fake clip (without gradient) and the real clip of the batch."""
        settings, real = self.settings, batch.latent_BCFHW
        clean, context = clean_frame(batch), batch.context_BMT
        sigma, noise = step.sigma("judged_sigma", self.law, real), step.noise("judged_noise", real)
        x_real = with_clean_frame(noised(real, noise, sigma), clean)
        x_fake = with_clean_frame(noised(fake_BCFHW, noise, sigma), clean)
        logits = self._judge([x_real, x_fake], [control_BCFHW, control_BCFHW], sigma, context)
        loss_B = discriminator_gan_loss(logits[0], logits[1])
        if settings.r1_weight:
            moved = perturbed(x_real, step.noise("r1", real), R1_STEP)
            (again,) = self._judge([moved], [control_BCFHW], sigma, context)
            r1_B = finite_difference_r1(logits[0], again, R1_STEP)
            step.metrics.mean("gan/r1", r1_B)
            loss_B = loss_B + 0.5 * settings.r1_weight * r1_B
        statistics = discriminator_statistics(logits[0], logits[1])
        for name in ("real_mean", "fake_mean", "gap", "accuracy"):
            step.metrics.mean(f"gan/{name}", getattr(statistics, name))
        step.metrics.mean("loss/discriminator", loss_B)
        yield loss_B.mean()

    def fooled(self, fake_BCFHW: Tensor, control_BCFHW: Tensor, batch: Batch, step: Step) -> Tensor:
        """The student's loss ``[B]`` for being recognised as fake; gradients reach the clip through the frozen discriminator."""
        sigma = step.sigma("fooled_sigma", self.law, fake_BCFHW)
        x = with_clean_frame(noised(fake_BCFHW, step.noise("fooled_noise", fake_BCFHW), sigma), clean_frame(batch))
        with self.role.frozen():
            loss_B = generator_gan_loss(self.role(x, sigma, batch.context_BMT, control_BCFHW))
        step.metrics.mean("loss/gan", loss_B)
        return loss_B

    def _judge(self, clips: list[Tensor], controls: list[Tensor], sigma_B: Tensor, context_BMT: Tensor) -> list[Tensor]:
        """The logits ``[B]`` of each entry of the lists, computed in one pass."""
        count = len(clips)
        logits = self.role(
            torch.cat(clips), sigma_B.repeat(count), context_BMT.repeat(count, 1, 1), torch.cat(controls)
        )
        return list(logits.chunk(count))
