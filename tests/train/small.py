"""Small networks, clips and runs: what the tests of methods and of the trainer share."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flashmotion_core.adapters import AdapterFile
from flashmotion_core.wan.block import timestep_embedding
from flashmotion_core.weights import save_whole
from train.data.encoded import COMPLETE, FORMAT, INDEX, Batch, ClipRecord, EncodedClips
from train.engine import lora, phases
from train.engine.build import Builder
from train.engine.config import Config, parse
from train.engine.console import Console
from train.engine.health import Health, HealthSettings
from train.engine.parallel import World
from train.engine.roles import Denoiser, Role
from train.engine.streams import Streams
from train.engine.tracking import Metrics, read_log
from train.engine.trainer import Job, Trainer
from train.methods.base import Method, Step
from train.methods.dmd import Dmd
from train.methods.flow import Flow
from train.methods.hybrid import Hybrid
from train.methods.lcm import Lcm

ALONE = World(0, 1, 0, torch.device("cpu"))
SHAPE_CFHW = (48, 3, 4, 4)
SIGMAS = (1.0, 0.9, 0.75, 0.5)
SHIFT = 3.0
STAGE3_LORA = "fast"

OPTIM = {"lr": 1e-4, "betas": [0.0, 0.99], "warmup": 2}
GAN = {"weight": 0.3, "width": 32, "heads": 2, "optim": OPTIM}
PHASE = {
    "steps": 6,
    "global_batch": 4,
    "micro_batch": 2,
    "log_every": 1,
    "checkpoint_every": 100,
    "validate_every": 0,
    "optim": OPTIM,
    "ema": {"decay": 0.5, "start": 2},
}
SETTINGS: dict[str, Any] = {
    "name": "small",
    "device": "cpu",
    "precision": "fp32",
    "models": {
        "sizes": {"dim": 32, "ffn_dim": 48, "num_heads": 1, "num_layers": 2, "text_dim": 8},
        "adapters": [{"kind": "resnet", "width": 32}, {"kind": "controlnet", "blocks": 1}],
    },
    "stage1": {**PHASE, "masks_first": 0.3, "conditioning": {"text_dropout": 0.3, "mask_share": 0.3}},
    "stage2": {**PHASE, "fake_optim": OPTIM, "ratio": 2, "guidance_scale": 2, "canary": {"every": 4, "teacher_steps": 2}},
    "stage3": {**PHASE, "method": "hybrid", "ratio": 2, "gan_warmup": 1, "gan": GAN, "balance": {"mode": "gradient_balance"}},
}  # fmt: skip


def small_config(**changes: Any) -> Config:
    """The settings above with changes, mapping by mapping: small_config(stage1={"steps": 3})."""
    return parse(_laid_over(SETTINGS, changes))


def _laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        replaced = both and value.get("method", "hybrid") != "hybrid"
        merged[key] = _laid_over(merged[key], value) if both and not replaced else value
    return merged


# Clips


def small_batch(clips: int = 2, seed: int = 0) -> Batch:
    """Clips of random numbers; a tenth of the tokens are zeros, as padding is."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    inside = (draw(clips, 1, *SHAPE_CFHW[1:]) > 0).float()
    latent, box, mask = (draw(clips, *SHAPE_CFHW) for _ in range(3))
    return Batch(latent, box, mask, inside, draw(clips, 5, 8), [f"clip {index}" for index in range(clips)])


def moving_pattern(index: int) -> dict[str, Tensor]:
    """A wave that moves by its own speed, as a clip's tensors; the control maps tell phase and speed."""
    channel, frame, _, column = torch.meshgrid(*(torch.arange(float(n)) for n in SHAPE_CFHW), indexing="ij")
    phase = 0.7 * channel + 1.6 * column - (0.5 + 0.3 * index) * frame
    tensors = {
        "latent": 1.4 * torch.cos(phase + index),
        "control_box": torch.sin(phase + index),
        "control_mask": torch.cos(phase),
    }
    tensors = {name: value.half().contiguous() for name, value in tensors.items()}
    inside = torch.zeros(1, *SHAPE_CFHW[1:], dtype=torch.uint8)
    inside[..., :2] = 1
    return {**tensors, "inside": inside, "text": torch.zeros(0, 0, dtype=torch.float16)}


def write_clips(folder: Path, count: int = 8) -> EncodedClips:
    """A folder as `encode_clips` leaves it, of clips 64 x 64 x 9 that nobody rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = [{"format": FORMAT, "fingerprint": "f"}]
    for index in range(count):
        path = folder / f"{index:06d}.safetensors"
        save_whole(path, moving_pattern(index), {})
        size = path.stat().st_size
        lines.append(asdict(ClipRecord(f"clip {index}", path.name, size, 9, 64, 64, 12.0, 1, "", (0, 0), {})))
    (folder / INDEX).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / COMPLETE).write_text(json.dumps({"clips": count, "fingerprint": "f"}))
    return EncodedClips(folder, text_dim=8)


# Networks and methods


def shaken(weights: Mapping[str, Tensor], seed: int, by: float = 0.05) -> dict[str, Tensor]:
    """Weights plus noise: nothing is zero any more, so that everything has a gradient."""
    random = torch.Generator().manual_seed(seed)
    return {key: value + by * torch.randn(value.shape, generator=random) for key, value in weights.items()}


class Nets:
    """Networks of a configuration with weights that do not depend on the processes; slow and fast generators differ."""

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
        return Flow(self.role(self.slow, kind, adapts=True), self.config.stage1)

    def dmd(self) -> Dmd:
        """Of stage 2: all weights, or LoRAs on one base, where the configuration says so."""
        settings, builder = self.config.stage2, self.builder
        if settings.lora is None:
            student, fake = (self.role(self.slow, trained=True) for _ in range(2))
            real = self.role(self.slow)
        else:
            names = ("fast", "fake")
            generator = builder.generator(
                self.sizes,
                self.slow,
                loras=dict.fromkeys(names),
                rank=settings.lora.rank,
                alpha=2.0,
                trained_loras=names,
            )
            network = Denoiser(generator)
            student, fake = (builder.role(network, name, has_loras=True) for name in names)
            real = builder.role(network, None, has_loras=True)
        judge = None
        if settings.gan is not None:
            judge = builder.role(builder.discriminator(real.generator, settings.gan), has_loras=real.has_loras)
        return Dmd(student, real, fake, judge, settings, SIGMAS, SHIFT)

    def dmd_adapter(self) -> Dmd:
        """The baseline of stage 3 whose student is the adapter."""
        assert isinstance(self.config.stage3, phases.Dmd)
        student, real = self.role(self.fast, "resnet", adapts=True), self.role(self.slow, "resnet")
        fake = self.role(self.slow, "resnet", adapts=True)
        return Dmd(student, real, fake, None, self.config.stage3, SIGMAS, SHIFT)

    def hybrid(self, kind: str = "resnet", fast: Mapping[str, Tensor] | None = None) -> Hybrid:
        settings = self.config.stage3
        assert isinstance(settings, phases.Hybrid)
        student = self.role(self.fast if fast is None else fast, kind, adapts=True)
        judge = None
        if settings.gan.weight:
            backbone = self.builder.generator(self.sizes, self.slow)
            judge = self.builder.role(self.builder.discriminator(backbone, settings.gan))
        return Hybrid(student, judge, settings, SIGMAS, self.world)

    def shared_hybrid(self, difference: Mapping[str, Tensor], rank: int, alpha: float) -> Hybrid:
        """Generator and discriminator on one base; the FastGenerator is that with a LoRA."""
        settings, builder = self.config.stage3, self.builder
        assert isinstance(settings, phases.Hybrid)
        generator = builder.generator(self.sizes, self.slow, loras={STAGE3_LORA: difference}, rank=rank, alpha=alpha)
        adapter = builder.adapter(self.adapter_file(), self.sizes, trained=True)
        student = builder.role(Denoiser(generator, adapter), STAGE3_LORA, has_loras=True)
        judge = builder.role(builder.discriminator(generator, settings.gan), has_loras=True)
        return Hybrid(student, judge, settings, SIGMAS, self.world)

    def lcm(self) -> Lcm:
        assert isinstance(self.config.stage3, phases.Lcm)
        student, teacher = self.role(self.fast, "resnet", adapts=True), self.role(self.slow, "resnet")
        return Lcm(student, teacher, self.config.stage3, SHIFT)


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
    """Run an update's terms with their backward passes; their sum, and the figures."""
    for parameter in method.updates[update].parameters.values():
        parameter.grad = None
    total = 0.0
    for term in method.terms(update, batch, step):
        term.backward()
        total += float(term.detach())
    return total, step.metrics.collect(ALONE)


def gradients(parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Those that are there, as copies."""
    return {name: p.grad.detach().clone() for name, p in parameters.items() if p.grad is not None}


def networks(method: Method) -> list[nn.Module]:
    """All networks of a method, each once."""
    return list({id(role.network): role.network for role in method.roles.values()}.values())


Seen = list[tuple[Tensor, Tensor]]


@contextmanager
def seen_by(network: nn.Module) -> Iterator[Seen]:
    """What goes into a network's embeddings: (latents, sinusoids of the timesteps [B, F, S]) of every pass, a ControlNet's too."""
    found: Seen = []

    def watch(module: nn.Module) -> list[Any]:
        latents: list[Tensor] = []

        def note(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            latents.append(arguments[0].detach().clone())

        def pair(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            found.append((latents[-1], arguments[0].detach().unflatten(0, (len(latents[-1]), -1)).clone()))

        return [
            module.patch_embedding.register_forward_pre_hook(note),
            module.time_embedding.register_forward_pre_hook(pair),
        ]

    parts = [module for module in network.modules() if hasattr(module, "patch_embedding")]
    handles = [handle for module in parts for handle in watch(module)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def time_zero(sinusoids: Tensor) -> Tensor:
    """What timestep 0 looks like in an embedding's input."""
    return timestep_embedding(torch.zeros(1), sinusoids.shape[-1])[0]


# Runs


def small_job(folder: Path, settings: phases.Phase, **changes: Any) -> Job:
    options: dict[str, Any] = {"fingerprint": "f", "seed": 0, "precision": "fp32", **changes}
    return Job(name="phase", folder=folder, settings=settings, **options)


def small_trainer(
    nets: Nets, method: Method, settings: phases.Phase, clips: EncodedClips, folder: Path, **changes: Any
) -> Trainer:
    config = nets.config
    job = small_job(
        folder, settings, **{"precision": config.precision, "sharded": config.memory.sharding == "full", **changes}
    )
    health = Health(HealthSettings(), "stage1")
    return Trainer(job, method, clips, nets.world, Console.silent(), health)


METHODS: dict[str, tuple[dict[str, Any], Callable[[Nets], Method], str]] = {
    "flow_resnet": ({}, Nets.flow, "stage1"),
    "flow_controlnet": ({}, lambda nets: nets.flow("controlnet"), "stage1"),
    "dmd": ({}, Nets.dmd, "stage2"),
    "dmd_lora_gan": ({"stage2": {"lora": {"rank": 4}, "gan": GAN}}, Nets.dmd, "stage2"),
    "hybrid_resnet": ({}, Nets.hybrid, "stage3"),
    "hybrid_controlnet": ({}, lambda nets: nets.hybrid("controlnet"), "stage3"),
    "dmd_adapter": ({"stage3": {**SETTINGS["stage2"], "method": "dmd"}}, Nets.dmd_adapter, "stage3"),
    "lcm": ({"stage3": {**PHASE, "method": "lcm", "grid": 8}}, Nets.lcm, "stage3"),
}
"""Changes of the configuration, the method, and the phase whose settings it has."""


def prepared(
    name: str, clips: EncodedClips, folder: Path, *, world: World = ALONE, config: Any = None, **changes: Any
) -> Trainer:
    """A trainer of one of the methods above, with fresh networks; `changes` of the job."""
    settings, make, phase = METHODS[name]
    nets = Nets(small_config(**_laid_over(settings, config or {})), world)
    return small_trainer(nets, make(nets), getattr(nets.config, phase), clips, folder, **changes)


def signal_after(trainer: Trainer, updates: int, number: signal.Signals = signal.SIGINT) -> None:
    """Let the process get a signal while the trainer makes its so-manieth update."""
    inner, made = trainer.method.after, 0

    def after(update: str, iteration: int) -> None:
        nonlocal made
        inner(update, iteration)
        made += 1
        if made == updates:
            signal.raise_signal(number)

    trainer.method.after = after  # type: ignore[method-assign]


def figures(folder: Path) -> dict[tuple[int, str], float]:
    """All logged values by step and name, times and memory left out."""
    return {
        (step, name): value
        for name, (steps, values) in read_log(folder / "log.csv").items()
        for step, value in zip(steps, values, strict=True)
        if not name.startswith(("time/", "memory/"))
    }


def final_state(trainer: Trainer) -> dict[str, Tensor]:
    """All weights and averages by name, whole; every rank calls it."""
    found = {
        f"{update}.{key}": value
        for update, trained in trainer.method.updates.items()
        for key, value in whole_tensors(trained.parameters).items()
    }
    for update, ema in trainer.averages.items():
        found |= {f"average.{update}.{key}": value for key, value in whole_tensors(ema.state_dict()).items()}
    return found


def trained_alike(mine: Trainer, theirs: Mapping[str, Tensor], tolerance: float) -> None:
    """Weights and averages agree with `final_state` of another trainer that added the same numbers in another order.

    Adam divides a gradient by its usual size and so makes steps out of rounding errors where it should be 0 (a key's bias, say). Weights whose
    gradients are not above a thousandth of the largest are only asked to be no more than all steps apart.
    """
    ours = final_state(mine)
    assert ours.keys() == theirs.keys()
    for update, trained in mine.method.updates.items():
        state = mine.optimizers[update].state
        sizes = {key: state[p]["exp_avg_sq"].sqrt() for key, p in trained.parameters.items() if state.get(p)}
        largest = max(float(size.max()) for size in sizes.values())
        clear = 0
        for key, size in sizes.items():
            certain = size > 1e-3 * largest
            clear += int(certain.sum())
            names = [f"{update}.{key}", f"average.{update}.{key}"]
            for name in [name for name in names if name in ours]:
                apart = (ours[name] - theirs[name]).abs()
                assert float((apart * certain).max()) <= tolerance, name
                assert float(apart.max()) <= mine.done[update] * trained.optim.lr, name
        assert clear > sum(size.numel() for size in sizes.values()) / 3, "most weights are compared"


def whole_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        key: (value.full_tensor() if hasattr(value, "full_tensor") else value).detach().clone()
        for key, value in tensors.items()
    }
