"""What a codec leaves of a clip: as losses, and in the end as measurements."""

from __future__ import annotations

from torch import Tensor

LATENTS_AT_ONCE = 5


def reconstruction(decoded_BCTHW: Tensor, pixels_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """(mean squared error, with white to black as 2; mean absolute error of the differences to the right and lower neighbours)."""
    error = decoded_BCTHW - pixels_BCTHW
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return 4 * error.square().mean(), across.abs().mean() + down.abs().mean()


def spread(normalised_BCFHW: Tensor) -> Tensor:
    """How far the channels are from mean 0 and deviation 1: squared mean plus squared logarithm of the variance, averaged."""
    channels = normalised_BCFHW.transpose(0, 1).flatten(1)
    variances = channels.var(dim=1) + 1e-4
    return (channels.mean(dim=1).square() + variances.log().square()).mean()
