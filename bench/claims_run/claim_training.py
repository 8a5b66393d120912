"""The phases, with the methods, the wiring and the trainer of `train`: generator alone, adapter on it, distillation, and the arms."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from flashmotion_core.adapters import AdapterFile, read_adapter
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.losses.regression import flow_matching_loss, noised
from flashmotion_core.wan.conditioning import with_clean_frame
from train.config.method_settings import Balance, FlowSettings, HybridSettings, PhaseSettings
from train.config.schema import HealthSettings
from train.engine.build import Network
from train.engine.job import Job
from train.engine.method import Method
from train.engine.roles import Denoiser
from train.engine.streams import Streams
from train.engine.time_budget import FILE as SETTLED
from train.engine.trainer import Trainer
from train.files import digest
from train.methods.flow import Flow
from train.monitor.health import Health
from train.run_folder.artifacts import FAST, SLOW
from train.run_folder.run import Run
from train.run_folder.whole_state import whole_state
from train.stages import wiring

from .claim_arms import Arm, ArmBuilder, arm_settings
from .claim_place import ClaimPlace

SHARES = {"base": 0.22, "stage1_resnet": 0.2, "stage1_controlnet": 0.28, "stage2": 0.26}
"""Of the time that the command has, at most, for the phases that everything waits for."""
LOSS_SIGMAS = 8
"""Noise levels at which a loss on held-out clips is measured."""


def trained(
    place: ClaimPlace,
    run: Run,
    name: str,
    method: Method,
    settings: PhaseSettings,
    share: float | None = None,
    fingerprint: str = "",
) -> Trainer:
    """A phase, trained to its end or from its checkpoint to there; checkpoints of the same fingerprint fit it."""
    job = Job(
        name=name,
        folder=run.phase_folder(name),
        settings=settings,
        fingerprint=fingerprint or digest(name, settings.model_dump(mode="json"), run.config.seed),
        seed=run.config.seed,
        precision=run.config.precision,
        optimizer=run.config.optimizer,
        sharded=False,
        minutes=None if share is None or place.minutes is None else place.minutes * share,
        log_every=run.config.logging.every,
        checkpoint_every=run.config.checkpoints.every,
        keep=run.config.checkpoints.keep,
        checkpoint_minutes=run.config.checkpoints.minutes,
    )
    if share is None:
        # A phase that continues to more steps must not keep its earlier number.
        (job.folder / SETTLED).unlink(missing_ok=True)
    watch = Health(HealthSettings(max_gap=None, motion_floor=None), phase=name.split("_")[0])
    trainer = Trainer(job, method, place.clips, place.world, run.console, watch)
    trainer.run()
    assert share is not None or trainer.iteration == settings.steps, f"{name} ended after {trainer.iteration} steps"
    return trainer


def base(place: ClaimPlace) -> None:
    """The SlowGenerator, alone: the paper's order."""
    artifacts, config = place.artifacts, place.config
    sizes, builder = config.models.sizes.config(), artifacts.builder
    slow = Network(sizes, builder.fresh_generator(sizes))
    role = builder.role(Denoiser(builder.generator(sizes, slow.weights, trained=True)))
    trainer = trained(
        place, place.run, "base", Flow(role, config.base, config.conditioning), config.base, SHARES["base"]
    )
    with trainer.result():
        artifacts.save_generator(artifacts.generator_path(SLOW), sizes, whole_state(role.generator), None)


def stage1(place: ClaimPlace, kind: str) -> None:
    """The SlowAdapter on the frozen SlowGenerator, and its loss on clips that it has not seen."""
    artifacts, config = place.artifacts, place.config
    steps = place.sizes.controlnet if kind == "controlnet" else place.sizes.stage1
    settings = config.stage1.model_copy(update={"steps": steps})
    file = artifacts.builder.fresh_adapter(artifacts.adapter_settings(kind), place.slow.sizes, place.slow.weights)
    method = wiring.flow(artifacts.builder, place.slow, file, settings)
    name = f"stage1_{kind}"
    trainer = trained(place, place.run, name, method, settings, SHARES[name])
    with trainer.result():
        artifacts.save_adapter(
            artifacts.adapter_path(SLOW, kind), file, whole_state(method.student.adapter), place.slow
        )
        write_whole(
            place.result(f"loss_{kind}"),
            json.dumps({"kind": kind, "steps": trainer.steps, "loss": _loss(place, method)}),
        )


@torch.no_grad()
def _loss(place: ClaimPlace, method: Flow) -> list[float]:
    """The mean loss of each held-out clip over all noise levels, for boxes."""
    batch, found = place.held_out.batch(range(len(place.held_out))), []
    x0, law = batch.latent_BCFHW, method.law
    for level in range(LOSS_SIGMAS):
        share = torch.full((len(x0),), (level + 0.5) / LOSS_SIGMAS, device=x0.device)
        noise = Streams(0, "loss", level).noise("noise", range(len(x0)), x0.shape[1:]).to(x0)
        sigma = law.sigma(share)
        x = with_clean_frame(noised(x0, noise, sigma), x0[:, :, :1])
        velocity = method.student(x, sigma, batch.context_BMT, batch.control_box_BCFHW)
        found.append(flow_matching_loss(velocity, x0, noise))
    return [round(value, 5) for value in torch.stack(found).mean(dim=0).tolist()]


def stage2(place: ClaimPlace) -> None:
    """The FastGenerator: distribution matching of the generator alone, with the guidance of its teacher."""
    artifacts, settings = place.artifacts, place.config.stage2
    method = wiring.distil(artifacts.builder, place.slow, settings, artifacts.schedule)
    trainer = trained(place, place.run, "stage2", method, settings, SHARES["stage2"])
    with trainer.result():
        weights = whole_state(method.student.generator)
        artifacts.save_generator(artifacts.generator_path(FAST), place.slow.sizes, weights, artifacts.schedule)


def arm_adapter(place: ClaimPlace, arm: Arm, kind: str, seed: int) -> AdapterFile:
    """The adapter that an arm makes of the SlowAdapter; read if it is there."""
    run = place.arm_run(f"{kind}_{arm.key}_{seed}", seed)
    path = run.folder / "adapter.safetensors"
    try:
        return read_adapter(path)
    except (ValueError, OSError, SafetensorError):
        pass
    return trained_arm(place, run, arm, kind, path)[0]


def trained_arm(
    place: ClaimPlace, run: Run, arm: Arm, kind: str, path: Path, fingerprint: str = ""
) -> tuple[AdapterFile, Method]:
    """The SlowAdapter, trained as an arm says in the run's folder, or from its checkpoint on; written to a file."""
    file, seed, name = place.artifacts.adapter(SLOW, kind), run.config.seed, f"stage3_{kind}"
    method, settings = _method(place, run, arm, kind, file)
    if arm.shares_judge:
        fingerprint = _ahead_mark(name, seed)
        _copy_judge(place, run, kind, seed)
    trainer = trained(place, run, name, method, settings, fingerprint=fingerprint)
    with trainer.result():
        weights = whole_state(method.student.adapter)
        place.artifacts.save_adapter(path, file, weights, place.fast)
    return replace(file, state_dict=weights), method


def _method(place: ClaimPlace, run: Run, arm: Arm, kind: str, file: AdapterFile) -> tuple[Method, PhaseSettings]:
    settings = arm_settings(arm, run.config, place.sizes)
    builder = ArmBuilder(run.config, place.artifacts.builder, arm.without)
    if isinstance(settings, FlowSettings):
        return wiring.flow(builder, place.slow, file, settings), settings
    schedule = place.artifacts.schedule
    return wiring.fast_adapter(builder, place.slow, place.fast, file, settings, schedule, place.world), settings  # type: ignore[arg-type]


def judge(place: ClaimPlace, kind: str, seed: int) -> Method:
    """The discriminator of the full method at the end of its time alone, when no adapter has moved yet."""
    run = place.arm_run(f"{kind}_judge_{seed}", seed)
    full = run.config.stage3
    assert isinstance(full, HybridSettings)
    # This balance keeps what any other can read.
    balance = Balance(mode="gradient_balance")
    settings = full.model_copy(update={"steps": place.sizes.ahead, "balance": balance})
    file = place.artifacts.adapter(SLOW, kind)
    method = wiring.fast_adapter(
        ArmBuilder(run.config, place.artifacts.builder, ""),
        place.slow,
        place.fast,
        file,
        settings,
        place.artifacts.schedule,
        place.world,
    )
    name = f"stage3_{kind}"
    trained(place, run, name, method, settings, fingerprint=_ahead_mark(name, seed))
    return method


def _ahead_mark(name: str, seed: int) -> str:
    return digest(name, "discriminator ahead", seed)


def _copy_judge(place: ClaimPlace, run: Run, kind: str, seed: int) -> None:
    """Let an arm begin where its discriminator has learnt alone: until there, all arms of a seed are one and the same."""
    judged = place.arm_run(f"{kind}_judge_{seed}", seed).phase_folder(f"stage3_{kind}") / "checkpoints"
    own = run.phase_folder(f"stage3_{kind}") / "checkpoints"
    if not own.is_dir():
        shutil.copytree(judged, own.with_suffix(".part"), dirs_exist_ok=True)
        own.with_suffix(".part").rename(own)
