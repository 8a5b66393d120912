"""The steps of few-step sampling and their loop, as pure functions.

Flow convention: ``x_sigma = (1 - sigma) * x0 + sigma * noise``, the network predicts ``v = noise - x0``, timestep = 1000 sigma.
Source: DMD / Self-Forcing inference (Apache-2.0) and FlashMotion (CVPR 2026), section on the FastGenerator; see ``wan/conditioning``
for the clean first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .schedule import CLOSEST, shift_sigma


def in_control_range(sigma: float, sigma_start: float, sigma_end: float) -> bool:
    """Whether control is on at this sigma; the range is half-open, so that equal ends make it empty.

    ``sigma_start`` and ``sigma_end`` are the sigmas at the start and end fraction of the schedule. The slack absorbs float32
    rounding of sigmas; no schedule has two steps closer than that.
    """
    return sigma_end + CLOSEST < sigma <= sigma_start + CLOSEST


def control_sigma(fraction: float, shift: float) -> float:
    """Sigma at a fraction of the schedule: 1 at 0, 0 at 1, time-shifted between (ComfyUI's ``percent_to_sigma`` for flow models)."""
    return shift_sigma(1 - min(max(fraction, 0.0), 1.0), shift)


def denoised(x: Tensor, velocity: Tensor, sigma: float) -> Tensor:
    """The clean estimate ``x0 = x - sigma * v``."""
    return x - sigma * velocity


def renoise(x0: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Bring a clean estimate back to a noise level with fresh noise: ``(1 - sigma) * x0 + sigma * noise``."""
    return (1 - sigma) * x0 + sigma * noise


def few_step(
    denoise: Callable[[Tensor, float], Tensor],
    noise: Tensor,
    sigmas: Sequence[float],
    fresh_noise: Iterator[Tensor],
    callback: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Denoise from pure noise in ``len(sigmas)`` steps, re-noising each clean estimate with fresh noise.

    Args:
        denoise: ``(x, sigma) -> x0``; keeps a clean first frame itself.
        noise: the starting point, scaled for ``sigmas[0]`` (pure noise when that is 1).
        sigmas: strictly decreasing, without the final 0.
        fresh_noise: yields a tensor of ``noise``'s shape for every step but the last.
        callback: called with (index of the step just done, x0).

    Returns:
        the last clean estimate.
    """
    x = noise
    for index, sigma in enumerate(sigmas):
        x0 = denoise(x, sigma)
        if callback is not None:
            callback(index, x0)
        if index + 1 < len(sigmas):
            x = renoise(x0, next(fresh_noise), sigmas[index + 1])
    return x0


def euler(denoise: Callable[[Tensor, float], Tensor], noise: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Integrate the flow by Euler steps down to sigma 0: ``x + (next - sigma) * (x - x0) / sigma``. For multi-step generators.

    Args:
        denoise: ``(x, sigma) -> x0``; keeps a clean first frame itself.
        noise: the starting point, scaled for ``sigmas[0]``.
        sigmas: strictly decreasing, without the final 0.

    Returns:
        the clean latent; frame 0 is as ``denoise`` left it in the last step.
    """
    x = noise
    for sigma, following in pairwise((*sigmas, 0.0)):
        x0 = denoise(x, sigma)
        x = x0 + (following / sigma) * (x - x0)
    return x


def comfyui_noise(shape: Sequence[int], seed: int) -> tuple[Tensor, Iterator[Tensor]]:
    """The noise that ComfyUI draws for a seed on a CPU: the starting noise, and the re-noise of its ``lcm`` sampler.

    ComfyUI draws the first from ``seed`` and the rest from ``seed + 1`` (``comfy/sample.py``, ``default_noise_sampler``), both in
    float32 on the CPU, so a headless run repeats a ComfyUI run on a CPU. On a GPU ComfyUI draws the second on the device.
    """
    first = torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(seed))
    later = torch.Generator("cpu").manual_seed(seed + 1)

    def draw() -> Iterator[Tensor]:
        while True:
            yield torch.randn(*shape, generator=later)

    return first, draw()
