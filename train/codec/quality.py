"""How well a codec preserves clips: the losses of training, and measurements at the end."""

from __future__ import annotations

from torch import Tensor

LATENTS_AT_ONCE = 5


def reconstruction(decoded_BCTHW: Tensor, pixels_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """(mean squared error on a scale of -1..1; mean absolute error of the differences to the right and lower neighbours)."""
    error = decoded_BCTHW - pixels_BCTHW
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return 4 * error.square().mean(), across.abs().mean() + down.abs().mean()


def spread(normalised_BCFHW: Tensor) -> Tensor:
    """How far the channels are from mean 0 and deviation 1: squared mean plus squared log variance, averaged."""
    channels = normalised_BCFHW.transpose(0, 1).flatten(1)
    variances = channels.var(dim=1) + 1e-4
    return (channels.mean(dim=1).square() + variances.log().square()).mean()
