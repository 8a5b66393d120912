"""Distribution matching distillation: stage 2, with the generator as the student, and a baseline of stage 3, with the adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import torch
from torch import Tensor

from flashmotion_core.losses.regression import dmd_gradient, dmd_loss, fake_score_loss, guided, noised, x0_from_velocity
from flashmotion_core.sampling.few_step import euler, few_step
from flashmotion_core.sampling.schedule import turbo_sigmas
from flashmotion_core.wan.conditioning import with_clean_frame

from ..config.method_settings import Conditioning, DmdSettings
from ..data.encoded import Batch
from ..engine.method import Method, Step, Update
from ..engine.roles import Role
from .adversary import Adversary
from .conditions import choose, clean_frame, without_prompt
from .rollout import estimator, motion, rollout

CLIP = 10.0
"""Largest norm of the gradients of student and fake score, as in DMD's code for few-step video."""


class Dmd(Method):
    """The gradient on the student's samples is ``fake score - real score``; the fake score keeps learning the student's distribution.

    As in DMD2 there are two time scales: the fake score learns in every iteration, the student in every ``ratio``-th.
    """

    result = "student"

    def __init__(
        self,
        student: Role,
        real: Role,
        fake: Role,
        discriminator: Role | None,
        settings: DmdSettings,
        conditioning: Conditioning,
        sigmas: Sequence[float],
        shift: float,
        no_prompt_1MT: Tensor | None = None,
    ) -> None:
        self.conditioning, self.no_prompt_1MT = conditioning, no_prompt_1MT
        self.student, self.real, self.fake = student, real, fake
        self.settings, self.sigmas, self.shift = settings, tuple(sigmas), shift
        self.law = settings.sigmas.law()
        self.roles = {"student": student, "real": real, "fake": fake}
        self.updates = {
            "student": Update(student.parameters(), settings.optim, settings.ema, clip=CLIP),
            "fake": Update(fake.parameters(), settings.fake_optim, clip=CLIP),
        }
        self.critics_ahead = settings.fake_warmup
        self._critics_clips: dict[tuple[int, ...], Tensor] = {}
        self._critics_iteration: int | None = None
        self.adversary: Adversary | None = None
        if discriminator is not None:
            assert settings.gan is not None
            self.adversary = Adversary(discriminator, settings.gan)
            self.roles["discriminator"] = discriminator
            self.updates["discriminator"] = self.adversary.update

    def schedule(self, iteration: int) -> Sequence[str]:
        """See ``Method``."""
        critics = ("fake", "discriminator") if self.adversary is not None else ("fake",)
        after = iteration - self.warmup
        return ("student", *critics) if after >= 0 and after % self.settings.ratio == 0 else critics

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """See ``Method``."""
        control = choose(batch, step, mask_share=self.conditioning.mask_share).control_BCFHW
        if update == "student":
            yield self._student_loss(self._rollout(batch, control, step, update), control, batch, step)
        elif update == "fake":
            yield self._fake_loss(self._judged(update, batch, control, step), control, batch, step)
        else:
            assert self.adversary is not None
            yield from self.adversary.terms(self._judged(update, batch, control, step), control, batch, step)

    def _judged(self, update: str, batch: Batch, control: Tensor, step: Step) -> Tensor:
        """What both critics of an iteration learn from: one rollout, as the student does not change between them."""
        if self._critics_iteration != step.iteration:
            self._critics_iteration, self._critics_clips = step.iteration, {}
        if update == "discriminator" and step.positions in self._critics_clips:
            return self._critics_clips[step.positions]
        with torch.no_grad():
            x0 = self._rollout(batch, control, step, "fake")
        if self.adversary is not None:
            self._critics_clips[step.positions] = x0
        return x0

    def _rollout(self, batch: Batch, control: Tensor, step: Step, update: str) -> Tensor:
        return rollout(
            self.student,
            clean_frame(batch),
            batch.context_BMT,
            control,
            self.sigmas,
            step.noises(f"{update}_rollout", batch.latent_BCFHW),
            exit_step=step.streams.integer(f"{update}_exit", len(self.sigmas)),
            grad=update == "student",
        )

    def _student_loss(self, x0: Tensor, control: Tensor, batch: Batch, step: Step) -> Tensor:
        sigma, noise = step.sigma("score_sigma", self.law, x0), step.noise("score_noise", x0)
        with torch.no_grad():
            x = with_clean_frame(noised(x0.detach(), noise, sigma), clean_frame(batch))
            fake = x0_from_velocity(x, self.fake(x, sigma, batch.context_BMT, control), sigma)
            real = x0_from_velocity(x, self._guided(x, sigma, control, batch), sigma)
            gradient = dmd_gradient(x0, fake, real)
        loss_B = dmd_loss(x0, gradient)
        step.metrics.mean("loss/dmd", loss_B)
        step.metrics.mean("gradient/dmd", gradient.square().mean().sqrt())
        step.metrics.mean("drift/mean", x0.detach().mean() - batch.latent_BCFHW.mean())
        step.metrics.mean("drift/std", x0.detach().std() / batch.latent_BCFHW.std())
        if self.adversary is not None:
            loss_B = loss_B + self.adversary.settings.weight * self.adversary.fooled(x0, control, batch, step)
        if self._canary_is_due(step):
            self._canary(control, batch, step)
        return loss_B.mean()

    def _guided(self, x: Tensor, sigma_B: Tensor, control: Tensor | None, batch: Batch) -> Tensor:
        """The real score's velocity with guidance; both halves see the trajectory."""
        conditional = self.real(x, sigma_B, batch.context_BMT, control)
        scale = self.settings.guidance_scale
        if scale == 1:
            return conditional
        return guided(conditional, self.real(x, sigma_B, without_prompt(batch, self.no_prompt_1MT), control), scale)

    def _fake_loss(self, x0: Tensor, control: Tensor, batch: Batch, step: Step) -> Tensor:
        sigma, noise = step.sigma("fake_sigma", self.law, x0), step.noise("fake_noise", x0)
        x = with_clean_frame(noised(x0, noise, sigma), clean_frame(batch))
        velocity = self.fake(x, sigma, batch.context_BMT, control)
        loss_B = fake_score_loss(velocity, x0, noise, sigma, kind="x0")  # the paper's equation 2
        step.metrics.mean("loss/fake", loss_B)
        step.metrics.bins("loss_by_sigma", loss_B, sigma)
        return loss_B.mean()

    def _canary_is_due(self, step: Step) -> bool:
        # Rounded to the student's iterations, which are the only ones that get here.
        every = self.settings.canary.every
        return step.is_first and every > 0 and step.iteration % every < self.settings.ratio

    @torch.no_grad()
    def _canary(self, control: Tensor, batch: Batch, step: Step) -> None:
        """Compare the student's motion with the guided teacher's from the same noise, because distillation can end in a still picture."""
        condition = (clean_frame(batch), batch.context_BMT, control)
        noise = step.noises("canary", batch.latent_BCFHW)
        x0 = few_step(estimator(self.student, *condition), noise(0) * self.sigmas[0], self.sigmas, map(noise, count(1)))
        sigmas = turbo_sigmas(self.settings.canary.teacher_steps, self.shift)

        def teacher(x: Tensor, sigma_B: Tensor, _: Tensor, control: Tensor | None) -> Tensor:
            return self._guided(x, sigma_B, control, batch)

        step.metrics.mean("motion/student", motion(x0))
        step.metrics.mean("motion/teacher", motion(euler(estimator(teacher, *condition), noise(0), sigmas)))
        step.metrics.mean("motion/real", motion(batch.latent_BCFHW))
