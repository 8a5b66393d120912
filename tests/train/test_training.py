"""The trainer with every method: interrupted and killed runs, batches, precision, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from train.data.encoded import EncodedClips
from train.engine import checkpoint
from train.engine.errors import TrainError, TrainingStopped
from train.engine.settled import count_steps
from train.engine.trainer import accumulation
from train.methods.flow import Flow

from .killed_training import CHANGES
from .small import (
    METHODS,
    Nets,
    figures,
    final_state,
    prepared,
    signal_after,
    small_config,
    small_trainer,
    trained_alike,
    write_clips,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> EncodedClips:
    return write_clips(tmp_path_factory.mktemp("clips") / "train")


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert left
    for key, value in left.items():
        assert torch.equal(value, right[key]), key


# Interrupted


@pytest.mark.parametrize("name", list(METHODS))
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(name: str, clips: EncodedClips, tmp_path: Path) -> None:
    whole = prepared(name, clips, tmp_path / "whole")
    whole.run()
    first = prepared(name, clips, tmp_path / "parts")
    signal_after(first, 4)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert 2 <= first.iteration < 6
    second = prepared(name, clips, tmp_path / "parts")
    second.run()
    assert figures(tmp_path / "parts") == figures(tmp_path / "whole")
    equal(final_state(second), final_state(whole))
    assert second.method.state_dict() == whole.method.state_dict()
    assert second.done == whole.done
    changed = any(not torch.equal(value, final_state(first)[key]) for key, value in final_state(second).items())
    assert changed, "the second part trained too"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [2, 6])
def test_a_signal_ends_the_iteration_and_leaves_a_checkpoint(
    number: signal.Signals, step: int, clips: EncodedClips, tmp_path: Path
) -> None:
    before = signal.getsignal(number)
    trainer = prepared("flow_resnet", clips, tmp_path)
    signal_after(trainer, step, number)
    with pytest.raises(KeyboardInterrupt):  # in the last step too: whoever asked wants no next phase
        trainer.run()
    assert trainer.iteration == step
    assert checkpoint.latest(tmp_path / "checkpoints") == step
    assert signal.getsignal(number) is before
    rest = prepared("flow_resnet", clips, tmp_path)
    rest.run()
    assert sorted({step for step, _ in figures(tmp_path)}) == [1, 2, 3, 4, 5, 6]


def test_a_second_signal_does_not_wait(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path)
    signal_after(trainer, 2)
    again = trainer.method.after

    def after(update: str, iteration: int) -> None:
        again(update, iteration)
        if iteration == 1:
            signal.raise_signal(signal.SIGINT)

    trainer.method.after = after  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert checkpoint.latest(tmp_path / "checkpoints") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
def test_a_killed_run_goes_on_as_if_nothing_had_been(clips: EncodedClips, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.train.killed_training", str(clips.folder), str(tmp_path / "killed")]
    with (tmp_path / "said").open("w+") as said:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
        seldom = {"stage3": {**CHANGES["stage3"], "checkpoint_every": 100}}
        whole = prepared("hybrid_resnet", clips, tmp_path / "whole", config=seldom)
        whole.run()
        code = process.wait(timeout=120)
    text = (tmp_path / "said").read_text()
    assert code == 0, text
    kills = re.search(r"kills (\d+) unfinished (\d+)", text)
    assert kills, text
    assert int(kills[1]) >= 3
    assert int(kills[2]) >= 1, "a checkpoint was being written"
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
    equal(torch.load(tmp_path / "killed" / "final.pt"), final_state(whole))


def test_a_checkpoint_of_another_configuration_is_refused(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path, config={"stage1": {"steps": 1}})
    trainer.run()
    other = prepared("flow_resnet", clips, tmp_path, fingerprint="other")
    with pytest.raises(
        TrainError, match=r"checkpoints holds a checkpoint of another configuration; .* delete .* anew\.$"
    ):
        other.run()
    assert checkpoint.latest(tmp_path / "checkpoints") == 1


def test_a_finished_phase_is_not_trained_further(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path)
    trainer.run()
    again = prepared("flow_resnet", clips, tmp_path)
    again.run()
    equal(final_state(again), final_state(trainer))
    assert again.done == {"student": 6}


# A time budget


def test_a_budget_settles_the_steps_once(clips: EncodedClips, tmp_path: Path) -> None:
    """No time at all is left, so that the fewest steps are made, whatever the machine."""
    many = {"steps": 500, "optim": {"decay": 0.5}}
    whole = prepared("hybrid_resnet", clips, tmp_path / "whole", config={"stage3": {**many, "steps": 20}})
    whole.run()
    first = prepared("hybrid_resnet", clips, tmp_path / "budget", config={"stage3": many}, minutes=1e-6)
    signal_after(first, 4)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert first.steps == 20
    for minutes in (None, 60.0):
        second = prepared("hybrid_resnet", clips, tmp_path / "budget", config={"stage3": many}, minutes=minutes)
        second.run()
        assert second.steps == 20
    # what was timed left no trace, and the learning rate falls over the 20 steps
    assert figures(tmp_path / "budget") == figures(tmp_path / "whole")
    equal(final_state(second), final_state(whole))


def test_what_another_configuration_settled_does_not_count(clips: EncodedClips, tmp_path: Path) -> None:
    """Killed before its first checkpoint, and then changed."""
    (tmp_path / "settled.json").write_text(json.dumps({"steps": 20, "minutes": 1.0, "fingerprint": "other"}))
    trainer = prepared("flow_resnet", clips, tmp_path)
    trainer.run()
    assert trainer.steps == trainer.iteration == 6
    assert json.loads((tmp_path / "settled.json").read_text())["steps"] == 6


def test_a_budget_counts_the_schedule() -> None:
    method = Nets(small_config(stage3={"gan_warmup": 10, "ratio": 2})).hybrid()
    seconds = {"discriminator": 1.0, "adapter": 3.0}
    # 10 steps of warm-up, then 4 and 1 seconds in turn
    assert count_steps(10 + 7 * 5, seconds, method, 1000) == 24
    assert count_steps(10 + 10 * 5 + 3.9, seconds, method, 1000) == 30
    assert count_steps(10 + 10 * 5 + 4.0, seconds, method, 1000) == 31
    assert count_steps(1e9, seconds, method, 1000) == 1000
    assert count_steps(0, seconds, method, 1000) == 20
    assert count_steps(0, seconds, method, 7) == 7


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
    with pytest.raises(
        TrainError, match=r"global_batch is 4, but must be a multiple of micro_batch 3 x 1 ranks; use 6\."
    ):
        prepared("flow_resnet", clips, tmp_path, config={"stage1": {"micro_batch": 3}})
    assert accumulation(16, 2, 4) == 2


# What goes wrong


def test_a_latent_that_is_no_number_names_its_file(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "clips", 4)
    path = clips.folder / "000002.safetensors"
    tensors = load_file(path)
    tensors["latent"][0, 1, 2, 3] = float("nan")
    save_file(tensors, path)
    with pytest.raises(
        TrainError, match=r"000002\.safetensors has a value in latent that is not finite; .*run the data phase again"
    ):
        prepared("flow_resnet", clips, tmp_path / "run").run()


@pytest.mark.parametrize("log_every", [1, 5])
def test_a_loss_that_is_no_number_stops_before_a_checkpoint(
    log_every: int, clips: EncodedClips, tmp_path: Path
) -> None:
    settings = {"stage1": {"steps": 6, "log_every": log_every, "checkpoint_every": 5}}
    trainer = prepared("flow_resnet", clips, tmp_path, config=settings)
    parameter = next(iter(trainer.method.updates["student"].parameters.values()))
    with torch.no_grad():
        parameter.fill_(float("nan"))
    with pytest.raises(
        TrainingStopped, match=rf"step {log_every}: gradient_norm/student is nan; lower stage1\.optim\.lr \(now "
    ):
        trainer.run()
    assert checkpoint.latest(tmp_path / "checkpoints") is None


def test_an_interrupted_run_keeps_no_checkpoint_of_a_loss_that_is_no_number(
    clips: EncodedClips, tmp_path: Path
) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path, config={"stage1": {"log_every": 5, "checkpoint_every": 5}})
    with torch.no_grad():
        next(iter(trainer.method.updates["student"].parameters.values())).fill_(float("nan"))
    signal_after(trainer, 2)
    with pytest.raises((TrainingStopped, KeyboardInterrupt), match="step 2: "):  # an interruption would end pytest
        trainer.run()
    assert checkpoint.latest(tmp_path / "checkpoints") is None


# Precision and memory


@pytest.mark.parametrize("precision", ["fp32", "bf16", "bf16_kahan"])
def test_a_moving_pattern_is_learned(precision: str, tmp_path: Path) -> None:
    """The generator and an adapter from nothing, as phase 0 does, on one clip.

    The loss begins at 2, the power of noise and clip. 1 is the floor: of a token's 192 numbers of noise, a width of 32 lets few through.
    """
    settings = {
        "steps": 60,
        "log_every": 10,
        "micro_batch": 4,
        "optim": {"lr": 1e-2, "betas": [0.9, 0.95], "warmup": 10},
    }
    config = small_config(precision=precision, stage1={**settings, "conditioning": {"text_dropout": 0.0}})
    nets = Nets(config)
    student = nets.role(nets.slow, "resnet", trained=True, adapts=True)
    clip = write_clips(tmp_path / "clip", 1)
    trainer = small_trainer(nets, Flow(student, config.stage1), config.stage1, clip, tmp_path / "run")
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

    def validate(step: int, tracker: object) -> None:
        seen.append(
            {key: value.detach().clone() for key, value in trainer.method.updates["student"].parameters.items()}
        )

    trainer.validate = validate
    trainer.run()
    state = final_state(trainer)
    assert len(seen) == 2  # at step 4, and at the end
    equal(seen[-1], {key.removeprefix("average.student."): value for key, value in state.items() if "average" in key})
    assert any(not torch.equal(value, state[f"student.{key}"]) for key, value in seen[-1].items())


def test_updates_follow_the_schedule(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("hybrid_resnet", clips, tmp_path, config={"stage3": {"gan_warmup": 2, "ratio": 3}})
    trainer.run()
    assert trainer.done == {"adapter": 2, "discriminator": 6}
    steps = sorted(step for step, name in figures(tmp_path) if name == "gradient_norm/adapter")
    assert steps == [3, 6]
