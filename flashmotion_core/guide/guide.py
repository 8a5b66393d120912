"""Motion without an adapter: the picture's own objects, moved along their boxes, guide the denoising.

A step of any sampler makes a clean estimate x0 of the video's latent. The guide g is the latent of the animatic (`guide_clip`), and m, 0..1
per latent cell, says where it counts: where the objects are, and where they stood in frame 0, as the old one would stay there otherwise.
Two clocks say how long, as fractions of the schedule: inside m until `hold_object`, outside until `hold_background`. With a(sigma) and
b(sigma) how much is left of each (`held_share`), the estimate becomes

    w  = a m + b (1 - m) (1 - e),    x0 <- w g + (1 - w) x0,

after which the sampler continues as usual: with fresh noise (few steps) or an ODE step (many). e marks what comes in later, of which the
animatic shows nothing. Frame 0 is left to the start picture: w = 0 there.

The idea of a cut-and-drag clip with two clocks is Time-to-Move's (arXiv 2511.08633), which blends noised latents in many steps. Clean
estimates also work where each step adds fresh noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .guide_levels import Levels

FADE = 0.25
"""The fraction of the schedule over which the guide lets go: one step of four, so that any `follow` between two steps differs from both."""


@dataclass(frozen=True, eq=False)
class Guide:
    """A clip to be guided by.

    Attributes:
        latent_BCFHW: its normalised latent ``[1, 48, F, H, W]``.
        inside_FHW: m, 0..1 per latent cell, float32.
        outside_FHW: (1 - m) (1 - e), 0..1.
    """

    latent_BCFHW: Tensor
    inside_FHW: Tensor
    outside_FHW: Tensor


def held_share(sigma: float, hold: float, sigma_at: Callable[[float], float]) -> float:
    """How much of the guide counts at a noise level, 0..1: all of it first, less over the last ``FADE`` before `hold`, then nothing.

    With p the fraction of the schedule at sigma, about ``min(1, max(0, (hold - p) / FADE))``; p is interpolated in sigma within the fade. It
    never falls when `hold` rises. Rounded to 1e-4, so that a sigma's own rounding does not count.

    Args:
        sigma: of the step.
        hold: fraction of the schedule, 0..1.
        sigma_at: sigma at a fraction of the schedule, such as ``control_sigma`` with its shift or ComfyUI's ``percent_to_sigma``.
    """
    if hold <= 0:
        return 0.0
    free, full = sigma_at(hold), sigma_at(max(0.0, hold - FADE))
    return round(min(1.0, hold / FADE) * min(1.0, max(0.0, (sigma - free) / (full - free))), 4)


def weights(guide: Guide, inside: float, outside: float) -> Tensor:
    """How much of the guide goes into each latent cell, w ``[F, H, W]``: see the module.

    Args:
        guide: says where.
        inside, outside: ``held_share`` of the objects and of the background.
    """
    weight_FHW = inside * guide.inside_FHW + outside * guide.outside_FHW
    weight_FHW[0] = 0
    return weight_FHW


def blend(x0_BCFHW: Tensor, guide_BCFHW: Tensor, weight_FHW: Tensor) -> Tensor:
    """``x0 + w (g - x0)``, in x0's type and on its device."""
    guide, weight = (part.to(x0_BCFHW) for part in (guide_BCFHW, weight_FHW))
    return torch.lerp(x0_BCFHW, guide, weight)


def guided(x0_BCFHW: Tensor, sigma: float, guide: Guide, hold: Levels, sigma_at: Callable[[float], float]) -> Tensor:
    """A step's clean estimate with the guide in it; the estimate itself where nothing is held.

    Args:
        x0_BCFHW: normalised latent of the guide's size, any batch.
        sigma: of the step.
        guide: of the clip.
        hold: until when.
        sigma_at: see ``held_share``.
    """
    inside, outside = (held_share(sigma, until, sigma_at) for until in (hold.hold_object, hold.hold_background))
    if not (inside or outside):
        return x0_BCFHW
    return blend(x0_BCFHW, guide.latent_BCFHW, weights(guide, inside, outside))
