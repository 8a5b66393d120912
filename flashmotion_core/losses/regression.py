"""The regression losses of the three training stages, one pure function per equation. The adversarial ones are in ``adversarial``.

Flow convention: ``x_sigma = (1 - sigma) * x0 + sigma * noise``, the network predicts ``v = noise - x0``, timestep = 1000 sigma.
Legend: B batch, C channels, F latent frames, H and W latent rows and columns. Video tensors are ``[B, C, F, H, W]``.

Losses come back per sample, ``[B]`` in float32 or better, so that they can be logged by noise level; the trainer takes the mean.
Latent frame 0 of image-to-video clips is given, not generated: with ``first_frame_is_clean`` (the default) no loss
includes it, and its gradient is exactly zero. A NaN passes through unchanged, because the trainer's health check has to see it.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

SMALLEST_NORMALISER = 1e-6
"""Floor of the DMD normaliser: where teacher and student agree entirely, the gradient is 0 / floor = 0."""


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision becomes float32, other dtypes stay. Losses are differences of close numbers."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _per_sample(value_B: Tensor) -> Tensor:
    return value_B.view(-1, 1, 1, 1, 1)


def generated_frames(x_BCFHW: Tensor, first_frame_is_clean: bool) -> Tensor:
    """The frames that a loss may use, in float32 or better.

    Raises:
        ValueError: no frame is left, because the clip has one latent frame and that one is given.
    """
    if first_frame_is_clean and x_BCFHW.shape[2] < 2:
        raise ValueError(
            f"the clip has {x_BCFHW.shape[2]} latent frame and that one is given, so there is nothing to learn; "
            "use clips of at least 5 frames."
        )
    return at_least_float32(x_BCFHW[:, :, 1:] if first_frame_is_clean else x_BCFHW)


def noised(x0_BCFHW: Tensor, noise_BCFHW: Tensor, sigma_B: Tensor) -> Tensor:
    """``(1 - sigma) * x0 + sigma * noise`` with one sigma per sample; the clean first frame is for ``with_clean_frame`` to put back."""
    sigma = _per_sample(sigma_B).to(x0_BCFHW)
    return (1 - sigma) * x0_BCFHW + sigma * noise_BCFHW


def x0_from_velocity(x_BCFHW: Tensor, velocity_BCFHW: Tensor, sigma_B: Tensor) -> Tensor:
    """The clean estimate ``x0 = x_sigma - sigma * v``."""
    return x_BCFHW - _per_sample(sigma_B).to(x_BCFHW) * velocity_BCFHW


def guided(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance in the standard convention, ``u + s * (c - u)`` (Ho & Salimans): s = 1 is c, s = 0 is u, both exactly.

    Self-Forcing's code writes ``c + w * (c - u)``, which is s = w + 1 here.
    """
    return torch.lerp(unconditional, conditional, scale)


def flow_target(x0_BCFHW: Tensor, noise_BCFHW: Tensor) -> Tensor:
    """The network's target ``v = noise - x0`` (flow matching, Lipman et al. 2023, on the straight path)."""
    return at_least_float32(noise_BCFHW) - at_least_float32(x0_BCFHW)


def squared_error(
    prediction_BCFHW: Tensor,
    target_BCFHW: Tensor,
    *,
    weight_B1FHW: Tensor | None = None,
    first_frame_is_clean: bool = True,
) -> Tensor:
    """Mean squared error of each sample, ``sum(w * |p - y|^2) / sum(w)``: ``[B]``.

    Args:
        prediction_BCFHW: the network's output.
        target_BCFHW: its target.
        weight_B1FHW: weight of each latent cell, for example 2 inside the boxes and 1 elsewhere; at least one positive per sample.
            The weights are normalised per sample, so a clip with large boxes does not count more.
        first_frame_is_clean: leave frame 0 out.

    Raises:
        ValueError: see ``generated_frames``.
    """
    error = generated_frames(prediction_BCFHW, first_frame_is_clean) - generated_frames(
        target_BCFHW, first_frame_is_clean
    )
    if weight_B1FHW is None:
        return error.square().flatten(1).mean(1)
    weight = generated_frames(weight_B1FHW, first_frame_is_clean)
    cells = error.square().mean(1, keepdim=True)
    return (weight * cells).flatten(1).sum(1) / weight.flatten(1).sum(1)


def flow_matching_loss(
    velocity_BCFHW: Tensor,
    x0_BCFHW: Tensor,
    noise_BCFHW: Tensor,
    *,
    weight_B1FHW: Tensor | None = None,
    first_frame_is_clean: bool = True,
) -> Tensor:
    """Stage 1: ``|v - (noise - x0)|^2`` per sample, ``[B]``; arguments as in ``squared_error``."""
    target = flow_target(x0_BCFHW, noise_BCFHW)
    return squared_error(velocity_BCFHW, target, weight_B1FHW=weight_B1FHW, first_frame_is_clean=first_frame_is_clean)


def sums_by_sigma(loss_B: Tensor, sigma_B: Tensor, bins: int = 10) -> tuple[Tensor, Tensor]:
    """The sum of losses and the number of samples in each of ``bins`` equal bins of sigma over 0..1: ``[bins]``, ``[bins]``.

    These are sums, not means, so that they can be added over steps and ranks before dividing. Sigma 1 falls into the last bin.
    """
    index = (sigma_B * bins).long().clamp(0, bins - 1)
    zeros = torch.zeros(bins, dtype=loss_B.dtype, device=loss_B.device)
    return zeros.index_add(0, index, loss_B.detach()), zeros.index_add(0, index, torch.ones_like(loss_B))


@torch.no_grad()
def dmd_gradient(
    x0_BCFHW: Tensor, fake_x0_BCFHW: Tensor, real_x0_BCFHW: Tensor, *, first_frame_is_clean: bool = True
) -> Tensor:
    """The distribution-matching gradient ``g = (fake - real) / mean |x0 - real|``, the mean per sample (DMD, eq. 7 and 8).

    Args:
        x0_BCFHW: the student's clean estimate.
        fake_x0_BCFHW: clean estimate of the fake score at the noised ``x0``.
        real_x0_BCFHW: clean estimate of the (guided) real score at the same point.
        first_frame_is_clean: the gradient of frame 0 is zero, and frame 0 does not enter the mean (it would bias it by 1 / F).

    Returns:
        ``[B, C, F, H, W]`` in float64, without gradient; exactly zero where both scores agree.

    Raises:
        ValueError: see ``generated_frames``.
    """
    student, fake, real = (
        generated_frames(x.double(), first_frame_is_clean) for x in (x0_BCFHW, fake_x0_BCFHW, real_x0_BCFHW)
    )
    normaliser = (student - real).abs().flatten(1).mean(1).clamp_min(SMALLEST_NORMALISER)
    gradient = (fake - real) / _per_sample(normaliser)
    return functional.pad(gradient, (0, 0, 0, 0, 1, 0)) if first_frame_is_clean else gradient


def dmd_loss(x0_BCFHW: Tensor, gradient_BCFHW: Tensor, *, first_frame_is_clean: bool = True) -> Tensor:
    """Stage 2, generator: the surrogate ``mean(|x0 - sg(x0 - g)|^2) / 2`` per sample, ``[B]`` float64 (DMD2, Self-Forcing).

    Its gradient is ``g / numel`` with numel the generated elements of one sample; in float64, because x0 - (x0 - g) loses a small g.
    """
    student = x0_BCFHW.double()
    target = (student - gradient_BCFHW.double()).detach()
    return 0.5 * squared_error(student, target, first_frame_is_clean=first_frame_is_clean)


def fake_score_loss(
    velocity_BCFHW: Tensor,
    x0_BCFHW: Tensor,
    noise_BCFHW: Tensor,
    sigma_B: Tensor,
    *,
    kind: Literal["flow", "x0"] = "flow",
    first_frame_is_clean: bool = True,
) -> Tensor:
    """Stage 2, fake score: learn the distribution of the student's samples; per sample, ``[B]``.

    ``flow``: ``|v - (noise - x0)|^2`` (Self-Forcing). ``x0``: ``|x0_hat - x0|^2``, which is sigma^2 times that (Wan2.2 Turbo).

    Args:
        velocity_BCFHW: the fake score's prediction at ``noised(x0, noise, sigma)``.
        x0_BCFHW: a sample of the student; no gradient flows into it.
        noise_BCFHW: the noise of that point.
        sigma_B: its noise level.
        kind: ``flow`` or ``x0``.
        first_frame_is_clean: leave frame 0 out.

    Raises:
        ValueError: the kind is unknown; see also ``generated_frames``.
    """
    if kind not in ("flow", "x0"):
        raise ValueError(f"the fake score's loss is {kind!r}, but must be 'flow' or 'x0'.")
    flow = flow_matching_loss(velocity_BCFHW, x0_BCFHW.detach(), noise_BCFHW, first_frame_is_clean=first_frame_is_clean)
    return flow if kind == "flow" else sigma_B.to(flow).square() * flow


def diffusion_loss(
    prediction_BCFHW: Tensor,
    x0_BCFHW: Tensor,
    *,
    weight_B1FHW: Tensor | None = None,
    first_frame_is_clean: bool = True,
) -> Tensor:
    """Stage 3: ``|G(x_sigma) - x0|^2`` per sample, ``[B]``, with sigma one of the student's own (FlashMotion, the diffusion loss).

    Args:
        prediction_BCFHW: the student's clean estimate at the noised real clip.
        x0_BCFHW: the real clip.
        weight_B1FHW: see ``squared_error``.
        first_frame_is_clean: leave frame 0 out.

    Raises:
        ValueError: see ``generated_frames``.
    """
    return squared_error(
        prediction_BCFHW, x0_BCFHW, weight_B1FHW=weight_B1FHW, first_frame_is_clean=first_frame_is_clean
    )
