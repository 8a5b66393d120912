"""From weights to networks, in this order: types and devices, frozen or trained, float8, LoRA, checkpointing, sharding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flashmotion_core.acceleration.attention import HOPPER, Backend, capability, choose_attention, lacking
from flashmotion_core.acceleration.fp8 import store_as_fp8
from flashmotion_core.acceleration.switches import use_attention
from flashmotion_core.adapters import (
    AdapterFile,
    ControlNetAdapter,
    ResNetAdapter,
    TrajectoryAdapter,
    construct_adapter,
)
from flashmotion_core.losses.discriminator import AttentionClassifier, ClassifierConfig, tap_blocks
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import WanGenerator, initialise

from .. import parallel
from ..config.method_settings import Gan
from ..config.schema import Config
from ..config.settings import Adapter
from ..errors import TrainError
from ..parallel import World
from . import lora
from .checkpointing import checkpoint_blocks
from .roles import Denoiser, Discriminator, Role, units
from .streams import seed_of

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Network:
    """A generator's sizes and weights (in the original key layout), on a real device or on the meta device."""

    sizes: WanConfig
    weights: Weights


class Builder:
    """Makes the networks of a phase as the configuration asks for."""

    def __init__(self, config: Config, world: World) -> None:
        self.config, self.world = config, world
        self._frozen: dict[int, tuple[Tensor, Tensor]] = {}
        half = config.precision != "fp32"
        self.frozen_type = torch.bfloat16 if half else torch.float32
        self.trained_type = torch.bfloat16 if config.precision == "bf16_kahan" else torch.float32
        self.autocast = torch.bfloat16 if half else None
        self.sharded = world.size > 1 and config.memory.sharding == "full"
        if self.sharded and config.memory.fp8:
            raise TrainError(
                f"memory.fp8 is true, but {world.size} processes share the weights and float8 cannot be shared; set memory.sharding to none."
            )

    def generator(
        self,
        sizes: WanConfig,
        weights: Weights,
        *,
        trained: bool = False,
        loras: Mapping[str, Weights | None] | None = None,
        rank: int = 0,
        alpha: float = 1.0,
        trained_loras: Sequence[str] = (),
    ) -> WanGenerator:
        """A generator with weights in the original key layout.

        Args:
            sizes: the generator's sizes.
            weights: all of its weights.
            trained: whether the weights are trained; if not, they are frozen (and float8 with memory.fp8).
            loras: the LoRAs to add, each with its weights, or None for fresh ones.
            rank: the rank of the LoRAs.
            alpha: the alpha of the LoRAs.
            trained_loras: the names of the LoRAs to train.
        """
        with torch.device("meta"):
            generator = WanGenerator(sizes)
        generator.requires_grad_(trained)
        self._fill(generator, weights, trained)
        use_attention(generator, self.attention(sizes).attention)
        if self.config.memory.fp8 and not trained:
            store_as_fp8(generator)
        for name, kept in (loras or {}).items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_of(f"{self.config.seed}/lora/{name}"))
                lora.add_lora(generator, name, rank, alpha, dtype=self.trained_type)
            if kept is not None:
                lora.load_lora(generator, name, kept)
            for _, parameter in lora.trainable(generator, name):
                parameter.requires_grad_(name in trained_loras)
        if self.config.memory.checkpointing:
            contexts = lora.contexts(generator) if loras else None
            checkpoint_blocks(generator.blocks, offload=self.config.memory.offload, contexts=contexts)
        if self.sharded:
            self._shard(generator, units(generator))
            torch.distributed.fsdp.register_fsdp_forward_method(generator, "features")
        return generator

    def fresh_generator(self, sizes: WanConfig) -> Weights:
        """Weights of a generator to train from scratch, from the run's seed."""
        generator = WanGenerator(sizes)
        initialise(generator, torch.Generator().manual_seed(seed_of(f"{self.config.seed}/generator")))
        return generator.state_dict()

    def fresh_adapter(self, settings: Adapter, sizes: WanConfig, generator: Weights) -> AdapterFile:
        """An adapter that adds nothing yet: a ResNet with a tower from the run's seed, or a ControlNet cloned from the generator."""
        adapter: TrajectoryAdapter
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(f"{self.config.seed}/adapter/{settings.kind}"))
            if settings.kind == "resnet":
                adapter = ResNetAdapter(sizes, width=settings.width)
            else:
                adapter = ControlNetAdapter(sizes)
                adapter.init_from_generator(generator)
        return AdapterFile(
            adapter.kind, adapter.config(), adapter.state_dict(), name=f"a fresh {settings.kind} adapter"
        )

    def adapter(self, file: AdapterFile, sizes: WanConfig, *, trained: bool = False) -> TrajectoryAdapter:
        """The adapter of a file."""
        adapter = construct_adapter(file, sizes)
        adapter.requires_grad_(trained)
        self._fill(adapter, file.state_dict, trained)
        use_attention(adapter, self.attention(sizes).attention)
        if self.config.memory.checkpointing and isinstance(adapter, ControlNetAdapter):
            checkpoint_blocks(adapter.blocks, offload=self.config.memory.offload)
        if self.sharded:
            # Without a root around them: its denoiser calls an adapter's parts, never the whole, and is the root of all; see `role`.
            for unit in units(adapter):
                self._shard(unit, [])
        return adapter

    def discriminator(self, backbone: WanGenerator, settings: Gan) -> Discriminator:
        """A fresh classifier on the features of a frozen generator."""
        sizes = backbone.config
        taps = tap_blocks(sizes.num_layers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(f"{self.config.seed}/classifier"))
            classifier = AttentionClassifier(
                ClassifierConfig(
                    dim=sizes.dim,
                    text_dim=sizes.text_dim,
                    taps=len(taps),
                    width=settings.width,
                    heads=settings.heads,
                )
            )
        # Always in float32: it is small, and its logits differ by hundredths.
        classifier.to(self.world.device)
        if self.sharded:
            parallel.shard(classifier, [], self.world, half=False)
        return Discriminator(backbone, classifier, taps)

    def role(self, network: Denoiser | Discriminator, name: str | None = None, *, has_loras: bool = False) -> Role:
        """A network as a method calls it; ``name`` is the LoRA that is active."""
        if self.sharded and isinstance(network, Denoiser) and network.adapter is not None:
            # One root for generator and adapter, whose blocks alternate: a root gathers the next block's weights while it computes, and
            # waits for all that came before it when it begins. A discriminator may call the generator first.
            self._shard(network, [])
            parallel.settle_root(network, "settle")
        return Role(network, name, has_loras, self.autocast, self.world.device)

    def attention(self, sizes: WanConfig) -> Backend:
        """cuDNN's kernel on Hopper, else torch's choice: both take what autocast makes of float32, which libraries of attention do not."""
        device, dtype = self.world.device, self.autocast or torch.float32
        fits = capability(device) == HOPPER and lacking("cudnn", device, dtype, sizes.head_dim) is None
        return choose_attention("cudnn" if fits else "sdpa", device, dtype, sizes.head_dim)

    def _fill(self, module: nn.Module, weights: Weights, trained: bool) -> None:
        """Fill a module on the meta device with weights; trained ones are copies, frozen ones may be shared between roles."""
        place = self._copied if trained else self._placed
        module.load_state_dict({key: place(value) for key, value in weights.items()}, assign=True)

    def _copied(self, value: Tensor) -> Tensor:
        return value.to(self.world.device, self.trained_type, copy=True)

    def _placed(self, value: Tensor) -> Tensor:
        """A frozen tensor on the device in the type of frozen weights; the same weights give the same tensor."""
        if self.sharded:  # each network shards its own copy
            return value.to(self.world.device, self.frozen_type, copy=True)
        if id(value) not in self._frozen:
            self._frozen[id(value)] = value, value.to(self.world.device, self.frozen_type)
        return self._frozen[id(value)][1]

    def _shard(self, root: nn.Module, parts: Sequence[nn.Module]) -> None:
        parallel.shard(root, parts, self.world, half=self.autocast is not None)
