"""The phases of training with their networks on the meta device: made by the same Builder as in earnest, without a weight.

The roles are those of the stage scripts; a test holds their memory and FLOPs against real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import AdapterFile, TrajectoryAdapter
from flashmotion_core.wan.config import WanConfig, generator_shapes
from flashmotion_core.wan.generator import WanGenerator

from ..config.method_settings import Balance, DmdSettings, Gan, HybridSettings, LcmSettings, PhaseSettings, SkipSettings
from ..config.schema import Config
from ..config.settings import Adapter
from ..engine.build import Builder, Weights
from ..engine.method import Method
from ..engine.roles import Denoiser, Discriminator, Role
from ..methods.dmd import Dmd
from ..methods.flow import Flow
from ..methods.hybrid import Hybrid
from ..methods.lcm import Lcm
from ..parallel import World
from .device import Imitation
from .meter import Meter

AUTOCAST_KEEPS_CASTS = False
"""`Role` leaves autocast's cache on: float32 weights stay there in bfloat16 until the network is through."""


@dataclass(frozen=True)
class Planned:
    """A phase of training, ready to be measured."""

    name: str
    settings: PhaseSettings
    method: Method
    sizes: WanConfig


@dataclass
class Looked:
    """What one call without gradients took: FLOPs, bytes at its fullest moment, and the shape of its result."""

    flops: int
    peak: int
    shape: torch.Size


@dataclass
class MetaRole(Role):
    """A role whose autocast is imitated, and which remembers what a call without gradients takes: rollouts make many of them."""

    imitation: Imitation | None = None
    looked: dict[tuple[torch.Size | None, ...], Looked] = field(default_factory=dict)

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
        self.looked[key] = Looked(meter.flops - flops, meter.peak - size, out.shape)
        meter.peak = max(peak, meter.peak)
        return out

    def _autocast(self) -> AbstractContextManager[None]:
        assert self.imitation is not None
        return self.imitation.autocast(self.autocast, cache=AUTOCAST_KEEPS_CASTS)


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
            return super().discriminator(backbone, settings)

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


def planned_phases(config: Config, slow: WanConfig, fast: WanConfig, builder: MetaBuilder) -> Iterator[Planned]:
    """The training phases of a run in order; ``slow`` and ``fast`` are the generators' sizes."""
    models = config.models
    if models.generator is None:
        yield Planned("base", config.base, _base(config, slow, builder), slow)
    for adapter in (entry for entry in models.adapters if entry.slow is None):
        yield Planned(f"stage1_{adapter.kind}", config.stage1, _stage1(config, adapter, slow, builder), slow)
    if models.fast_generator is None:
        yield Planned("stage2", config.stage2, _stage2(config, slow, builder), slow)
    if isinstance(config.stage3, SkipSettings):
        return
    for adapter in models.adapters:
        method = _stage3(config, adapter, slow, fast, builder)
        yield Planned(f"stage3_{adapter.kind}", config.stage3, method, fast)


def _base(config: Config, sizes: WanConfig, builder: MetaBuilder) -> Method:
    weights = builder.weights(sizes)
    adapter = builder.adapter(builder.fresh_adapter(Adapter(kind="resnet"), sizes, weights), sizes, trained=True)
    return Flow(builder.role(Denoiser(builder.generator(sizes, weights, trained=True), adapter)), config.base)


def _stage1(config: Config, settings: Adapter, sizes: WanConfig, builder: MetaBuilder) -> Method:
    weights = builder.weights(sizes)
    adapter = builder.adapter(builder.fresh_adapter(settings, sizes, weights), sizes, trained=True)
    return Flow(builder.role(Denoiser(builder.generator(sizes, weights), adapter)), config.stage1)


def _stage2(config: Config, sizes: WanConfig, builder: MetaBuilder) -> Method:
    settings, weights, schedule = config.stage2, builder.weights(sizes), config.steps.schedule()
    if settings.lora is None:
        student, fake = (builder.role(Denoiser(builder.generator(sizes, weights, trained=True))) for _ in range(2))
        real = builder.role(Denoiser(builder.generator(sizes, weights)))
    else:
        names = ("fast", "fake")
        alpha = settings.lora.alpha or settings.lora.rank
        options: dict[str, Any] = {"rank": settings.lora.rank, "alpha": alpha, "trained_loras": names}
        network = Denoiser(builder.generator(sizes, weights, loras=dict.fromkeys(names), **options))
        student, fake, real = (builder.role(network, name, has_loras=True) for name in (*names, None))
    return Dmd(student, real, fake, _judge(builder, real, settings.gan), settings, schedule.sigmas, schedule.shift)


def _stage3(config: Config, adapter: Adapter, slow: WanConfig, fast: WanConfig, builder: MetaBuilder) -> Method:
    settings, schedule = config.stage3, config.steps.schedule()
    file = builder.fresh_adapter(adapter, slow, builder.weights(slow))
    slow_weights = builder.weights(slow)
    shared = isinstance(settings, HybridSettings) and settings.share_backbone
    if shared:
        assert config.stage2.lora is not None
        rank = config.stage2.lora.rank
        generator = builder.generator(slow, slow_weights, loras={"fast": None}, rank=rank, alpha=rank)
    else:
        generator = builder.generator(fast, builder.weights(fast))
    network = Denoiser(generator, builder.adapter(file, fast, trained=True))
    student = builder.role(network, "fast" if shared else None, has_loras=shared)

    def slow_role(*, trained: bool = False) -> Role:
        below = builder.adapter(file, slow, trained=trained)
        return builder.role(Denoiser(builder.generator(slow, slow_weights), below))

    if isinstance(settings, LcmSettings):
        return Lcm(student, slow_role(), settings, schedule.shift)
    if isinstance(settings, DmdSettings):
        real = slow_role()
        judge = _judge(builder, real, settings.gan)
        return Dmd(student, real, slow_role(trained=True), judge, settings, schedule.sigmas, schedule.shift)
    assert isinstance(settings, HybridSettings)
    # A lambda that is measured cannot be known here, and one that happens to be 0 would leave a term out.
    steady = Balance(mode="constant", options={"value": 1.0})
    settings = settings.model_copy(update={"balance": steady})
    judge = None
    if settings.gan.weight:
        backbone = generator if shared else builder.generator(slow, slow_weights)
        judge = builder.role(builder.discriminator(backbone, settings.gan), has_loras=shared)
    return Hybrid(student, judge, settings, schedule.sigmas, builder.world)


def _judge(builder: MetaBuilder, real: Role, settings: Gan | None) -> Role | None:
    if settings is None:
        return None
    backbone = real.network.generator
    assert isinstance(backbone, WanGenerator)
    return builder.role(builder.discriminator(backbone, settings), has_loras=real.has_loras)
