"""The phases of training with their networks on the meta device: made by the same Builder as in earnest, without a weight.

Roles and methods are wired as in training (`stages.wiring`); a test holds their memory and FLOPs against real ones.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import AdapterFile, TrajectoryAdapter
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.generator import WanGenerator

from ..config.method_settings import Balance, DmdSettings, FlowSettings, Gan, HybridSettings, LcmSettings, PhaseSettings
from ..config.phases import training_phases
from ..config.schema import Config
from ..config.settings import Adapter
from ..engine.build import Builder, Network, Weights
from ..engine.method import Method
from ..engine.roles import Denoiser, Discriminator, Role
from ..parallel import World
from ..stages import wiring
from .device import Imitation
from .meter import Meter

FastSettings = HybridSettings | DmdSettings | LcmSettings


@dataclass(frozen=True)
class Planned:
    """A phase of training, ready to be measured."""

    name: str
    settings: PhaseSettings
    method: Method
    sizes: WanConfig


@dataclass
class CallCost:
    """What one call without gradients took: FLOPs, bytes at its fullest moment, and the shape of its result."""

    flops: int
    peak: int
    shape: torch.Size


@dataclass
class MetaRole(Role):
    """A role whose autocast is imitated, and which remembers what a call without gradients takes: rollouts make many of them."""

    imitation: Imitation | None = None
    looked: dict[tuple[torch.Size | None, ...], CallCost] = field(default_factory=dict)

    def __call__(self, *arguments: Tensor | None) -> Tensor:
        """See ``Role``."""
        assert self.imitation is not None
        if torch.is_grad_enabled():
            return super().__call__(*arguments)
        meter = self.imitation.meter
        key = tuple(None if argument is None else argument.shape for argument in arguments)
        if key in self.looked:
            before = self.looked[key]
            meter.flops += before.flops
            meter.peak = max(meter.peak, meter.bytes + before.peak)
            return torch.empty(before.shape, device="meta")
        flops, size, peak = meter.flops, meter.bytes, meter.peak
        meter.peak = size
        out = super().__call__(*arguments)
        self.looked[key] = CallCost(meter.flops - flops, meter.peak - size, out.shape)
        meter.peak = max(peak, meter.peak)
        return out

    def _autocast(self) -> AbstractContextManager[None]:
        assert self.imitation is not None
        return self.imitation.autocast(self.autocast, cache=False)


class MetaBuilder(Builder):
    """Builds on the meta device what a ``Builder`` would build on another one."""

    def __init__(self, config: Config, device: str, ranks: int) -> None:
        """Prepare.

        Args:
            config: of the run.
            device: that is planned for, ``cuda`` or ``cpu``.
            ranks: that the run has; here, nothing is shared out.
        """
        # Offloading would copy to real memory; see _offloaded.
        memory = config.memory.model_copy(update={"offload": False})
        super().__init__(config.model_copy(update={"memory": memory}), World(0, 1, 0, torch.device("meta")))
        self.offload = config.memory.offload
        self.imitation = Imitation(Meter(), device, shared=ranks > 1 and config.memory.sharding == "full")

    def weights(self, sizes: WanConfig) -> Weights:
        """A generator's weights as a file would bring them."""
        shapes = generator_shapes(sizes)
        return {key: torch.empty(shape, dtype=self.frozen_type, device="meta") for key, shape in shapes.items()}

    def generator(self, sizes: WanConfig, weights: Weights, **options: Any) -> WanGenerator:
        """See ``Builder``."""
        with torch.device("meta"):
            generator = super().generator(sizes, weights, **options)
        if self.offload:
            _offload(generator.blocks)
        return generator

    def fresh_adapter(self, settings: Adapter, sizes: WanConfig, generator: Weights) -> AdapterFile:
        """See ``Builder``."""
        with torch.device("meta"):
            return super().fresh_adapter(settings, sizes, generator)

    def adapter(self, file: AdapterFile, sizes: WanConfig, *, trained: bool = False) -> TrajectoryAdapter:
        """See ``Builder``."""
        adapter = super().adapter(file, sizes, trained=trained)
        if self.offload and isinstance(blocks := getattr(adapter, "blocks", None), nn.ModuleList):
            _offload(blocks)
        return adapter

    def discriminator(self, backbone: WanGenerator, settings: Gan) -> Discriminator:
        """See ``Builder``."""
        with torch.device("meta"):
            made = super().discriminator(backbone, settings)
        forward = made.classifier.forward

        def in_full_precision(*arguments: Any) -> Tensor:
            with self.imitation.autocast(None, cache=False):
                return forward(*arguments)

        made.classifier.forward = in_full_precision  # type: ignore[assignment]
        return made

    def role(self, network: Denoiser | Discriminator, name: str | None = None, *, has_loras: bool = False) -> Role:
        """See ``Builder``."""
        return MetaRole(network, name, has_loras, self.autocast, self.world.device, imitation=self.imitation)


def _offload(blocks: Iterable[nn.Module]) -> None:
    """Nothing that is kept of a block takes memory: it waits on the host."""

    def pack(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
        return tensor.shape, tensor.dtype

    def unpack(kept: tuple[torch.Size, torch.dtype]) -> Tensor:
        return torch.empty(kept[0], dtype=kept[1], device="meta")

    def wrapped(inner: Any) -> Any:
        def forward(*args: Any, **kwargs: Any) -> Any:
            with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
                return inner(*args, **kwargs)

        return forward

    for block in blocks:
        block.forward = wrapped(block.forward)


def planned_phases(
    config: Config, slow: WanConfig, fast: WanConfig, builder: MetaBuilder, among: Container[str] | None = None
) -> Iterator[Planned]:
    """The training phases of a run in order, of these names or all; ``slow`` and ``fast`` are the generators' sizes."""
    schedule = config.steps.schedule()
    for phase, settings in training_phases(config, among):
        # New ones for each phase, as a phase finds them in files.
        slow_network, fast_network = (Network(sizes, builder.weights(sizes)) for sizes in (slow, fast))
        method: Method
        if phase.adapter is None and isinstance(settings, FlowSettings):
            file = builder.fresh_adapter(config.models.base_adapter, slow, slow_network.weights)
            method = wiring.flow(builder, slow_network, file, settings, train_generator=True)
        elif phase.adapter is None:
            assert isinstance(settings, DmdSettings)
            method = wiring.distil(builder, slow_network, settings, schedule)
        else:
            file = builder.fresh_adapter(phase.adapter, slow, slow_network.weights)
            if isinstance(settings, FlowSettings):
                method = wiring.flow(builder, slow_network, file, settings)
            else:
                assert isinstance(settings, (HybridSettings, DmdSettings, LcmSettings))
                method = wiring.fast_adapter(
                    builder,
                    slow_network,
                    fast_network,
                    file,
                    _steady(settings),
                    schedule,
                    builder.world,
                    lora=config.stage2.lora,
                )
        yield Planned(phase.name, settings, method, fast if phase.stage == "stage3" else slow)


def _steady(settings: FastSettings) -> FastSettings:
    """With a lambda of 1: one that is measured cannot be known here, and one that happens to be 0 would leave a term out."""
    if not isinstance(settings, HybridSettings):
        return settings
    return settings.model_copy(update={"balance": Balance(mode="constant", options={"value": 1.0})})
