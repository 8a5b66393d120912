"""Distribution matching: identities, schedule, canary, and LoRAs on one base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flashmotion_core.files.weights import save_whole
from flashmotion_core.metadata.entries import generator_metadata
from train.engine.build import Network
from train.engine.roles import Discriminator
from train.monitor.console import Console
from train.parallel import ONE
from train.run_folder.artifacts import Artifacts
from train.run_folder.run import Run
from train.stages import wiring

from ...support.small import (
    SCHEDULE,
    Nets,
    gradients,
    made,
    objective,
    small_batch,
    small_config,
    small_step,
)

BATCH = small_batch()

pytestmark = pytest.mark.usefixtures("one_thread")


def test_equal_scores_move_nothing() -> None:
    method = made("dmd", stage2={"guidance_scale": 1.0})
    loss, found = objective(method, "student", BATCH, small_step())
    assert loss == 0
    assert found["gradient/dmd"] == 0
    touched = gradients(method.updates["student"].parameters)
    assert touched
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in touched.values())


def test_guidance_and_another_fake_score_move_the_student() -> None:
    guided = made("dmd", stage2={"guidance_scale": 3.0})
    assert objective(guided, "student", BATCH, small_step())[0] > 0
    method = made("dmd", stage2={"guidance_scale": 1.0})
    with torch.no_grad():
        for parameter in method.updates["fake"].parameters.values():
            parameter.add_(0.01)
    assert objective(method, "student", BATCH, small_step())[0] > 0


@pytest.mark.parametrize("warmup", [0, 3])
def test_the_schedule_of_distribution_matching(warmup: int) -> None:
    method = made("dmd", stage2={"ratio": 4, "fake_warmup": warmup})
    turns = [iteration for iteration in range(20) if "student" in method.schedule(iteration)]
    assert turns == list(range(warmup, 20, 4))
    assert all("fake" in method.schedule(iteration) for iteration in range(20))
    assert "discriminator" not in method.schedule(0)
    assert "discriminator" in made("dmd_lora_gan").schedule(1)


def test_the_canary_compares_motion_now_and_then() -> None:
    method = made("dmd", stage2={"ratio": 2, "canary": {"every": 4, "teacher_steps": 2}})
    due = []
    for iteration in range(0, 10, 2):
        _, found = objective(method, "student", BATCH, small_step(iteration))
        due.append("motion/teacher" in found)
        if due[-1]:
            # one step further on, the same student and teacher: both move as random networks do
            assert found["motion/student"] > 0
    assert due == [True, False, True, False, True]
    _, second = objective(method, "student", BATCH, small_step(0, first=2))
    assert "motion/teacher" not in second, "once per iteration"


def test_the_teacher_of_the_canary_is_guided_as_the_score_is() -> None:
    def found(scale: float) -> tuple[float, list[bool]]:
        method = made("dmd", stage2={"guidance_scale": scale, "canary": {"every": 1, "teacher_steps": 2}})
        texts: list[bool] = []
        real = method.roles["real"].network
        real.register_forward_pre_hook(lambda _, arguments: texts.append(bool(arguments[2].any())))
        return objective(method, "student", BATCH, small_step())[1]["motion/teacher"], texts

    plain, guided = found(1.0), found(6.0)
    assert plain[1] == [True] * 3  # the score, and two steps of the canary
    assert guided[1] == [True, False] * 3
    assert guided[0] != pytest.approx(plain[0], rel=1e-5)


def test_the_fake_score_learns_by_the_error_of_its_clean_estimate() -> None:
    method = made("dmd")
    calls: list[tuple[Tensor, Tensor, Tensor]] = []
    fake = method.roles["fake"].network
    fake.register_forward_hook(lambda _, given, out: calls.append((given[0], given[1], out.detach())))
    clips: list[Tensor] = []
    judged = method._judged  # type: ignore[attr-defined]

    def noted(*arguments: Any) -> Tensor:
        clips.append(judged(*arguments))
        return clips[-1]

    method._judged = noted  # type: ignore[attr-defined]
    loss, _ = objective(method, "fake", BATCH, small_step())
    ((x, sigma, velocity),) = calls
    estimate = x - sigma.view(-1, 1, 1, 1, 1) * velocity
    assert loss == pytest.approx(float((estimate - clips[0])[:, :, 1:].square().mean()), rel=1e-5)


def test_both_critics_learn_from_one_rollout() -> None:
    pytest.importorskip("peft")
    method = made("dmd_lora_gan")
    passes: list[int] = []
    method.student.network.register_forward_pre_hook(lambda *_: passes.append(1))
    alone = {}
    for update in ("fake", "discriminator"):
        fresh = made("dmd_lora_gan")
        alone[update] = objective(fresh, update, BATCH, small_step(1))
    for first in (0, 2):  # two micro-steps, whose clips both wait for the second critic
        objective(method, "fake", BATCH, small_step(1, first=first))
    before = len(passes)
    shared = [objective(method, "discriminator", BATCH, small_step(1, first=first)) for first in (0, 2)]
    assert len(passes) == before, "the student is not asked again"
    assert shared[0] == alone["discriminator"], "the same clips as if it had been"
    assert shared[1] != shared[0]
    objective(method, "discriminator", BATCH, small_step(2))
    assert len(passes) > before, "another iteration has clips of its own"


def test_a_prompt_is_not_what_no_prompt_is() -> None:
    """Guidance needs two different answers: the real score gets the text, then none."""
    method = made("dmd", stage2={"guidance_scale": 3.0, "canary": {"every": 0}})
    texts: list[Tensor] = []
    real = method.roles["real"].network
    real.register_forward_pre_hook(lambda _, arguments: texts.append(arguments[2]))
    objective(method, "student", BATCH, small_step())
    assert len(texts) == 2
    assert torch.equal(texts[0], BATCH.context_BMT)
    assert torch.equal(texts[1], torch.zeros_like(BATCH.context_BMT))


def test_loras_share_one_base() -> None:
    pytest.importorskip("peft")
    method = made("dmd_lora_gan")
    assert len({id(role.network) for name, role in method.roles.items() if name != "discriminator"}) == 1
    judge = method.roles["discriminator"].network
    assert isinstance(judge, Discriminator)
    assert judge.backbone is method.student.generator
    for update, mark in (("student", ".fast."), ("fake", ".fake.")):
        assert all(mark in key and ".lora_" in key for key in method.updates[update].parameters)
    everything = dict(method.student.network.named_parameters())
    before = {key: value.detach().clone() for key, value in everything.items()}
    fake = method.updates["fake"].parameters
    optimizer = torch.optim.SGD(fake.values(), lr=0.1)
    objective(method, "fake", BATCH, small_step(1))
    optimizer.step()
    changed = {key for key, value in everything.items() if not torch.equal(value, before[key])}
    assert changed
    assert all(".fake." in key for key in changed)
    # the student, whose LoRA is still zero, is the real score
    x, sigma = BATCH.latent_BCFHW, torch.tensor([0.4, 0.7])
    with torch.no_grad():
        student, real, moved = (method.roles[name](x, sigma, BATCH.context_BMT) for name in ("student", "real", "fake"))
    assert torch.equal(student, real)
    assert not torch.equal(moved, real)


def test_the_student_starts_from_another_generator_where_one_is_given(tmp_path: Path) -> None:
    nets = Nets()
    path = tmp_path / "fastwan.safetensors"
    save_whole(path, nets.fast, generator_metadata(nets.sizes, SCHEDULE, text=False))
    config = small_config(models={"fast_start": str(path)})
    start = Artifacts(Run(config, tmp_path, ONE, Console.silent())).fast_start
    assert start is not None
    method = wiring.distil(nets.builder, Network(nets.sizes, nets.slow), nets.config.stage2, SCHEDULE, start=start)
    for role, weights in ((method.student, nets.fast), (method.fake, nets.slow), (method.real, nets.slow)):
        found = role.generator.state_dict()
        assert all(torch.equal(found[key], value) for key, value in weights.items())
