"""Consistency distillation of the adapter (LCM): a baseline of stage 3."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from flashmotion_core.losses.regression import noised, squared_error, x0_from_velocity
from flashmotion_core.sampling.schedule import turbo_sigmas
from flashmotion_core.wan.conditioning import with_clean_frame

from ..config.method_settings import Conditioning, LcmSettings
from ..data.encoded import Batch
from ..engine.method import Method, Step, Update
from ..engine.roles import Role
from .conditions import choose, clean_frame


class Lcm(Method):
    """``|f(x_n) - sg(f(x_{n-1}))|^2``, where x_{n-1} is one Euler step of the teacher further on (Luo et al. 2023, without guidance).

    ``f`` is the student's clean estimate; at sigma 0 it is the latent itself.
    """

    result = "adapter"

    def __init__(
        self,
        student: Role,
        teacher: Role,
        settings: LcmSettings,
        conditioning: Conditioning,
        shift: float,
        no_prompt_1MT: Tensor | None = None,
    ) -> None:
        self.student, self.teacher, self.settings = student, teacher, settings
        self.conditioning, self.no_prompt_1MT = conditioning, no_prompt_1MT
        self.roles = {"student": student, "teacher": teacher}
        self.updates = {"adapter": Update(student.parameters(), settings.optim, settings.ema)}
        self.grid = (*turbo_sigmas(settings.grid, shift), 0.0)

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """See ``Method``."""
        choice = choose(
            batch,
            step,
            mask_share=self.conditioning.mask_share,
            text_dropout=self.conditioning.text_dropout,
            no_prompt_1MT=self.no_prompt_1MT,
        )
        x0, clean = batch.latent_BCFHW, clean_frame(batch)
        index = (
            (step.uniform("grid", x0, stratified=True) * self.settings.grid).long().clamp_max(self.settings.grid - 1)
        )
        grid = torch.tensor(self.grid).to(x0.device)
        here, there = grid[index], grid[index + 1]
        x = with_clean_frame(noised(x0, step.noise("noise", x0), here), clean)
        condition = (choice.context_BMT, choice.control_BCFHW)
        with torch.no_grad():
            velocity = self.teacher(x, here, *condition)
            nearer = with_clean_frame(x + (there - here).view(-1, 1, 1, 1, 1) * velocity, clean)
            target = x0_from_velocity(nearer, self.student(nearer, there, *condition), there)
        prediction = x0_from_velocity(x, self.student(x, here, *condition), here)
        loss_B = squared_error(prediction, target)
        step.metrics.mean("loss/consistency", loss_B)
        step.metrics.bins("loss_by_sigma", loss_B, here)
        yield loss_B.mean()
