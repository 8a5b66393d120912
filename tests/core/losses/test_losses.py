"""The losses of training. Each test is an identity."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from flashmotion_core.losses.adversarial import (
    discriminator_gan_loss,
    discriminator_statistics,
    finite_difference_r1,
    generator_gan_loss,
    perturbed,
)
from flashmotion_core.losses.regression import (
    diffusion_loss,
    dmd_gradient,
    dmd_loss,
    fake_score_loss,
    flow_matching_loss,
    flow_target,
    guided,
    noised,
    squared_error,
    sums_by_sigma,
    x0_from_velocity,
)
from flashmotion_core.sampling.few_step import denoised, renoise

from ...support.sentences import refuses

SHAPE = (2, 3, 4, 2, 5)
SIGMA = torch.tensor([0.3, 0.9], dtype=torch.float64)
LN2 = math.log(2)


def draw(seed: int, shape: tuple[int, ...] = SHAPE, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# Flow matching


def test_a_perfect_prediction_has_no_loss_and_gives_back_the_clip() -> None:
    x0, noise = draw(1), draw(2)
    velocity = flow_target(x0, noise)
    assert torch.equal(flow_matching_loss(velocity, x0, noise), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(x0_from_velocity(noised(x0, noise, SIGMA), velocity, SIGMA), x0)


def test_x0_and_velocity_there_and_back() -> None:
    x, velocity = draw(1), draw(2)
    there = x0_from_velocity(x, velocity, SIGMA)
    torch.testing.assert_close((x - there) / SIGMA.view(-1, 1, 1, 1, 1), velocity)


def test_training_and_sampling_have_one_convention() -> None:
    x0, noise = draw(1), draw(2)
    for index, sigma in enumerate(SIGMA.tolist()):
        torch.testing.assert_close(noised(x0, noise, SIGMA)[index], renoise(x0, noise, sigma)[index])
        torch.testing.assert_close(x0_from_velocity(x0, noise, SIGMA)[index], denoised(x0, noise, sigma)[index])


def test_the_loss_is_per_sample_and_the_mean_of_squares() -> None:
    x0, noise = draw(1), draw(2)
    velocity = flow_target(x0, noise) + torch.tensor([2.0, 3.0]).view(2, 1, 1, 1, 1)
    torch.testing.assert_close(flow_matching_loss(velocity, x0, noise), torch.tensor([4.0, 9.0], dtype=torch.float64))


def test_bf16_is_compared_in_float32() -> None:
    x0, noise = draw(1, dtype=torch.bfloat16), draw(2, dtype=torch.bfloat16)
    velocity = x0 * 0.5
    expected = flow_matching_loss(velocity.double(), x0.double(), noise.double())
    found = flow_matching_loss(velocity, x0, noise)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)


def test_region_weights_are_a_weighted_mean() -> None:
    prediction, target = draw(1), draw(2)
    plain = squared_error(prediction, target)
    even = torch.full((2, 1, *SHAPE[2:]), 7.0, dtype=torch.float64)
    torch.testing.assert_close(squared_error(prediction, target, weight_B1FHW=even), plain)
    only = torch.zeros_like(even)
    only[:, :, 2, 1, 3] = 2.0
    cell = (prediction - target)[:, :, 2, 1, 3].square().mean(1)
    torch.testing.assert_close(squared_error(prediction, target, weight_B1FHW=only), cell)


def test_losses_by_noise_level_add_up() -> None:
    loss, sigma = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([0.0, 0.05, 0.55, 1.0])
    total, count = sums_by_sigma(loss, sigma)
    assert total.tolist() == [3, 0, 0, 0, 0, 4, 0, 0, 0, 8]
    assert count.tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]


# The given first frame


Loss = Callable[[Tensor], Tensor]
OF_A_PREDICTION: dict[str, Loss] = {
    "flow matching": lambda x: flow_matching_loss(x, draw(1), draw(2)),
    "weighted": lambda x: squared_error(x, draw(1), weight_B1FHW=draw(2)[:, :1].abs()),
    "diffusion": lambda x: diffusion_loss(x, draw(1)),
    "fake score, flow": lambda x: fake_score_loss(x, draw(1), draw(2), SIGMA),
    "fake score, x0": lambda x: fake_score_loss(x, draw(1), draw(2), SIGMA, kind="x0"),
    "distribution matching": lambda x: dmd_loss(x, dmd_gradient(x, draw(1), draw(2))),
}
EVERY_LOSS = pytest.mark.parametrize("loss", OF_A_PREDICTION.values(), ids=list(OF_A_PREDICTION))


@EVERY_LOSS
def test_the_given_frame_gets_no_gradient_and_the_others_do(loss: Loss) -> None:
    x = draw(0).requires_grad_()
    loss(x).mean().backward()
    assert x.grad is not None
    assert torch.count_nonzero(x.grad[:, :, 0]) == 0
    assert torch.count_nonzero(x.grad[:, :, 1:]) == x.grad[:, :, 1:].numel()


@EVERY_LOSS
def test_the_given_frame_has_no_influence(loss: Loss) -> None:
    x, y = draw(0), draw(0)
    y[:, :, 0] = 1e6
    assert torch.equal(loss(x), loss(y))


def test_without_a_given_frame_all_frames_count() -> None:
    x, y = draw(0), draw(0)
    x[:, :, 0] += 2.0
    torch.testing.assert_close(
        squared_error(x, y, first_frame_is_clean=False), torch.full((2,), 4.0 / SHAPE[2], dtype=torch.float64)
    )
    gradient = dmd_gradient(x, y, draw(3), first_frame_is_clean=False)
    assert torch.count_nonzero(gradient[:, :, 0]) == gradient[:, :, 0].numel()


@pytest.mark.parametrize("loss", [squared_error, lambda x, y: dmd_gradient(x, y, y)], ids=["error", "dmd"])
def test_a_clip_of_one_frame_is_refused(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    one = draw(0)[:, :, :1]
    with refuses(key="clip", value="1 latent frame and that one is given", remedy="use clips of at least 5 frames"):
        loss(one, one)


# Distribution matching


def test_equal_scores_give_exactly_no_gradient() -> None:
    x0 = draw(0).requires_grad_()
    score = draw(1)
    gradient = dmd_gradient(x0, score, score)
    assert torch.count_nonzero(gradient) == 0
    loss = dmd_loss(x0, gradient).mean()
    loss.backward()
    assert x0.grad is not None
    assert loss.item() == 0.0
    assert torch.count_nonzero(x0.grad) == 0


def test_even_where_the_student_is_the_teacher() -> None:
    same = draw(0)
    assert torch.count_nonzero(dmd_gradient(same, same, same)) == 0


def test_the_surrogate_has_the_gradient_g_over_numel() -> None:
    x0 = draw(0, dtype=torch.float32).requires_grad_()
    gradient = 1e-6 * dmd_gradient(x0, draw(1), draw(2))
    dmd_loss(x0, gradient).sum().backward()
    assert x0.grad is not None
    generated = x0[0, :, 1:].numel()
    torch.testing.assert_close(x0.grad.double(), gradient / generated, rtol=1e-6, atol=0)


def test_the_gradient_is_normalised_per_sample() -> None:
    x0, fake, real = draw(0), draw(1), draw(2)
    whole = dmd_gradient(x0, fake, real)
    alone = dmd_gradient(x0[:1], fake[:1], real[:1])
    assert torch.equal(whole[:1], alone)
    torch.testing.assert_close(dmd_gradient(7 * x0, 7 * fake, 7 * real), whole)
    expected = (fake - real)[0, :, 1:] / (x0 - real)[0, :, 1:].abs().mean()
    torch.testing.assert_close(whole[0, :, 1:], expected)


def test_a_nan_is_not_hidden() -> None:
    broken = draw(1)
    broken[0, 0, 1, 0, 0] = math.nan
    gradient = dmd_gradient(draw(0), broken, draw(2))
    assert gradient[0].isnan().any()
    assert not gradient[1].isnan().any()


def test_the_two_losses_of_the_fake_score() -> None:
    velocity, x0, noise = draw(0), draw(1), draw(2)
    flow = fake_score_loss(velocity, x0, noise, SIGMA)
    torch.testing.assert_close(fake_score_loss(velocity, x0, noise, SIGMA, kind="x0"), SIGMA**2 * flow)
    estimate = x0_from_velocity(noised(x0, noise, SIGMA), velocity, SIGMA)
    torch.testing.assert_close(fake_score_loss(velocity, x0, noise, SIGMA, kind="x0"), squared_error(estimate, x0))
    with refuses(key="loss", value="'eps'", remedy="'flow' or 'x0'"):
        fake_score_loss(velocity, x0, noise, SIGMA, kind="eps")  # type: ignore[arg-type]


def test_the_fake_score_does_not_train_the_student() -> None:
    velocity, x0 = draw(0).requires_grad_(), draw(1).requires_grad_()
    fake_score_loss(velocity, x0, draw(2), SIGMA).sum().backward()
    assert velocity.grad is not None
    assert x0.grad is None


def test_guidance_is_in_the_standard_convention() -> None:
    conditional, unconditional = draw(0), draw(1)
    assert torch.equal(guided(conditional, unconditional, 1.0), conditional)
    assert torch.equal(guided(conditional, unconditional, 0.0), unconditional)
    torch.testing.assert_close(
        guided(conditional, unconditional, 7.0), conditional + 6.0 * (conditional - unconditional)
    )


def test_the_diffusion_loss_is_the_squared_error() -> None:
    prediction, x0 = draw(0), draw(1)
    torch.testing.assert_close(diffusion_loss(prediction, x0), squared_error(prediction, x0))


# The adversarial losses


def test_the_losses_of_an_undecided_discriminator() -> None:
    zero = torch.zeros(3)
    assert generator_gan_loss(zero).tolist() == pytest.approx([LN2] * 3, rel=1e-6)
    assert discriminator_gan_loss(zero, zero).tolist() == pytest.approx([2 * LN2] * 3, rel=1e-6)


def test_which_way_the_logits_are_pulled() -> None:
    real, fake = (torch.zeros(1, requires_grad=True) for _ in range(2))
    discriminator_gan_loss(real, fake).sum().backward()
    assert [t.grad.item() for t in (real, fake) if t.grad is not None] == [-0.5, 0.5]
    student = torch.zeros(1, requires_grad=True)
    generator_gan_loss(student).sum().backward()
    assert student.grad is not None
    assert student.grad.item() == -0.5


def test_a_sure_discriminator_still_gives_finite_losses() -> None:
    sure = torch.tensor([1000.0])
    assert discriminator_gan_loss(sure, -sure).item() == 0.0
    assert generator_gan_loss(-sure).item() == 1000.0


def test_r1_of_a_linear_discriminator_is_its_squared_gradient() -> None:
    weight, clip = draw(0, SHAPE[1:]), draw(1)
    axes = torch.eye(weight.numel(), dtype=torch.float64).view(-1, 1, *weight.shape)
    generated = weight[:, 1:].square().sum()

    def logit(x: Tensor) -> Tensor:
        return (x * weight).flatten(1).sum(1) + 0.3

    total = sum(finite_difference_r1(logit(clip), logit(perturbed(clip, axis))) for axis in axes)
    torch.testing.assert_close(total, generated.expand(2), rtol=1e-8, atol=0)
    along = weight[None] / generated.sqrt()
    torch.testing.assert_close(
        finite_difference_r1(logit(clip), logit(perturbed(clip, along))), generated.expand(2), rtol=1e-8, atol=0
    )


def test_r1_leaves_the_given_frame_alone() -> None:
    clip, direction = draw(0), draw(1)
    moved = perturbed(clip, direction, 0.1)
    assert torch.equal(moved[:, :, 0], clip[:, :, 0])
    torch.testing.assert_close(moved[:, :, 1:], (clip + 0.1 * direction)[:, :, 1:])
    assert not torch.equal(perturbed(clip, direction, first_frame_is_clean=False)[:, :, 0], clip[:, :, 0])


def test_statistics_of_logits() -> None:
    found = discriminator_statistics(torch.tensor([3.0, 1.0]), torch.tensor([-2.0, 1.0]))
    assert [value.item() for value in found] == [2.0, -0.5, 2.5, 0.75]
