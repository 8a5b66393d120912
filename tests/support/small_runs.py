"""Small runs of the trainer and their results."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train.config.method_settings import PhaseSettings
from train.config.schema import HealthSettings
from train.data.encoded import EncodedClips
from train.engine.job import Job
from train.engine.method import Method
from train.engine.trainer import Trainer
from train.monitor.console import Console
from train.monitor.health import Health
from train.monitor.run_log import read_log
from train.parallel import World

from .small import ALONE, METHODS, Nets, laid_over, small_config


def small_job(folder: Path, settings: PhaseSettings, **changes: Any) -> Job:
    options: dict[str, Any] = {"fingerprint": "f", "seed": 0, "precision": "fp32", **changes}
    return Job(name="phase", folder=folder, settings=settings, **options)


def small_trainer(
    nets: Nets, method: Method, settings: PhaseSettings, clips: EncodedClips, folder: Path, **changes: Any
) -> Trainer:
    config = nets.config
    job = small_job(
        folder,
        settings,
        **{
            "precision": config.precision,
            "optimizer": config.optimizer,
            "sharded": config.memory.sharding == "full",
            "log_every": config.logging.every,
            "checkpoint_every": config.checkpoints.every,
            **changes,
        },
    )
    health = Health(HealthSettings(), "stage1")
    return Trainer(job, method, clips, nets.world, Console.silent(), health)


def prepared(
    name: str, clips: EncodedClips, folder: Path, *, world: World = ALONE, config: Any = None, **changes: Any
) -> Trainer:
    """A trainer of one of the methods of `small`, with fresh networks; `changes` are those of the job."""
    settings, make, phase = METHODS[name]
    nets = Nets(small_config(**laid_over(settings, config or {})), world)
    return small_trainer(nets, make(nets), getattr(nets.config, phase), clips, folder, **changes)


def signal_after(trainer: Trainer, updates: int, number: signal.Signals = signal.SIGINT) -> None:
    """Let this process get a signal while the trainer makes the update of that number, counted from 1."""
    inner, made = trainer.method.after, 0

    def after(update: str, iteration: int) -> None:
        nonlocal made
        inner(update, iteration)
        made += 1
        if made == updates:
            signal.raise_signal(number)

    trainer.method.after = after  # type: ignore[method-assign]


def figures(folder: Path) -> dict[tuple[int, str], float]:
    """All logged values by step and name, except times and memory."""
    return {
        (step, name): value
        for name, (steps, values) in read_log(folder / "log.csv").items()
        for step, value in zip(steps, values, strict=True)
        if not name.startswith(("time/", "memory/"))
    }


def final_state(trainer: Trainer) -> dict[str, Tensor]:
    """All weights and averages by name, with shards gathered; every rank must call it."""
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


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    """Assert equality bit for bit."""
    assert left.keys() == right.keys()
    assert left
    for key, value in left.items():
        assert torch.equal(value, right[key]), key
