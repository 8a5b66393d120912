"""Runs that are interrupted, killed, refused or short of time: they resume as if nothing had happened."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from train.data.encoded import Batch, EncodedClips
from train.engine import checkpoint
from train.engine.method import Step
from train.engine.time_budget import Looks, count_steps
from train.errors import TrainError
from train.monitor.console import Console

from ...support.killed_training import CHANGES
from ...support.sentences import refuses
from ...support.small import METHODS, Nets, small_config
from ...support.small_runs import equal, figures, final_state, prepared, signal_after

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


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
    command = [sys.executable, "-m", "tests.support.killed_training", str(clips.folder), str(tmp_path / "killed")]
    with (tmp_path / "said").open("w+") as said:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
        seldom = {**CHANGES, "checkpoints": {"every": 100}}
        whole = prepared("hybrid_resnet", clips, tmp_path / "whole", config=seldom)
        whole.run()
        code = process.wait(timeout=300)
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
    remedy = f"delete {tmp_path} to train this phase again."
    with refuses(
        TrainError, key=f"{tmp_path / 'checkpoints'} holds", value="another configuration (step 1)", remedy=remedy
    ):
        other.run()
    assert checkpoint.latest(tmp_path / "checkpoints") == 1


def test_a_damaged_checkpoint_falls_back_to_the_one_before(clips: EncodedClips, tmp_path: Path) -> None:
    config = {"checkpoints": {"every": 2}}
    whole = prepared("flow_resnet", clips, tmp_path, config=config, keep=3)
    whole.run()
    folder = tmp_path / "checkpoints"
    for damage in (lambda path: path.write_bytes(b"\0" * 9), lambda path: path.unlink()):
        damage(next((folder / "step_000006").glob("*.distcp")))
        (folder / "step_000004" / "trainer.json").write_text("[]")
        again = prepared("flow_resnet", clips, tmp_path, config=config, keep=3)
        again.console = Console(said := StringIO(), plain=True)
        again.run()
        assert "step_000006 is damaged" in said.getvalue()
        assert "continuing from the one of step 2." in said.getvalue()
        equal(final_state(again), final_state(whole))
    for path in folder.iterdir():
        (path / "trainer.json").write_text('{"fingerprint": "f", "iteration": [2]}')
    with refuses(TrainError, key="step_000006", value="is damaged", remedy="delete that folder"):
        prepared("flow_resnet", clips, tmp_path, config=config).run()


def test_checkpoints_come_by_time_too(clips: EncodedClips, tmp_path: Path) -> None:
    for minutes, kept in ((1e-9, [1, 2, 3, 4, 5, 6]), (60.0, [6])):
        folder = tmp_path / str(minutes)
        prepared("flow_resnet", clips, folder, keep=9, checkpoint_minutes=minutes).run()
        assert checkpoint.steps(folder / "checkpoints") == kept


def test_a_signal_gives_up_an_iteration_that_has_changed_nothing(clips: EncodedClips, tmp_path: Path) -> None:
    """A step of the 5B takes minutes, a spot machine gives half of one: the iteration ends with its current micro-step."""
    settings = {"stage3": {"micro_batch": 1}}
    whole = prepared("hybrid_resnet", clips, tmp_path / "whole", config=settings)
    whole.run()
    first = prepared("hybrid_resnet", clips, tmp_path / "parts", config=settings)
    terms, seen = first.method.terms, list[int]()

    def watched(update: str, batch: Batch, step: Step) -> Iterator[Tensor]:
        if step.iteration == 3:
            seen.append(step.positions[0])
            signal.raise_signal(signal.SIGTERM)
        yield from terms(update, batch, step)

    first.method.terms = watched  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert seen == [0]
    assert first.iteration == 3
    assert checkpoint.latest(tmp_path / "parts/checkpoints") == 3
    second = prepared("hybrid_resnet", clips, tmp_path / "parts", config=settings)
    second.run()
    assert figures(tmp_path / "parts") == figures(tmp_path / "whole")
    equal(final_state(second), final_state(whole))


def test_a_phase_continues_with_what_was_changed_on_the_way(clips: EncodedClips, tmp_path: Path) -> None:
    prepared("flow_resnet", clips, tmp_path, config={"stage1": {"steps": 4}}, fingerprint="before").run()
    longer: dict[str, Any] = {"config": {"stage1": {"steps": 6}}, "fingerprint": "after"}
    with refuses(TrainError, key="another configuration", value="(step 4)", remedy="--continue-with"):
        prepared("flow_resnet", clips, tmp_path, **longer).run()
    for _ in range(2):  # the second time from its own checkpoint
        more = prepared(
            "flow_resnet", clips, tmp_path, **longer, earlier=frozenset({"before"}), changed=("stage1.steps=6",)
        )
        more.run()
        assert more.done == {"student": 6}
    (noted,) = (tmp_path / "continued.jsonl").read_text().splitlines()
    assert (json.loads(noted)["step"], json.loads(noted)["changed"]) == (4, ["stage1.steps=6"])


def test_a_finished_phase_is_not_trained_further(clips: EncodedClips, tmp_path: Path) -> None:
    trainer = prepared("flow_resnet", clips, tmp_path)
    trainer.run()
    again = prepared("flow_resnet", clips, tmp_path)
    again.run()
    equal(final_state(again), final_state(trainer))
    assert again.done == {"student": 6}


# A time budget


def test_a_budget_settles_the_steps_once(clips: EncodedClips, tmp_path: Path) -> None:
    """No time is left, so the fewest steps are made on any machine."""
    many = {"steps": 500, "gan_warmup": 100}
    few = {**many, "steps": 20, "gan_warmup": 4}
    whole = prepared("hybrid_resnet", clips, tmp_path / "whole", config={"stage3": few})
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
    # The timing left no trace, the learning rate falls over the 20 steps, and the warm-up keeps its share.
    assert figures(tmp_path / "budget") == figures(tmp_path / "whole")
    equal(final_state(second), final_state(whole))


def test_a_budget_for_nothing_useful_says_what_is_needed(clips: EncodedClips, tmp_path: Path) -> None:
    for minutes, said in ((1e-6, "20 of 500 steps"), (60.0, "")):
        trainer = prepared(
            "flow_resnet",
            clips,
            tmp_path / str(minutes),
            config={"stage1": {"steps": 500, "share": 0.2}},
            minutes=minutes,
        )
        trainer.console = Console(text := StringIO(), plain=True)
        trainer._settle(None)
        assert said in text.getvalue()
        assert ("so give --budget " in text.getvalue()) == bool(said)


def test_what_another_configuration_settled_does_not_count(clips: EncodedClips, tmp_path: Path) -> None:
    """A run is killed before its first checkpoint, and then its settings are changed."""
    (tmp_path / "settled.json").write_text(json.dumps({"steps": 20, "minutes": 1.0, "fingerprint": "other"}))
    trainer = prepared("flow_resnet", clips, tmp_path)
    trainer.run()
    assert trainer.steps == trainer.iteration == 6
    assert json.loads((tmp_path / "settled.json").read_text())["steps"] == 6


def test_a_budget_counts_the_schedule() -> None:
    method = Nets(small_config(stage3={"gan_warmup": 10, "ratio": 2})).hybrid()
    seconds = {"discriminator": 1.0, "adapter": 3.0}
    # 40 iterations: 10 of warm-up, then 4 and 1 seconds in turn
    assert count_steps(10 + 15 * 5, seconds, method, 40) == 40
    assert count_steps(10 + 15 * 5 - 0.1, seconds, method, 40) == 39
    # of 30 the warm-up is 7, of 29 it is 7, of 28 it is 7, of 27 it is 6
    assert count_steps(7 + 11 * 5 + 4, seconds, method, 40) == 30
    assert count_steps(7 + 11 * 5 + 3.9, seconds, method, 40) == 29
    assert count_steps(7 + 10 * 5 + 4.9, seconds, method, 40) == 28
    assert count_steps(6 + 10 * 5 + 4.9, seconds, method, 40) == 27
    assert count_steps(1e9, seconds, method, 1000) == 1000
    assert count_steps(0, seconds, method, 1000) == 20
    assert count_steps(0, seconds, method, 7) == 7
    # A validation of 8 seconds every 30 iterations, and one more that measures it: of 30 one counts, of 31 two.
    looks = Looks(8.0, 30)
    assert count_steps(7 + 11 * 5 + 4 + 16, seconds, method, 40, looks) == 30
    assert count_steps(7 + 11 * 5 + 5 + 16, seconds, method, 40, looks) == 30
    assert count_steps(10 + 15 * 5 + 24, seconds, method, 40, looks) == 40
    assert count_steps(10 + 15 * 5 + 23.9, seconds, method, 40, looks) == 39
    assert count_steps(10 + 15 * 5, seconds, method, 40, Looks(8.0, 0)) == 40
