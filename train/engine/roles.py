"""The networks of a run and their roles: student, teacher, critic, discriminator.

A role says how to call a network; one network with two LoRAs has two roles. Frame 0 of every latent is the clean start picture at
timestep 0, because image to video is the only task here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import ReusingAdapter, TrajectoryAdapter
from flashmotion_core.losses.discriminator import AttentionClassifier
from flashmotion_core.wan.conditioning import frame_timesteps
from flashmotion_core.wan.generator import WanGenerator

from . import lora


class Denoiser(nn.Module):
    """A generator, with or without an adapter: noisy latent and condition -> velocity."""

    def __init__(
        self, generator: WanGenerator, adapter: TrajectoryAdapter | None = None, compute_every: int = 1
    ) -> None:
        """Join them.

        Args:
            generator: the generator to steer.
            adapter: the adapter that steers it.
            compute_every: n above 1 computes the adapter only in every n-th step of a sampling run, with one pass per step; not for
                training.
        """
        super().__init__()
        self.generator = generator
        self.adapter = adapter
        # Not a module: it would list the adapter's weights a second time.
        self._reusing = ReusingAdapter(adapter, compute_every) if adapter is not None and compute_every > 1 else None

    def forward(
        self,
        x_BCFHW: Tensor,
        sigma_B: Tensor,
        context_BMT: Tensor,
        control_BCFHW: Tensor | None = None,
        strength_B: Tensor | None = None,
    ) -> Tensor:
        """The velocity ``[B, C, F, H, W]``.

        Args:
            x_BCFHW: noised latent with a clean frame 0.
            sigma_B: noise level of the other frames, 0..1.
            context_BMT: text tokens.
            control_BCFHW: control latent; without an adapter it has no effect.
            strength_B: factor on each sample's residuals; None for 1.
        """
        timestep_BF = frame_timesteps(1000 * sigma_B.float(), x_BCFHW.shape[2], True)
        adapter = self._reusing or self.adapter
        if adapter is None or control_BCFHW is None:
            velocity: Tensor = self.generator(x_BCFHW, timestep_BF, context_BMT)
            return velocity
        state = adapter.begin(adapter.prepare(control_BCFHW), x_BCFHW, timestep_BF, context_BMT)
        injection = {block: index for index, block in enumerate(adapter.inject_after)}

        def add(block: int, hidden_BLD: Tensor) -> Tensor:
            if block not in injection:
                return hidden_BLD
            residual = adapter.residual(injection[block], state)
            if strength_B is not None:
                residual = residual * strength_B[:, None, None].to(residual)
            return hidden_BLD + residual.to(hidden_BLD.dtype)

        velocity = self.generator(x_BCFHW, timestep_BF, context_BMT, add)
        return velocity

    def settle(self) -> None:
        """Nothing; see ``parallel.settle_root``."""


class Discriminator(nn.Module):
    """A classifier on the features of a frozen generator that sees a noised clip: one logit, positive for real."""

    def __init__(self, backbone: WanGenerator, classifier: AttentionClassifier, taps: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.taps = tuple(taps)

    def forward(self, x_BCFHW: Tensor, sigma_B: Tensor, context_BMT: Tensor, control_BCFHW: Tensor) -> Tensor:
        """Logits ``[B]``, computed in float32 from the backbone's features; gradients reach ``x`` through the frozen backbone."""
        timestep_B = 1000 * sigma_B.float()
        timestep_BF = frame_timesteps(timestep_B, x_BCFHW.shape[2], True)
        features, grid = self.backbone.features(x_BCFHW, timestep_BF, context_BMT, self.taps)
        with _without_autocast(x_BCFHW.device):
            logit: Tensor = self.classifier(features, grid, context_BMT, control_BCFHW, timestep_B)
        return logit


def _without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Inside, arithmetic is in the type of the weights; the meta device has no autocast of its own (see ``plan.device``)."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


@dataclass
class Role:
    """How a method calls a network.

    Attributes:
        network: a Denoiser or a Discriminator.
        lora: the active LoRA of the network's generator; None for the bare generator.
        has_loras: whether the generator has any LoRAs.
        autocast: arithmetic type of the forward pass; None for the type of the weights.
        device: the device that computes.
    """

    network: Denoiser | Discriminator
    lora: str | None = None
    has_loras: bool = False
    autocast: torch.dtype | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __call__(self, *arguments: Tensor | None) -> Tensor:
        """The network's output in float32."""
        with self._lora(), self._autocast():
            out: Tensor = self.network(*arguments)
        return out.float()

    @property
    def generator(self) -> WanGenerator:
        """The network's generator, or a discriminator's backbone."""
        if isinstance(self.network, Discriminator):
            return self.network.backbone
        return self.network.generator

    @property
    def adapter(self) -> TrajectoryAdapter:
        """The denoiser's adapter."""
        assert isinstance(self.network, Denoiser)
        assert self.network.adapter is not None
        return self.network.adapter

    def parameters(self) -> dict[str, nn.Parameter]:
        """The network's parameters that are trained in this role."""
        return {
            name: parameter
            for name, parameter in self.network.named_parameters()
            if parameter.requires_grad and (".lora_" not in name or f".{self.lora}." in name)
        }

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, the role's own weights get no gradients, which still flow through to the input."""
        trained = list(self.parameters().values())
        for parameter in trained:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)

    def _lora(self) -> AbstractContextManager[None]:
        if not self.has_loras:
            return nullcontext()
        return lora.active(self.generator, self.lora)

    def _autocast(self) -> AbstractContextManager[None]:
        if self.autocast is None or self.device.type == "meta":
            return nullcontext()
        # Without a cache of cast weights: each is used once per pass, and the cache would keep a copy of all until its end.
        return torch.autocast(self.device.type, self.autocast, cache_enabled=False)


def units(network: WanGenerator | TrajectoryAdapter) -> list[nn.Module]:
    """The parts that are sharded one by one: blocks, zero convolutions, embeddings. The weights of a part have one type."""
    found: list[nn.Module] = []
    for child in network.children():
        if isinstance(child, nn.ModuleList):
            found.extend(child)
        else:
            found.append(child)
    return found
