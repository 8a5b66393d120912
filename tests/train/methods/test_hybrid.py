"""The hybrid objective of stage 3: schedule, discriminator, lambda, and a shared backbone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from flashmotion_core.losses.regression import noised
from flashmotion_core.wan.conditioning import with_clean_frame
from train.engine.roles import Discriminator

from ...support.small import (
    GAN,
    Nets,
    gradients,
    hybrid,
    networks,
    objective,
    small_batch,
    small_config,
    small_lora,
    small_step,
)
from ...support.watching import exits, seen_by, types_of

BATCH = small_batch()

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_schedule_of_the_hybrid_objective() -> None:
    method = hybrid(ratio=5, gan_warmup=7)
    turns = [iteration for iteration in range(30) if "adapter" in method.schedule(iteration)]
    assert turns == [7, 12, 17, 22, 27]
    assert all(method.schedule(iteration)[0] == "discriminator" for iteration in range(30)), (
        "it has seen what it judges"
    )


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
    # At first nothing was measured. The same step again shows that lambda follows the measurement of the step before.
    assert ratios[1] == pytest.approx(3.0, rel=1e-3)
    assert ratios[3] == pytest.approx(0.5, rel=1e-3)
    assert ratios[0] != pytest.approx(3.0, rel=0.01)


def test_a_shortened_phase_waits_no_longer_than_its_share() -> None:
    method = hybrid(steps=50, gan_warmup=40, ratio=2)
    adapter = [sum("adapter" in method.schedule(i) for i in range(10))]
    for steps in (10, 50, 100, 10):
        method.settle(steps, 50)
        adapter.append(sum("adapter" in method.schedule(i) for i in range(steps)))
    assert adapter == [0, 1, 5, 30, 1]
    assert (
        hybrid(gan={"weight": 0.0}, balance={"mode": "constant", "options": {"value": 2.0}}, gan_warmup=7).warmup == 0
    )


def test_lambda_counts_iterations_after_the_warm_up() -> None:
    method = hybrid(balance={"mode": "linear", "options": {"k": 1.0, "b": 1.0}}, gan_warmup=3, ratio=5)
    _, found = objective(method, "adapter", BATCH, small_step(8))
    assert found["lambda/value"] == 1.0 + 5


def test_the_state_of_the_hybrid_objective_is_all_there_is() -> None:
    one, other = hybrid(), hybrid()
    objective(one, "adapter", BATCH, small_step(1))
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    results = [objective(method, "adapter", BATCH, small_step(3)) for method in (one, other)]
    assert results[0] == results[1]
    assert results[0] != objective(hybrid(), "adapter", BATCH, small_step(3))


def test_r1_punishes_a_steep_discriminator() -> None:
    plain, steep = (hybrid(gan={**GAN, "r1_weight": weight}) for weight in (0.0, 50.0))
    loss, found = objective(plain, "discriminator", BATCH, small_step())
    assert "gan/r1" not in found
    punished, found = objective(steep, "discriminator", BATCH, small_step())
    assert found["gan/r1"] > 0
    assert punished == pytest.approx(loss + 25 * found["gan/r1"], rel=1e-5)


def test_r1_in_bf16_is_that_of_float32() -> None:
    """The classifier computes in float32, and the step is far above the rounding of the backbone."""
    sizes = {"dim": 64, "ffn_dim": 96, "num_heads": 1, "num_layers": 24, "text_dim": 8}
    models = {"sizes": sizes, "adapters": [{"kind": "resnet", "width": 32}]}
    found = {}
    for precision in ("fp32", "bf16"):
        changes: dict[str, Any] = {"models": models, "stage3": {"gan": {**GAN, "r1_weight": 1.0}}}
        method = Nets(small_config(precision=precision, **changes)).hybrid()
        judge = method.roles["discriminator"].network
        assert isinstance(judge, Discriminator)
        types = types_of(judge.classifier)
        _, values = objective(method, "discriminator", BATCH, small_step())
        assert types == {torch.float32}
        found[precision] = values["gan/r1"]
    assert found["bf16"] == pytest.approx(found["fp32"], rel=0.3)


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
