"""What each method computes: identities of its losses, who gets a gradient, and the clean start frame in every role."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flashmotion_core.gan_losses import discriminator_gan_loss
from flashmotion_core.losses import noised, x0_from_velocity
from flashmotion_core.wan.conditioning import with_clean_frame
from train.engine.roles import Denoiser, Discriminator, Role
from train.methods.base import Method, Step
from train.methods.flow import Flow
from train.methods.hybrid import Hybrid
from train.methods.lcm import Lcm
from train.methods.rollout import rollout

from .small import (
    GAN,
    METHODS,
    PHASE,
    SHAPE_CFHW,
    SHIFT,
    SIGMAS,
    Nets,
    gradients,
    networks,
    objective,
    seen_by,
    small_batch,
    small_config,
    small_lora,
    small_step,
    time_zero,
)

BATCH = small_batch()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(name: str, **changes: Any) -> Method:
    settings, make, _ = METHODS[name]
    return make(Nets(small_config(**(settings | changes))))


def hybrid(**changes: Any) -> Hybrid:
    return Nets(small_config(stage3=changes)).hybrid()


class Perfect(nn.Module):
    """A Denoiser that knows the clip: the velocity that leads back to it, plus what a weight adds."""

    def __init__(self, x0_BCFHW: Tensor) -> None:
        super().__init__()
        self.x0, self.error = x0_BCFHW, nn.Parameter(torch.zeros(()))

    def forward(self, x_BCFHW: Tensor, sigma_B: Tensor, *_: Tensor | None) -> Tensor:
        # noise - x0, of x = (1 - sigma) x0 + sigma noise; at sigma 0 anything will do
        return (x_BCFHW - self.x0) / sigma_B.clamp_min(1e-6).view(-1, 1, 1, 1, 1) + self.error


def perfect_role(error: float = 0.0) -> Role:
    network = Perfect(BATCH.latent_BCFHW.double())
    nn.init.constant_(network.error, error)
    return Role(network)  # type: ignore[arg-type]


# Everywhere: the start frame is given


@pytest.mark.parametrize("name", list(METHODS))
def test_every_network_sees_the_clean_frame_at_timestep_zero(name: str) -> None:
    method = made(name)
    clean_BCHW = BATCH.latent_BCFHW[:, :, 0]
    passes = {id(network): 0 for network in networks(method)}
    for update in method.updates:
        for network in networks(method):
            with seen_by(network) as seen:
                for iteration in (0, 1, 5):
                    objective(method, update, BATCH, small_step(iteration))
            for latent, sinusoids_BFS in seen:
                repeats = len(latent) // len(clean_BCHW)
                assert torch.equal(latent[:, :48, 0], clean_BCHW.repeat(repeats, 1, 1, 1))
                assert not torch.isclose(
                    latent[:, :48, 1:], BATCH.latent_BCFHW.repeat(repeats, 1, 1, 1, 1)[:, :, 1:]
                ).all()
                zero_S = time_zero(sinusoids_BFS)
                assert torch.equal(sinusoids_BFS[:, 0], zero_S.expand_as(sinusoids_BFS[:, 0]))
            passes[id(network)] += len(seen)
    assert all(passes.values()), "every network was asked"


@pytest.mark.parametrize("name", list(METHODS))
def test_frame_0_of_what_is_trained_gets_no_gradient(name: str) -> None:
    method = made(name)
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.retain_grad()
            outputs.append(output)

    for network in networks(method):
        if isinstance(network, Denoiser):
            network.register_forward_hook(keep)
    for iteration in (0, 1, 5):
        # the target of a consistency step at sigma 0 is the student itself, whose gradient is 0 there
        objective(method, method.result, BATCH, small_step(iteration))
    graded = [output.grad for output in outputs if output.grad is not None]
    assert graded
    for gradient in graded:
        assert torch.equal(gradient[:, :, 0], torch.zeros_like(gradient[:, :, 0]))
    if not name.startswith("dmd"):  # whose first gradient may be 0: student and teacher begin as one
        assert all(gradient[:, :, 1:].abs().max() > 0 for gradient in graded)


@pytest.mark.parametrize("name", list(METHODS))
def test_an_update_leaves_gradients_on_its_own_weights_alone(name: str) -> None:
    method = made(name)
    for update, trained in method.updates.items():
        for network in networks(method):
            network.zero_grad(set_to_none=True)
        objective(method, update, BATCH, small_step(5))
        own = {id(parameter) for parameter in trained.parameters.values()}
        touched = [
            (key, parameter)
            for network in networks(method)
            for key, parameter in network.named_parameters()
            if parameter.grad is not None
        ]
        assert touched
        assert all(id(parameter) in own for _, parameter in touched), [key for key, _ in touched]
        assert all(parameter.requires_grad for parameter in trained.parameters.values())


@pytest.mark.parametrize(
    "name", ["flow_resnet", "flow_controlnet", "hybrid_resnet", "hybrid_controlnet", "dmd_adapter", "lcm"]
)
def test_only_the_adapter_is_trained(name: str) -> None:
    method = made(name)
    trained = method.updates[method.result].parameters
    assert trained.keys() == {key for key, _ in method.student.network.named_parameters() if key.startswith("adapter.")}
    objective(method, method.result, BATCH, small_step(5))
    touched = gradients(trained)
    # a ControlNet carries the generator's head, which nothing reads
    missing = {key for key in trained if key not in touched and not key.startswith("adapter.head.")}
    assert not missing
    assert all(gradient.abs().max() > 0 for gradient in touched.values())


# Flow matching


def test_a_perfect_velocity_has_no_flow_loss() -> None:
    batch = copy.copy(BATCH)
    batch.latent_BCFHW = BATCH.latent_BCFHW.double()
    settings = small_config().stage1
    loss, _ = objective(Flow(perfect_role(), settings), "student", batch, small_step())
    assert loss < 1e-12
    loss, found = objective(Flow(perfect_role(0.5), settings), "student", batch, small_step())
    assert loss == pytest.approx(0.25)
    assert found["loss/flow"] == pytest.approx(0.25)


def test_masks_come_first_then_boxes() -> None:
    """The control map decides the loss, so which one it was shows in it."""
    method = made("flow_resnet", stage1={"masks_first": 0.5, "conditioning": {"mask_share": 0.0, "text_dropout": 0.0}})

    def loss(progress: float, **maps: Tensor) -> float:
        batch = copy.copy(BATCH)
        vars(batch).update(maps)
        return objective(method, "student", batch, small_step(progress=progress))[0]

    other = torch.zeros_like(BATCH.control_box_BCFHW)
    assert loss(0.2) == loss(0.2, control_box_BCFHW=other)
    assert loss(0.2) != loss(0.2, control_mask_BCFHW=other)
    assert loss(0.5) == loss(0.5, control_mask_BCFHW=other)
    assert loss(0.5) != loss(0.5, control_box_BCFHW=other)


def test_dropped_conditions_have_no_influence() -> None:
    method = made("flow_resnet", stage1={"adapter_dropout": 1.0, "conditioning": {"text_dropout": 1.0}})
    without = method.student.network.adapter
    loss, _ = objective(method, "student", BATCH, small_step())
    other = small_batch(seed=7)
    other.latent_BCFHW = BATCH.latent_BCFHW
    assert objective(method, "student", other, small_step())[0] == loss
    assert all(gradient.abs().max() == 0 for gradient in gradients(dict(without.named_parameters())).values())  # type: ignore[union-attr,operator]


def test_cells_inside_the_boxes_count_more() -> None:
    losses = {}
    for weight in (1.0, 3.0):
        method = made("flow_resnet", stage1={"conditioning": {"inside_weight": weight, "text_dropout": 0.0}})
        losses[weight] = objective(method, "student", BATCH, small_step())[0]
    assert losses[1.0] != pytest.approx(losses[3.0], rel=1e-6)


# Rollouts


def rolled(role: Role, exit_step: int, seed: int = 0, grad: bool = False) -> Tensor:
    def noise(k: int) -> Tensor:
        return torch.randn(2, *SHAPE_CFHW, generator=torch.Generator().manual_seed(10 * seed + k))

    return rollout(
        role,
        BATCH.latent_BCFHW[:, :, :1],
        BATCH.context_BMT,
        BATCH.control_box_BCFHW,
        SIGMAS,
        noise,
        exit_step=exit_step,
        grad=grad,
    )


@pytest.mark.parametrize("exit_step", range(4))
@pytest.mark.parametrize("grad", [False, True])
def test_only_the_last_step_of_a_rollout_has_a_graph(exit_step: int, grad: bool) -> None:
    nets = Nets()
    role = nets.role(nets.fast, "resnet", adapts=True)
    modes: list[bool] = []
    role.network.register_forward_pre_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    x0 = rolled(role, exit_step, grad=grad)
    assert modes == [False] * exit_step + [grad]
    assert x0.requires_grad == grad
    assert torch.equal(x0[:, :, 0], BATCH.latent_BCFHW[:, :, 0])


def test_other_noise_changes_a_rollout_but_not_its_frame_0() -> None:
    nets = Nets()
    role = nets.role(nets.fast, "resnet")
    one, again, other = (rolled(role, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert torch.equal(one[:, :, 0], other[:, :, 0])
    assert (one[:, :, 1:] - other[:, :, 1:]).abs().min() > 0


def exits(method: Method, update: str, first: int) -> list[int]:
    """Steps of the student's rollouts in some iterations, for the clips of one rank."""
    student = method.student
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1

    handle = student.network.generator.register_forward_pre_hook(count)
    found = []
    for iteration in range(24):
        passes = 0
        objective(method, update, BATCH, small_step(iteration, first=first))
        found.append(passes)
    handle.remove()
    return found


def test_ranks_leave_a_rollout_at_the_same_step_and_all_steps_occur() -> None:
    method = made("dmd", stage2={"guidance_scale": 1.0, "canary": {"every": 0}})
    ranks = [exits(method, "fake", first) for first in (0, 2)]
    assert ranks[0] == ranks[1]
    assert set(ranks[0]) == {1, 2, 3, 4}
    other = exits(made("hybrid_resnet"), "discriminator", 0)
    assert set(other) == {1, 2, 3, 4}
    assert other != ranks[0], "another update draws for itself"


# Distribution matching


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
    assert method.cycle() == 4
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


# The hybrid objective


def test_the_schedule_of_the_hybrid_objective() -> None:
    method = hybrid(ratio=5, gan_warmup=7)
    turns = [iteration for iteration in range(30) if "adapter" in method.schedule(iteration)]
    assert turns == [7, 12, 17, 22, 27]
    assert all(method.schedule(iteration)[0] == "discriminator" for iteration in range(30)), (
        "it has seen what it judges"
    )
    assert method.cycle() == 5


def test_without_gan_weight_there_is_no_discriminator() -> None:
    method = hybrid(gan={"weight": 0.0}, balance={"mode": "constant", "options": {"value": 2.0}}, gan_warmup=7)
    assert set(method.roles) == {"student"}
    assert set(method.updates) == {"adapter"}
    assert [method.schedule(iteration) for iteration in range(3)] == [("adapter",)] * 3
    loss, found = objective(method, "adapter", BATCH, small_step())
    assert loss == pytest.approx(2 * found["loss/diffusion"])
    assert "loss/gan" not in found


def test_lambda_zero_needs_no_diffusion_pass() -> None:
    method = hybrid(balance={"mode": "constant", "options": {"value": 0.0}})
    loss, found = objective(method, "adapter", BATCH, small_step(1))
    assert "loss/diffusion" not in found
    assert loss == pytest.approx(0.3 * found["loss/gan"])
    assert found["lambda/value"] == 0
    passes = exits(method, "adapter", 0)
    assert set(passes) == {1, 2, 3, 4}, "a rollout and nothing else"


def test_the_adapter_moves_neither_classifier_nor_generators() -> None:
    method = hybrid()
    for network in networks(method):
        network.zero_grad(set_to_none=True)
    objective(method, "adapter", BATCH, small_step(1))
    judge = method.roles["discriminator"].network
    assert isinstance(judge, Discriminator)
    frozen = [*judge.parameters(), *method.student.generator.parameters()]
    assert all(parameter.grad is None for parameter in frozen)
    assert all(parameter.requires_grad for parameter in judge.classifier.parameters()), "it is trained again afterwards"
    assert not any(parameter.requires_grad for parameter in judge.backbone.parameters())


def test_the_discriminator_learns_to_tell_real_from_fake() -> None:
    method = hybrid()
    optimizer = torch.optim.Adam(method.updates["discriminator"].parameters.values(), lr=3e-3)
    first = last = {}
    for _ in range(30):
        _, last = objective(method, "discriminator", BATCH, small_step())
        first = first or last
        optimizer.step()
    assert first["loss/discriminator"] == pytest.approx(2 * math.log(2), abs=0.3)
    assert last["loss/discriminator"] < 0.6 * first["loss/discriminator"]
    assert last["gan/gap"] > first["gan/gap"] + 1
    assert last["gan/accuracy"] >= 0.75


def test_lambda_reaches_the_ratio_of_the_gradients() -> None:
    options = {"start": 3.0, "end": 0.5, "ramp_steps": 1, "decay": 0.0}
    method = hybrid(balance={"mode": "gradient_balance", "options": options}, gan_warmup=0)
    ratios = []
    for iteration in (0, 0, 1, 1):
        _, found = objective(method, "adapter", BATCH, small_step(iteration))
        ratios.append(found["gradient/diffusion"] / found["gradient/gan"])
    # Nothing was known at first; the same step again shows that lambda follows what was measured, which is the step before.
    assert ratios[1] == pytest.approx(3.0, rel=1e-3)
    assert ratios[3] == pytest.approx(0.5, rel=1e-3)
    assert ratios[0] != pytest.approx(3.0, rel=0.01)


def test_lambda_counts_iterations_or_updates() -> None:
    for counts, expected in (("iterations", 1.0 + 5), ("updates", 1.0 + 2)):
        method = hybrid(
            balance={"mode": "linear", "options": {"k": 1.0, "b": 1.0}, "counts": counts}, gan_warmup=3, ratio=5
        )
        method.after("discriminator", 0)
        for iteration in (3, 8):
            method.after("adapter", iteration)
        _, found = objective(method, "adapter", BATCH, small_step(8))
        assert found["lambda/value"] == expected


def test_the_state_of_the_hybrid_objective_is_all_there_is() -> None:
    one, other = hybrid(), hybrid()
    objective(one, "adapter", BATCH, small_step(1))
    one.after("adapter", 1)
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    assert one.state_dict()["adapter_updates"] == 1
    results = [objective(method, "adapter", BATCH, small_step(3)) for method in (one, other)]
    assert results[0] == results[1]
    assert results[0] != objective(hybrid(), "adapter", BATCH, small_step(3))


def controls_and_logits(method: Method, step: Step) -> tuple[list[Tensor], list[Tensor], dict[str, float]]:
    judge = method.roles["discriminator"].network
    assert isinstance(judge, Discriminator)
    controls: list[Tensor] = []
    logits: list[Tensor] = []
    before = judge.classifier.register_forward_pre_hook(lambda _, arguments: controls.append(arguments[3]))
    after = judge.classifier.register_forward_hook(lambda _, __, output: logits.append(output.detach()))
    _, found = objective(method, "discriminator", BATCH, step)
    before.remove()
    after.remove()
    return controls, logits, found


def test_mismatched_trajectories_are_fakes() -> None:
    method = hybrid(gan={**GAN, "mismatched": True}, conditioning={"mask_share": 0.0})
    (control,), (logits,), found = controls_and_logits(method, small_step())
    real, fake, mismatched = control.chunk(3)
    assert torch.equal(real, BATCH.control_box_BCFHW)
    assert torch.equal(fake, real)
    assert torch.equal(mismatched, real.flip(0))  # of two clips
    expected = discriminator_gan_loss(*logits.chunk(3)).mean()
    assert found["loss/discriminator"] == pytest.approx(float(expected))


def test_r1_punishes_a_steep_discriminator() -> None:
    plain, steep = (hybrid(gan={**GAN, "r1_weight": weight}) for weight in (0.0, 50.0))
    loss, found = objective(plain, "discriminator", BATCH, small_step())
    assert "gan/r1" not in found
    punished, found = objective(steep, "discriminator", BATCH, small_step())
    assert found["gan/r1"] > 0
    assert punished == pytest.approx(loss + 25 * found["gan/r1"], rel=1e-5)


def test_real_and_fake_are_judged_at_the_same_noise() -> None:
    method = hybrid()
    judge = method.roles["discriminator"].network
    with seen_by(judge) as seen:
        objective(method, "discriminator", BATCH, small_step())
    ((latent, sinusoids),) = seen
    real, fake = latent.chunk(2)
    assert torch.equal(*sinusoids.chunk(2))
    step = small_step()
    sigma, noise = step.sigma("judged_sigma", method.settings.gan.sigmas.law(), real), step.noise("judged_noise", real)
    expected = with_clean_frame(noised(BATCH.latent_BCFHW, noise, sigma), BATCH.latent_BCFHW[:, :, :1])
    assert torch.equal(real, expected)
    assert not torch.equal(fake, real)


def test_a_shared_backbone_computes_what_two_generators_do() -> None:
    pytest.importorskip("peft")
    nets = Nets()
    difference, fast = small_lora(nets, rank=4, alpha=8.0)
    apart, shared = nets.hybrid(fast=fast), nets.shared_hybrid(difference, rank=4, alpha=8.0)
    student, judge = shared.student.network, shared.roles["discriminator"].network
    assert isinstance(judge, Discriminator)
    assert judge.backbone is student.generator
    for update in ("discriminator", "adapter"):
        results = [objective(method, update, BATCH, small_step(1)) for method in (apart, shared)]
        assert results[1][0] == pytest.approx(results[0][0], rel=1e-5)
        assert results[1][1] == pytest.approx(results[0][1], rel=1e-4)
        mine, theirs = (gradients(method.updates[update].parameters) for method in (apart, shared))
        assert mine.keys() == theirs.keys()
        for key, gradient in mine.items():
            torch.testing.assert_close(theirs[key], gradient, rtol=1e-4, atol=1e-6, msg=key)


# Consistency


def test_at_the_end_of_the_grid_the_target_is_the_clip() -> None:
    """With a teacher that knows the clip: one step further along than sigma_1 is the clip, and at sigma 0 `f` is the identity."""
    settings = small_config(stage3={**PHASE, "method": "lcm", "grid": 2}).stage3
    batch = copy.copy(BATCH)
    batch.latent_BCFHW = BATCH.latent_BCFHW.double()
    index = (small_step().uniform("grid", batch.latent_BCFHW, stratified=True) * 2).long()
    assert sorted(index.tolist()) == [0, 1]
    method = Lcm(perfect_role(0.5), perfect_role(), settings, SHIFT)  # type: ignore[arg-type]
    high, low, _ = method.grid
    # The student is wrong by 0.5 sigma wherever it is asked, and it is its own target at the next sigma: by nothing at sigma 0.
    expected = {0: (0.5 * (high - low)) ** 2, 1: (0.5 * low) ** 2}
    loss = sum(expected.values()) / 2
    assert objective(method, "adapter", batch, small_step())[0] == pytest.approx(loss)
    assert math.isclose(method.grid[-1], 0.0)
    x = torch.randn(2, *SHAPE_CFHW)
    assert torch.equal(x0_from_velocity(x, torch.randn_like(x), torch.zeros(2)), x)


def test_a_student_equal_to_its_teacher_may_still_learn() -> None:
    method = made("lcm")
    loss, found = objective(method, "adapter", BATCH, small_step())
    assert loss > 0
    assert found["loss/consistency"] == pytest.approx(loss)
