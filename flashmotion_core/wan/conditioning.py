"""Image-to-video conditioning of Wan2.2-TI2V-5B: sizes, and the clean first frame with its timestep of zero.

Source: Wan-Video/Wan2.2 ``wan/textimage2video.py`` (Apache-2.0). Any size works: token counts are computed, never fixed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .config import LATENT_CHANNELS, SIDE_MULTIPLE, SPATIAL_STRIDE, TEMPORAL_STRIDE

# The Wan 2.2 VAE's channel statistics (Apache-2.0): the generator sees (z - MEAN) / STD.
LATENT_MEAN = (
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891, 0.1570, -0.0098, 0.0375, -0.1825,
    -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502, -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230,
    -0.0313, -0.1649, 0.0117, 0.0723, -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
)  # fmt: skip
LATENT_STD = (
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978,
    0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093,
    0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
)  # fmt: skip


def check_size(width: int, height: int, frames: int) -> None:
    """Check that a clip can be generated: sides a multiple of 32 pixels, frames 4k + 1.

    Raises:
        ValueError: names the side or count, its value and the two nearest ones that work.
    """
    for name, side in (("width", width), ("height", height)):
        if side < SIDE_MULTIPLE or side % SIDE_MULTIPLE:
            low = max(SIDE_MULTIPLE, side // SIDE_MULTIPLE * SIDE_MULTIPLE)
            raise ValueError(
                f"{name} is {side}, but must be a multiple of {SIDE_MULTIPLE}; use {low} or {low + SIDE_MULTIPLE}."
            )
    if frames < 1 or (frames - 1) % TEMPORAL_STRIDE:
        low = max(1, (frames - 1) // TEMPORAL_STRIDE * TEMPORAL_STRIDE + 1)
        raise ValueError(f"the frame count is {frames}, but must be 4k + 1; use {low} or {low + TEMPORAL_STRIDE}.")


def latent_shape(width: int, height: int, frames: int) -> tuple[int, int, int, int]:
    """Latent shape ``(C, F, H, W)`` of a clip; for example 1280 x 704 x 121 gives (48, 31, 44, 80).

    Raises:
        ValueError: see ``check_size``.
    """
    check_size(width, height, frames)
    latent_frames = (frames - 1) // TEMPORAL_STRIDE + 1
    return (LATENT_CHANNELS, latent_frames, height // SPATIAL_STRIDE, width // SPATIAL_STRIDE)


def _statistic(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device).view(1, -1, 1, 1, 1).to(like.dtype)


def normalise(latent_BCFHW: Tensor) -> Tensor:
    """VAE latent -> the space the generator works in (zero mean, unit deviation per channel)."""
    return (latent_BCFHW - _statistic(LATENT_MEAN, latent_BCFHW)) / _statistic(LATENT_STD, latent_BCFHW)


def denormalise(latent_BCFHW: Tensor) -> Tensor:
    """The inverse of ``normalise``."""
    return latent_BCFHW * _statistic(LATENT_STD, latent_BCFHW) + _statistic(LATENT_MEAN, latent_BCFHW)


def with_clean_frame(latent_BCFHW: Tensor, clean_BCFHW: Tensor | None) -> Tensor:
    """Overwrite latent frame 0 with the clean one (shape ``[B or 1, C, 1, H, W]``); None leaves the latent as it is."""
    if clean_BCFHW is None:
        return latent_BCFHW
    clean = clean_BCFHW.to(latent_BCFHW).expand(latent_BCFHW.shape[0], -1, -1, -1, -1)
    return torch.cat([clean, latent_BCFHW[:, :, 1:]], dim=2)


def frame_timesteps(timestep_B: Tensor, latent_frames: int, first_frame_is_clean: bool) -> Tensor:
    """Timestep of every latent frame, ``[B, F]``: zero for a clean first frame, the sample's own elsewhere."""
    timestep_BF = timestep_B[:, None].repeat(1, latent_frames)
    if first_frame_is_clean:
        timestep_BF[:, 0] = 0
    return timestep_BF
