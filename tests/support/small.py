"""Small networks, batches and methods: what the tests of methods and of the trainer share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import AdapterFile
from flashmotion_core.sampling.schedule import Schedule
from train.config.load import parse
from train.config.method_settings import HybridSettings, Lora, SkipSettings
from train.config.schema import Config
from train.data.encoded import Batch
from train.engine import lora
from train.engine.build import Builder, Network
from train.engine.method import Method, Step
from train.engine.roles import Denoiser, Role
from train.engine.streams import Streams
from train.methods.dmd import Dmd
from train.methods.flow import Flow
from train.methods.hybrid import Hybrid
from train.monitor.run_log import Metrics
from train.parallel import World
from train.stages import wiring

ALONE = World(0, 1, 0, torch.device("cpu"))
SHAPE_CFHW = (48, 3, 4, 4)
SIGMAS = (1.0, 0.9, 0.75, 0.5)
SHIFT = 3.0
SCHEDULE = Schedule("custom", SIGMAS, SHIFT)

OPTIM = {"lr": 1e-4, "betas": [0.0, 0.99], "warmup": 2}
GAN = {"weight": 0.3, "width": 32, "heads": 2, "optim": OPTIM}
PHASE = {
    "steps": 6,
    "global_batch": 4,
    "micro_batch": 2,
    "validate_every": 0,
    "optim": OPTIM,
    "ema": {"decay": 0.5, "start": 2},
}
SETTINGS: dict[str, Any] = {
    "name": "small",
    "device": "cpu",
    "precision": "fp32",
    "logging": {"every": 1},
    "checkpoints": {"every": 100},
    "models": {
        "sizes": {"dim": 32, "ffn_dim": 48, "num_heads": 1, "num_layers": 2, "text_dim": 8},
        "adapters": [{"kind": "resnet", "width": 32}, {"kind": "controlnet"}],
    },
    "stage1": {**PHASE, "masks_first": 0.3},
    "conditioning": {"text_dropout": 0.3, "mask_share": 0.3},
    "stage2": {**PHASE, "fake_optim": OPTIM, "ratio": 2, "guidance_scale": 2, "canary": {"every": 4, "teacher_steps": 2}},
    "stage3": {**PHASE, "method": "hybrid", "ratio": 2, "gan_warmup": 1, "gan": GAN, "balance": {"mode": "gradient_balance"}},
}  # fmt: skip


def small_config(**changes: Any) -> Config:
    """The settings above with changes, mapping by mapping: small_config(stage1={"steps": 3})."""
    return parse(laid_over(SETTINGS, changes))


def laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with changes laid over it, mapping by mapping; a method other than hybrid replaces the whole mapping."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        replaced = both and value.get("method", "hybrid") != "hybrid"
        merged[key] = laid_over(merged[key], value) if both and not replaced else value
    return merged


def small_batch(clips: int = 2, seed: int = 0) -> Batch:
    """Clips of random numbers."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    inside = (draw(clips, 1, *SHAPE_CFHW[1:]) > 0).float()
    latent, box, mask = (draw(clips, *SHAPE_CFHW) for _ in range(3))
    return Batch(latent, box, mask, inside, draw(clips, 5, 8), [f"clip {index}" for index in range(clips)])


def shaken(weights: Mapping[str, Tensor], seed: int, by: float = 0.05) -> dict[str, Tensor]:
    """Weights plus noise, so that nothing is zero and everything has a gradient."""
    random = torch.Generator().manual_seed(seed)
    return {key: value + by * torch.randn(value.shape, generator=random) for key, value in weights.items()}


class Nets:
    """The networks of a configuration; slow and fast generator have different weights, the same in every process."""

    def __init__(self, config: Config | None = None, world: World = ALONE) -> None:
        self.config = config or small_config()
        self.world = world
        self.builder = Builder(self.config, world)
        self.sizes = self.config.models.sizes.config()
        fresh = self.builder.fresh_generator(self.sizes)
        self.slow, self.fast = shaken(fresh, 1), shaken(fresh, 2)

    def adapter_file(self, kind: str = "resnet") -> AdapterFile:
        settings = next(adapter for adapter in self.config.models.adapters if adapter.kind == kind)
        file = self.builder.fresh_adapter(settings, self.sizes, self.slow)
        return AdapterFile(file.kind, file.config, shaken(file.state_dict, 3), name=file.name)

    def role(
        self, weights: Mapping[str, Tensor], kind: str | None = None, *, trained: bool = False, adapts: bool = False
    ) -> Role:
        """A generator, perhaps with an adapter; `trained` generator, or one whose adapter `adapts`."""
        adapter = None if kind is None else self.builder.adapter(self.adapter_file(kind), self.sizes, trained=adapts)
        return self.builder.role(Denoiser(self.builder.generator(self.sizes, weights, trained=trained), adapter))

    def flow(self, kind: str = "resnet") -> Flow:
        return wiring.flow(self.builder, self._slow, self.adapter_file(kind), self.config.stage1)

    def dmd(self) -> Dmd:
        """Of stage 2: all weights, or LoRAs on one base, as the configuration says."""
        return wiring.distil(self.builder, self._slow, self.config.stage2, SCHEDULE)

    def fast_adapter(self, kind: str = "resnet", fast: Mapping[str, Tensor] | None = None) -> Method:
        """Of stage 3, with the method that the configuration names."""
        settings = self.config.stage3
        assert not isinstance(settings, SkipSettings)
        network = Network(self.sizes, self.fast if fast is None else fast)
        file = self.adapter_file(kind)
        return wiring.fast_adapter(self.builder, self._slow, network, file, settings, SCHEDULE, self.world)

    def hybrid(self, kind: str = "resnet", fast: Mapping[str, Tensor] | None = None) -> Hybrid:
        method = self.fast_adapter(kind, fast)
        assert isinstance(method, Hybrid)
        return method

    def shared_hybrid(self, difference: Mapping[str, Tensor], rank: int, alpha: float) -> Hybrid:
        """Generator and discriminator on one base; the FastGenerator is that with a LoRA."""
        assert isinstance(self.config.stage3, HybridSettings)
        settings = self.config.stage3.model_copy(update={"share_backbone": True})
        files = (self._slow, Network(self.sizes, self.fast), self.adapter_file())
        options = {"lora": Lora(rank=rank, alpha=alpha), "fast_lora": difference}
        method = wiring.fast_adapter(self.builder, *files, settings, SCHEDULE, self.world, **options)  # type: ignore[arg-type]
        assert isinstance(method, Hybrid)
        return method

    @property
    def _slow(self) -> Network:
        return Network(self.sizes, self.slow)


def small_lora(nets: Nets, rank: int, alpha: float) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A LoRA that is not zero on the slow generator, and the slow generator with it merged."""
    generator = nets.builder.generator(nets.sizes, nets.slow, loras={"fast": None}, rank=rank, alpha=alpha)
    difference = shaken(lora.lora_state_dict(generator, "fast"), 5)
    lora.load_lora(generator, "fast", difference)
    return difference, lora.merged(nets.slow, generator, "fast")


def small_step(
    iteration: int = 0, clips: int = 2, first: int = 0, *, name: str = "test", progress: float = 0.5
) -> Step:
    """A micro-step on clips `first`.. of a global batch of 4."""
    positions = tuple(range(first, first + clips))
    return Step(iteration, progress, Streams(0, name, iteration), positions, 4, Metrics("cpu"), is_first=first == 0)


def objective(method: Method, update: str, batch: Batch, step: Step) -> tuple[float, dict[str, float]]:
    """Run an update's terms with their backward passes; returns their sum and the metrics."""
    for parameter in method.updates[update].parameters.values():
        parameter.grad = None
    total = 0.0
    for term in method.terms(update, batch, step):
        term.backward()
        total += float(term.detach())
    return total, step.metrics.collect(ALONE)


def gradients(parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Copies of the gradients that exist."""
    return {name: p.grad.detach().clone() for name, p in parameters.items() if p.grad is not None}


def networks(method: Method) -> list[nn.Module]:
    """All networks of a method, each once."""
    return list({id(role.network): role.network for role in method.roles.values()}.values())


METHODS: dict[str, tuple[dict[str, Any], Callable[[Nets], Method], str]] = {
    "flow_resnet": ({}, Nets.flow, "stage1"),
    "flow_controlnet": ({}, lambda nets: nets.flow("controlnet"), "stage1"),
    "dmd": ({}, Nets.dmd, "stage2"),
    "dmd_lora_gan": ({"stage2": {"lora": {"rank": 4, "alpha": 2}, "gan": GAN}}, Nets.dmd, "stage2"),
    "hybrid_resnet": ({}, Nets.hybrid, "stage3"),
    "hybrid_controlnet": ({}, lambda nets: nets.hybrid("controlnet"), "stage3"),
    "dmd_adapter": ({"stage3": {**SETTINGS["stage2"], "method": "dmd"}}, Nets.fast_adapter, "stage3"),
    "lcm": ({"stage3": {**PHASE, "method": "lcm", "grid": 8}}, Nets.fast_adapter, "stage3"),
}
"""Changes of the configuration, the method, and the phase whose settings it has."""


def made(name: str, **changes: Any) -> Method:
    settings, make, _ = METHODS[name]
    return make(Nets(small_config(**(settings | changes))))


def hybrid(**changes: Any) -> Hybrid:
    return Nets(small_config(stage3=changes)).hybrid()
