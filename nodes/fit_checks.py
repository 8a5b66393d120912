"""Whether a prompt and a clip fit the generator."""

from __future__ import annotations

from torch import Tensor


def check_text(text_BLD: Tensor, text_dim: int) -> None:
    """Check that a prompt's embedding is one for this generator.

    Raises:
        ValueError: another width.
    """
    if text_BLD.ndim != 3 or text_BLD.shape[2] != text_dim:
        raise ValueError(
            f"the prompt is a tensor of the shape {list(text_BLD.shape)}, but this generator reads text {text_dim} wide; make it with "
            "CLIPLoader (umt5_xxl, type wan) and CLIPTextEncode."
        )


def other_clip(drawn_BCFHW: Tensor, sampled_BCFHW: Tensor) -> str:
    """What is wrong where a trajectory was drawn for another clip than the latent."""
    return (
        f"the trajectory was drawn for {_clip(drawn_BCFHW)}, but the latent being sampled is {_clip(sampled_BCFHW)}; connect width, height "
        "and length of DrawTrajectory to the latent node."
    )


def _clip(latent_BCFHW: Tensor) -> str:
    frames, rows, columns = latent_BCFHW.shape[2:]
    return f"{columns * 16} x {rows * 16} pixels, {(frames - 1) * 4 + 1} frames"
