"""The trainer: batches, precision, memory, and what it says when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flashmotion_core.files.weights import read_tensors
from train.data.encoded import Batch, EncodedClips
from train.engine import checkpoint
from train.engine.job import accumulation
from train.engine.method import Step
from train.engine.trainer import Trainer
from train.errors import TrainError, TrainingStopped
from train.methods.flow import Flow
from train.monitor.console import Console

from ...support.sentences import names, refuses
from ...support.small import METHODS, Nets, small_config
from ...support.small_clips import write_clips
from ...support.small_runs import equal, figures, final_state, prepared, signal_after, small_trainer, trained_alike

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


# Batches


def test_fresh_loras_come_from_the_seed(clips: EncodedClips, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)  # what was drawn before must not matter
        states.append(final_state(prepared("dmd_lora_gan", clips, tmp_path)))
    equal(*states)
    first, second = (
        states[0][f"{update}.generator.blocks.0.ffn.0.lora_A.{lora}.weight"]
        for update, lora in (("student", "fast"), ("fake", "fake"))
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["flow_controlnet", "dmd", "hybrid_resnet"])
def test_accumulated_batches_train_as_whole_ones(name: str, clips: EncodedClips, tmp_path: Path) -> None:
    trainers, values = [], []
    phase = METHODS[name][2]
    for size in (1, 4):
        # one lambda for all: it may be measured on the first micro-batch
        changes: dict[str, Any] = {phase: {"micro_batch": size, "steps": 3}}
        if phase == "stage3":
            changes[phase]["balance"] = {"mode": "constant"}
        trainer = prepared(name, clips, tmp_path / str(size), config=changes)
        trainer.run()
        trainers.append(trainer)
        values.append(figures(tmp_path / str(size)))
    trained_alike(trainers[0], final_state(trainers[1]), 3e-6)
    shared = [key for key in values[0] if key[1].startswith(("loss", "gan/", "gradient_norm/", "lr/"))]
    assert len(shared) > 6
    for key in shared:
        assert values[0][key] == pytest.approx(values[1][key], rel=1e-4, abs=1e-6), key


def test_a_global_batch_that_does_not_divide_is_refused(clips: EncodedClips, tmp_path: Path) -> None:
    with refuses(TrainError, key="global_batch is 4", value="a multiple of micro_batch 3 x 1 ranks", remedy="use 6."):
        prepared("flow_resnet", clips, tmp_path, config={"stage1": {"micro_batch": 3}})
    assert accumulation(16, 2, 4) == 2


# What goes wrong


def test_a_latent_that_is_no_number_names_its_file(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "clips", 4)
    path = clips.folder / clips.records[2].file
    tensors, metadata = read_tensors(path)
    tensors["latent"][0, 1, 2, 3] = float("nan")
    save_file(tensors, path, metadata=metadata)
    with refuses(TrainError, key=path.name, value="not what was written", remedy="run the command again"):
        prepared("flow_resnet", clips, tmp_path / "run").run()


@pytest.mark.parametrize("log_every", [1, 5])
def test_a_loss_that_is_no_number_stops_before_a_checkpoint(
    log_every: int, clips: EncodedClips, tmp_path: Path
) -> None:
    settings = {"stage1": {"steps": 6}, "logging": {"every": log_every}, "checkpoints": {"every": 5}}
    trainer = prepared("flow_resnet", clips, tmp_path, config=settings)
    parameter = next(iter(trainer.method.updates["student"].parameters.values()))
    with torch.no_grad():
        parameter.fill_(float("nan"))
    remedy = "--continue-with stage1.optim.lr="
    with refuses(TrainingStopped, key="step 1:", value="gradient_norm/student is nan", remedy=remedy):
        trainer.run()
    assert checkpoint.latest(tmp_path / "checkpoints") is None


def test_an_interrupted_run_keeps_no_checkpoint_of_a_loss_that_is_no_number(
    clips: EncodedClips, tmp_path: Path
) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path, config={"logging": {"every": 5}, "checkpoints": {"every": 5}})
    with torch.no_grad():
        next(iter(trainer.method.updates["student"].parameters.values())).fill_(float("nan"))
    signal_after(trainer, 2)
    with pytest.raises((TrainingStopped, KeyboardInterrupt)) as caught:  # an interruption would end pytest
        trainer.run()
    names(caught.value, key="step 1:", value="is nan", remedy="--continue-with stage1.optim.lr=")
    assert checkpoint.latest(tmp_path / "checkpoints") is None


def nan_at(trainer: Trainer, iterations: Container[int]) -> None:
    """Let the objective be no number in these iterations."""
    terms = trainer.method.terms

    def broken(update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        for term in terms(update, batch, step):
            step.metrics.mean("loss/seen", float("nan") if step.iteration in iterations else 1.0)
            yield term * float("nan") if step.iteration in iterations else term

    trainer.method.terms = broken  # type: ignore[method-assign]


def test_an_update_that_is_no_number_is_skipped_and_counted(clips: EncodedClips, tmp_path: Path) -> None:
    settings = {"stage1": {"steps": 40}, "logging": {"every": 2}}
    trainer = prepared("flow_resnet", clips, tmp_path, config=settings)
    trainer.console = Console(said := StringIO(), plain=True)
    nan_at(trainer, {4, 20, 21})
    trainer.run()
    assert trainer.iteration == 40
    assert trainer.done == {"student": 37}
    assert all(torch.isfinite(value).all() for value in final_state(trainer).values())
    assert all(math.isfinite(value) for value in figures(tmp_path).values())
    assert said.getvalue().count("gradient_norm/student is nan; the update is skipped") == 3
    assert "step 22: gradient_norm/student is nan; the update is skipped (3 so far)." in said.getvalue()


def test_too_many_skipped_updates_stop_a_run_before_they_are_saved(clips: EncodedClips, tmp_path: Path) -> None:
    settings = {"stage1": {"steps": 40}, "checkpoints": {"every": 10}}
    trainer = prepared("flow_resnet", clips, tmp_path, config=settings)
    nan_at(trainer, range(15, 40))
    with refuses(
        TrainingStopped, key="step 19:", value="3 updates were skipped before", remedy="--continue-with stage1.optim.lr"
    ):
        trainer.run()
    assert checkpoint.latest(tmp_path / "checkpoints") == 10
    again = prepared("flow_resnet", clips, tmp_path, config=settings)  # the count is that of the checkpoint
    again.run()
    assert again.done == {"student": 40}


# Precision and memory


@pytest.mark.parametrize("precision", ["fp32", "bf16", "bf16_kahan"])
def test_a_moving_pattern_is_learned(precision: str, tmp_path: Path) -> None:
    """The generator and an adapter from scratch, as in the phase base, on one clip.

    The loss begins at 2, the power of noise and clip. 1 is the floor: of a token's 192 numbers of noise, a width of 32 lets few through.
    """
    settings = {
        "steps": 60,
        "micro_batch": 4,
        "optim": {"lr": 1e-2, "betas": [0.9, 0.95], "warmup": 10},
    }
    config = small_config(
        precision=precision, logging={"every": 10}, stage1=settings, conditioning={"text_dropout": 0.0}
    )
    nets = Nets(config)
    student = nets.role(nets.slow, "resnet", trained=True, adapts=True)
    clip = write_clips(tmp_path / "clip", 1)
    trainer = small_trainer(
        nets, Flow(student, config.stage1, config.conditioning), config.stage1, clip, tmp_path / "run"
    )
    trainer.run()
    losses = {step: value for (step, name), value in figures(tmp_path / "run").items() if name == "loss/flow"}
    assert losses[10] - 1 > 0.5
    assert losses[60] - 1 < 0.25 * (losses[10] - 1)
    types = {parameter.dtype for parameter in trainer.method.updates["student"].parameters.values()}
    assert types == {torch.bfloat16 if precision == "bf16_kahan" else torch.float32}


@pytest.mark.parametrize("name", ["flow_controlnet", "dmd_lora_gan", "hybrid_controlnet"])
def test_checkpointing_changes_no_bit(name: str, clips: EncodedClips, tmp_path: Path) -> None:
    states = []
    for memory in ({}, {"checkpointing": True}, {"checkpointing": True, "offload": True}):
        changes = {METHODS[name][2]: {"steps": 2, "gan_warmup": 0} if name.startswith("hybrid") else {"steps": 2}}
        trainer = prepared(name, clips, tmp_path / str(len(states)), config={"memory": memory, **changes})
        trainer.run()
        states.append(final_state(trainer))
    equal(states[0], states[1])
    equal(states[0], states[2])


@pytest.mark.parametrize("name", ["flow_resnet", "hybrid_resnet"])
def test_frozen_generators_in_8_bits_compute_nearly_the_same(name: str, clips: EncodedClips, tmp_path: Path) -> None:
    values = []
    for fp8 in (False, True):
        config = {"precision": "bf16", "memory": {"fp8": fp8}, METHODS[name][2]: {"steps": 3}}
        prepared(name, clips, tmp_path / str(fp8), config=config).run()
        values.append(figures(tmp_path / str(fp8)))
    plain, quantised = values
    losses = [key for key in plain if key[1].startswith("loss/")]
    assert losses
    for key in losses:
        assert quantised[key] == pytest.approx(plain[key], rel=0.03), key
    assert any(quantised[key] != plain[key] for key in losses)


def test_the_average_stands_in_for_the_weights(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path, config={"stage1": {"validate_every": 4}})
    seen: list[dict[str, Tensor]] = []

    def validate(step: int, tracker: object) -> dict[str, float]:
        seen.append(
            {key: value.detach().clone() for key, value in trainer.method.updates["student"].parameters.items()}
        )
        return {}

    trainer.validations.validate = validate
    trainer.run()
    state = final_state(trainer)
    assert len(seen) == 2  # at step 4, and at the end
    equal(seen[-1], {key.removeprefix("average.student."): value for key, value in state.items() if "average" in key})
    assert any(not torch.equal(value, state[f"student.{key}"]) for key, value in seen[-1].items())


def test_an_update_leaves_no_gradients_to_the_next(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("dmd", clips, tmp_path, config={"stage2": {"steps": 3}})
    updates, terms, seen = trainer.method.updates, trainer.method.terms, list[tuple[str, int]]()

    def watched(update: str, *rest: Any) -> Any:
        others = [one for name, its in updates.items() if name != update for one in its.parameters.values()]
        seen.append((update, sum(parameter.grad is not None for parameter in others)))
        return terms(update, *rest)

    trainer.method.terms = watched  # type: ignore[method-assign]
    trainer.run()
    assert {update for update, _ in seen} == {"student", "fake"}
    assert not any(count for _, count in seen)


def test_updates_follow_the_schedule(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("hybrid_resnet", clips, tmp_path, config={"stage3": {"gan_warmup": 2, "ratio": 3}})
    trainer.run()
    assert trainer.done == {"adapter": 2, "discriminator": 6}
    steps = sorted(step for step, name in figures(tmp_path) if name == "gradient_norm/adapter")
    assert steps == [3, 6]
