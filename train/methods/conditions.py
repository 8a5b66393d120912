"""The random choices of one micro-step: which conditions each sample gets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.encoded import Batch
from ..engine.method import Step


@dataclass
class Choice:
    """The conditions of each sample.

    Attributes:
        control_BCFHW: the control map with boxes or with masks.
        strength_B: 0 for a sample without a trajectory, 1 for one with it; None if all have one.
        context_BMT: text tokens; those of "no prompt" for a sample without a prompt.
    """

    control_BCFHW: Tensor
    strength_B: Tensor | None
    context_BMT: Tensor


def choose(
    batch: Batch,
    step: Step,
    *,
    mask_share: float,
    text_dropout: float = 0.0,
    adapter_dropout: float = 0.0,
    no_prompt_1MT: Tensor | None = None,
) -> Choice:
    """Draw each sample's conditions. The shares are the probabilities of masks instead of boxes, of no prompt, and of no trajectory."""
    like = batch.latent_BCFHW
    masks = step.uniform("masks", like) < mask_share
    control = torch.where(masks.view(-1, 1, 1, 1, 1), batch.control_mask_BCFHW, batch.control_box_BCFHW)
    keep = (step.uniform("text", like) >= text_dropout).view(-1, 1, 1)
    strength = (step.uniform("trajectory", like) >= adapter_dropout).float() if adapter_dropout else None
    return Choice(control, strength, torch.where(keep, batch.context_BMT, without_prompt(batch, no_prompt_1MT)))


def without_prompt(batch: Batch, no_prompt_1MT: Tensor | None) -> Tensor:
    """The text tokens of "no prompt" for a batch: the encoded negative prompt padded with zeros, or only zeros for None."""
    context = torch.zeros_like(batch.context_BMT)
    if no_prompt_1MT is not None:
        tokens = no_prompt_1MT[:, : context.shape[1]].to(context)
        context[:, : tokens.shape[1]] = tokens
    return context


def clean_frame(batch: Batch) -> Tensor:
    """Latent frame 0 of each clip, ``[B, C, 1, H, W]``."""
    return batch.latent_BCFHW[:, :, :1]


def cell_weights(batch: Batch, inside_weight: float) -> Tensor | None:
    """The weight of each latent cell in a loss, ``[B, 1, F, H, W]``; None if all are equal."""
    return None if inside_weight == 1 else 1 + (inside_weight - 1) * batch.inside_B1FHW
