"""Flow matching: the SlowGenerator from scratch (base), or the SlowAdapter on it (stage 1)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from flashmotion_core.losses.regression import flow_matching_loss, noised
from flashmotion_core.wan.conditioning import with_clean_frame

from ..config.method_settings import Conditioning, FlowSettings
from ..data.encoded import Batch
from ..engine.method import Method, Step, Update
from ..engine.roles import Role
from .conditions import cell_weights, choose, clean_frame


class Flow(Method):
    """``|v(x_sigma, sigma, condition) - (noise - x0)|^2`` over the generated frames; masks first, then boxes."""

    result = "student"

    def __init__(
        self, student: Role, settings: FlowSettings, conditioning: Conditioning, no_prompt_1MT: Tensor | None = None
    ) -> None:
        self.student, self.settings, self.conditioning, self.no_prompt_1MT = (
            student,
            settings,
            conditioning,
            no_prompt_1MT,
        )
        self.roles = {"student": student}
        self.updates = {"student": Update(student.parameters(), settings.optim, settings.ema, settings.decay)}
        self.law = settings.sigmas.law()

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """See ``Method``."""
        settings, conditioning = self.settings, self.conditioning
        choice = choose(
            batch,
            step,
            mask_share=1.0 if step.progress < settings.masks_first else conditioning.mask_share,
            text_dropout=conditioning.text_dropout,
            adapter_dropout=settings.adapter_dropout,
            no_prompt_1MT=self.no_prompt_1MT,
        )
        x0 = batch.latent_BCFHW
        sigma, noise = step.sigma("sigma", self.law, x0), step.noise("noise", x0)
        x = with_clean_frame(noised(x0, noise, sigma), clean_frame(batch))
        velocity = self.student(x, sigma, choice.context_BMT, choice.control_BCFHW, choice.strength_B)
        weight = cell_weights(batch, conditioning.inside_weight)
        loss_B = flow_matching_loss(velocity, x0, noise, weight_B1FHW=weight)
        step.metrics.mean("loss/flow", loss_B)
        step.metrics.bins("loss_by_sigma", loss_B, sigma)
        yield loss_B.mean()
