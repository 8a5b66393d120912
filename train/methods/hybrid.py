"""The hybrid objective of stage 3: the adversarial loss of a diffusion discriminator plus a dynamically scaled diffusion loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from flashmotion_core.losses.balance import GradientBalance, loss_balance
from flashmotion_core.losses.regression import diffusion_loss, noised, x0_from_velocity
from flashmotion_core.wan.conditioning import with_clean_frame

from ..config.method_settings import Conditioning, HybridSettings
from ..data.encoded import Batch
from ..engine.method import Method, Step, Update
from ..engine.roles import Role
from ..parallel import World
from .adversary import Adversary
from .conditions import Choice, cell_weights, choose, clean_frame
from .gradients import GradientNorms
from .rollout import motion, rollout


class Hybrid(Method):
    """``L = w_g softplus(-D(noised fake)) + lambda(step) |G(x_sigma) - x0|^2`` for the adapter alone (FlashMotion, stage 3).

    The classifier learns in every iteration, the adapter in every ``ratio``-th after the discriminator's warm-up.
    """

    result = "adapter"

    def __init__(
        self,
        student: Role,
        discriminator: Role | None,
        settings: HybridSettings,
        conditioning: Conditioning,
        sigmas: Sequence[float],
        world: World,
    ) -> None:
        assert (discriminator is None) == (settings.gan.weight == 0), (
            "a discriminator is given exactly if it has a weight"
        )
        self.student, self.settings, self.conditioning, self.sigmas = student, settings, conditioning, tuple(sigmas)
        self.adversary = None if discriminator is None else Adversary(discriminator, settings.gan)
        self.roles = {"student": student, **({} if discriminator is None else {"discriminator": discriminator})}
        self.updates = {"adapter": Update(student.parameters(), settings.optim, settings.ema)}
        if self.adversary is not None:
            self.updates["discriminator"] = self.adversary.update
        self.balance = loss_balance(settings.balance.mode, **settings.balance.options)
        self.norms = GradientNorms(student.network, world)
        self.critics_ahead = 0 if self.adversary is None else settings.gan_warmup

    def schedule(self, iteration: int) -> Sequence[str]:
        """See ``Method``."""
        if self.adversary is None:
            return ("adapter",)
        after = iteration - self.warmup
        # The discriminator first, so that it has seen the clips that it judges.
        return ("discriminator", "adapter") if after >= 0 and after % self.settings.ratio == 0 else ("discriminator",)

    def terms(self, update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        """See ``Method``."""
        choice = choose(batch, step, mask_share=self.conditioning.mask_share)
        if update == "discriminator":
            assert self.adversary is not None
            with torch.no_grad():
                fake = self._fake(batch, choice, step, grad=False)
            yield from self.adversary.terms(fake, choice.control_BCFHW, batch, step)
            return
        if self.adversary is not None:
            gan = self.settings.gan.weight * self._gan_loss(batch, choice, step)
            with self._measured("gan", step):
                yield gan
            del gan  # its graph must not outlive the backward pass
        scale = self._lambda(step)
        if scale:
            loss = scale * self._diffusion_loss(batch, choice, step).mean()
            with self._measured("diffusion", step):
                yield loss
        if step.is_first:
            self._observe(scale, step)

    def _measured(self, name: str, step: Step) -> AbstractContextManager[None]:
        return self.norms.measured(name) if step.is_first else nullcontext()

    def _gan_loss(self, batch: Batch, choice: Choice, step: Step) -> Tensor:
        assert self.adversary is not None
        fake = self._fake(batch, choice, step, grad=True)
        step.metrics.mean("motion/student", motion(fake))
        step.metrics.mean("motion/real", motion(batch.latent_BCFHW))
        return self.adversary.fooled(fake, choice.control_BCFHW, batch, step).mean()

    def _fake(self, batch: Batch, choice: Choice, step: Step, *, grad: bool) -> Tensor:
        name = "adapter" if grad else "discriminator"
        return rollout(
            self.student,
            clean_frame(batch),
            choice.context_BMT,
            choice.control_BCFHW,
            self.sigmas,
            step.noises(f"{name}_rollout", batch.latent_BCFHW),
            exit_step=step.streams.integer(f"{name}_exit", len(self.sigmas)),
            grad=grad,
        )

    def _diffusion_loss(self, batch: Batch, choice: Choice, step: Step) -> Tensor:
        """The error ``[B]`` of the student's clean estimate of a noised real clip, at one of its own noise levels per sample."""
        x0 = batch.latent_BCFHW
        index = (
            (step.uniform("student_sigma", x0, stratified=True) * len(self.sigmas))
            .long()
            .clamp_max(len(self.sigmas) - 1)
        )
        sigma = torch.tensor(self.sigmas, dtype=torch.float32).to(x0.device)[index]
        x = with_clean_frame(noised(x0, step.noise("diffusion_noise", x0), sigma), clean_frame(batch))
        prediction = x0_from_velocity(x, self.student(x, sigma, choice.context_BMT, choice.control_BCFHW), sigma)
        weight = cell_weights(batch, self.conditioning.inside_weight)
        loss_B = diffusion_loss(prediction, x0, weight_B1FHW=weight)
        step.metrics.mean("loss/diffusion", loss_B)
        step.metrics.bins("loss_by_sigma", loss_B, sigma)
        return loss_B

    def _lambda(self, step: Step) -> float:
        count = max(0, step.iteration - self.warmup)
        if isinstance(self.balance, GradientBalance) and not self.balance.has_observed:
            # Nothing has been measured yet, so the ratio stands in for lambda once.
            return self.balance.ratio(count)
        return self.balance(count)

    def _observe(self, scale: float, step: Step) -> None:
        found = self.norms.read()
        for name, norm in found.items():
            step.metrics.mean(f"gradient/{name}", norm)
        step.metrics.last("lambda/value", torch.tensor(scale))
        if isinstance(self.balance, GradientBalance) and "diffusion" in found:
            diffusion, gan = float(found["diffusion"]) / scale, float(found["gan"]) if "gan" in found else 0.0
            if math.isfinite(diffusion + gan):  # the trainer skips such an update
                self.balance.observe(diffusion, gan)

    def state_dict(self) -> dict[str, Any]:
        """See ``Method``."""
        return {"balance": self.balance.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See ``Method``."""
        self.balance.load_state_dict(state["balance"])
