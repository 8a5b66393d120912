"""The plan against what the stage scripts' own networks really take on this CPU, by accounts that are not the plan's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from flashmotion_core.wan.conditioning import latent_shape
from train.config.load import parse
from train.config.schema import Config
from train.data.encoded import Batch
from train.engine import optim
from train.engine.build import Builder
from train.engine.ema import Ema
from train.engine.method import Method, Step
from train.engine.streams import Streams
from train.monitor.console import Console
from train.monitor.run_log import Metrics
from train.parallel import World
from train.plan.figures import PhasePlan
from train.plan.measure import Measurement
from train.plan.meta_builder import MetaBuilder, planned_phases
from train.run_folder.artifacts import FAST, SLOW, Artifacts
from train.run_folder.run import Run
from train.stages import base_generator, stage1, stage2, stage3

from ...support.memory import traced_peak

pytestmark = pytest.mark.slow

CPU = World(0, 1, 0, torch.device("cpu"))
SIZES = {"dim": 64, "ffn_dim": 192, "num_heads": 2, "num_layers": 3, "text_dim": 16}
PHASE = {"steps": 8, "global_batch": 2, "micro_batch": 2}
CANARY = {"every": 4, "teacher_steps": 2}
GAN = {"width": 32, "heads": 2}
CHECKPOINTED = {"memory": {"checkpointing": True}}
LORA = {"stage2": {**PHASE, "ratio": 2, "canary": CANARY, "lora": {"rank": 8}}}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "base": ("base", {}),
    "resnet": ("stage1_resnet", {}),
    "controlnet, bf16": ("stage1_controlnet", {"precision": "bf16"}),
    "controlnet, bf16, checkpointed": ("stage1_controlnet", {"precision": "bf16", **CHECKPOINTED}),
    "dmd": ("stage2", {}),
    "dmd, LoRA, checkpointed": ("stage2", {**LORA, **CHECKPOINTED}),
    "hybrid": ("stage3_resnet", {}),
    "hybrid, checkpointed": ("stage3_controlnet", CHECKPOINTED),
    "dmd on the adapter": ("stage3_resnet", {"stage3": {"method": "dmd", **PHASE, "canary": CANARY, "gan": GAN}}),
    "lcm": ("stage3_resnet", {"stage3": {"method": "lcm", **PHASE}}),
}


pytestmark = pytest.mark.usefixtures("one_thread")


def configuration(changes: dict[str, Any]) -> Config:
    values: dict[str, Any] = {
        "name": "planned",
        "device": "cpu",
        "precision": "fp32",
        "data": {"size": [256, 192], "frames": 13},
        "models": {"sizes": SIZES, "adapters": [{"kind": "resnet", "width": 32}, {"kind": "controlnet"}]},
        "base": PHASE,
        "stage1": PHASE,
        "stage2": {**PHASE, "ratio": 2, "canary": CANARY},
        "stage3": {"method": "hybrid", **PHASE, "ratio": 2, "gan_warmup": 2, "gan": GAN},
    }
    return parse({**values, **changes})


def planned(config: Config, name: str) -> PhasePlan:
    sizes, builder = config.models.sizes.config(), MetaBuilder(config, "cpu", 1)
    phase = next(phase for phase in planned_phases(config, sizes, sizes, builder) if phase.name == name)
    return Measurement(config, phase, builder, 1).plan()


class Caught(Exception):  # noqa: N818 (no error)
    def __init__(self, method: Method) -> None:
        self.method = method


def real_method(config: Config, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Method:
    """The method that the stage script makes, with real networks from real files; stopped before it trains."""

    def train_phase(run: Run, name: str, method: Method, *rest: object) -> None:
        raise Caught(method)

    run = Run(config, folder, CPU, Console.silent())
    artifacts, sizes = Artifacts(run), config.models.sizes.config()
    weights = artifacts.builder.fresh_generator(sizes)
    for which in (SLOW, FAST):
        artifacts.save_generator(artifacts.generator_path(which), sizes, weights, None)
    stage, _, kind = name.partition("_")
    adapter = artifacts.adapter_settings(kind) if kind else None
    if stage == "stage3":
        file = artifacts.builder.fresh_adapter(artifacts.adapter_settings(kind), sizes, weights)
        artifacts.save_adapter(artifacts.adapter_path(SLOW, kind), file, file.state_dict, artifacts.slow)
    stages: dict[str, tuple[Any, Callable[..., None]]] = {
        "base": (base_generator, base_generator.train),
        "stage1": (stage1, partial(stage1.train, adapter=adapter)),
        "stage2": (stage2, stage2.train),
        "stage3": (stage3, partial(stage3.train, adapter=adapter)),
    }
    module, train = stages[stage]
    monkeypatch.setattr(module, "train_phase", train_phase)
    monkeypatch.setattr(Artifacts, "clips", lambda *_, **__: None)
    with pytest.raises(Caught) as caught:
        train(run, fingerprint="")
    return caught.value.method


@dataclass(frozen=True)
class ToExit(Streams):
    """Streams whose rollouts end at a given step."""

    exit_step: int = 0

    def integer(self, name: str, below: int) -> int:
        return min(self.exit_step, below - 1)


def batch_of(config: Config) -> Batch:
    size = PHASE["micro_batch"]
    channels, *grid = latent_shape(*config.data.size, config.data.frames)
    random = torch.Generator().manual_seed(0)
    clips = [torch.randn(size, channels, *grid, generator=random) for _ in range(3)]
    context = torch.zeros(size, 1, config.models.sizes.text_dim)
    return Batch(*clips, torch.ones(size, 1, *grid), context, [""] * size)


def gradients(method: Method, batch: Batch, update: str, exit_step: int = 3, first: bool = True) -> None:
    """What the trainer does for an update with one micro-step."""
    for parameter in method.updates[update].parameters.values():
        parameter.grad = None
    step = Step(0, 0.0, ToExit(0, "test", 0, exit_step), (0, 1), 2, Metrics("cpu"), is_first=first)
    for term in method.terms(update, batch, step):
        term.backward()  # type: ignore[no-untyped-call]
        del term


def bytes_that_stay(config: Config, method: Method) -> int:
    """Weights, gradients, optimizer states and averages after an iteration, as tensors."""
    found: list[Tensor] = []
    for role in method.roles.values():
        found += [*role.network.parameters(), *role.network.buffers()]
    for update in method.updates.values():
        settings = update.optim
        optimizer = optim.make_optimizer(
            "adamw",
            update.parameters,
            lr=settings.lr,
            betas=settings.betas,
            device=CPU.device,
        )
        optimizer.step()
        found += [
            value for state in optim.optimizer_state(update.parameters, optimizer).values() for value in state.values()
        ]
        found += [parameter.grad for parameter in update.parameters.values() if parameter.grad is not None]
        if update.ema is not None:
            found += Ema(update.parameters, update.ema.decay, update.ema.start).state_dict().values()
    storages = {value.untyped_storage()._cdata: value.untyped_storage() for value in found}
    return sum(storage.nbytes() for storage in storages.values())


def parameters_of(method: Method) -> tuple[int, int]:
    """Trained and frozen ones, by storage."""
    trained = {id(p): p for update in method.updates.values() for p in update.parameters.values()}
    everyone = [p for role in method.roles.values() for p in role.network.parameters()]
    frozen = {p.untyped_storage()._cdata: p.numel() for p in everyone if id(p) not in trained}
    return sum(p.numel() for p in trained.values()), sum(frozen.values())


@pytest.mark.parametrize("case", CASES)
def test_a_plan_equals_what_a_small_run_takes(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, changes = CASES[case]
    config = configuration(changes)
    expected, method = planned(config, name), real_method(config, name, tmp_path, monkeypatch)
    batch = batch_of(config)

    assert (expected.sum.trained, expected.sum.frozen) == parameters_of(method)

    exits = (0, 3) if name.startswith(("stage2", "stage3")) and case != "lcm" else (0,)
    for update in method.updates:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            for exit_step in exits:
                gradients(method, batch, update, exit_step, first=False)
        assert expected.update_flops[update] == pytest.approx(counter.get_total_flops() / len(exits), rel=0.1), update

    most = 0
    for update in method.updates:
        peak = traced_peak(partial(gradients, method, batch, update))
        most = max(
            most, peak - sum(p.grad.nbytes for p in method.updates[update].parameters.values() if p.grad is not None)
        )
    batches = 4 * sum(value.nbytes for value in vars(batch).values() if isinstance(value, Tensor))
    assert expected.working - batches == pytest.approx(most, rel=0.1)
    assert expected.sum.static == pytest.approx(bytes_that_stay(config, method), rel=0.01)


@pytest.mark.parametrize(("width", "trained"), [(32, 6_418_528), (128, 8_246_848), (512, 35_466_688)])
def test_base_trains_with_the_adapter_that_stage_1_begins_with(width: int, trained: int) -> None:
    models = {"adapters": [{"kind": "resnet", "width": width, "from_base": True}]}
    config = parse({"name": "wide", "data": {"size": [128, 128], "frames": 17}, "models": models})
    sizes = config.models.sizes.config()
    meta = MetaBuilder(config, "cpu", 1)
    planned_ones = {phase.name: phase for phase in planned_phases(config, sizes, sizes, meta)}
    base = Measurement(config, planned_ones["base"], meta, 1).static()
    assert base.sum.trained == trained
    # The same from a real builder, and stage 1 resumes with exactly the adapter's share of it.
    real = Builder(config, CPU)
    weights = real.fresh_generator(sizes)
    adapter = real.fresh_adapter(config.models.base_adapter, sizes, weights)
    count = sum(value.numel() for value in adapter.state_dict.values())
    assert base.sum.trained == count + sum(value.numel() for value in weights.values())
    assert Measurement(config, planned_ones["stage1_resnet"], meta, 1).static().sum.trained == count


@pytest.mark.parametrize(
    ("name", "best", "kept"),
    [("stage1_resnet", "score", True), ("stage2", "score", False), ("stage2", "sharpness", True)],
)
def test_the_best_weights_take_disk_where_validations_find_them(name: str, best: str, kept: bool) -> None:
    def static(validate_every: int) -> PhasePlan:
        settings = {"stage1": {**PHASE, "validate_every": validate_every}, "validation": {"best": best}}
        settings["stage2"] = {**PHASE, "ratio": 2, "canary": CANARY, "validate_every": validate_every}
        config = configuration(settings)
        sizes, builder = config.models.sizes.config(), MetaBuilder(config, "cpu", 1)
        phase = next(phase for phase in planned_phases(config, sizes, sizes, builder) if phase.name == name)
        return Measurement(config, phase, builder, 1).static()

    without, with_best = static(0), static(4)
    averages = without.sum.average if kept else 0
    assert with_best.disk - without.disk == 2 * averages
    assert (averages > 0) == kept


def test_offloading_saves_what_blocks_keep() -> None:
    models = {"sizes": {**SIZES, "num_layers": 8}, "adapters": [{"kind": "resnet", "width": 32}]}
    kept, waiting = (
        planned(
            configuration({"models": models, "memory": {"checkpointing": True, "offload": offload}}), "stage1_resnet"
        )
        for offload in (False, True)
    )
    _, frames, rows, columns = latent_shape(256, 192, 13)
    one_block = PHASE["micro_batch"] * frames * rows * columns // 4 * SIZES["dim"] * 4
    # Gradients reach no further down than the first residual, and the block that is computed again has its input back.
    assert kept.working - waiting.working == pytest.approx((8 - 2) * one_block, rel=0.1)


def test_float8_halves_frozen_weights() -> None:
    whole, half = (
        planned(configuration({"precision": "bf16", "memory": {"fp8": fp8}}), "stage1_resnet").sum
        for fp8 in (False, True)
    )
    assert half.frozen == whole.frozen
    assert 0.5 < half.weights / whole.weights < 0.9
