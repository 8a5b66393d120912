"""Refuse a sampled latent with NaN or infinity in it, and say which weights caused it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .attachments import KEY


def check_result(out: Tensor, model: Any, node: str) -> None:
    """Refuse a latent with NaN or infinity in it, and name the weights that caused it.

    Raises:
        ValueError: NaN or infinity in the result.
    """
    bad = int((~torch.isfinite(out)).sum())
    if not bad:
        return
    cause = "try weight_dtype default, lower strengths of adapters and LoRAs, and no other patches"
    adapters = [("adapter", patcher.model) for patcher in model.get_additional_models_with_key(KEY)]
    for name, network in [*adapters, ("generator", model.model.diffusion_model)]:
        broken = [
            key for key, weight in network.named_parameters() if not torch.isfinite(weight.detach().float()).all()
        ]
        if broken:
            such = f"{len(broken)} tensors, such as {broken[0]}"
            cause = f"the {name}'s weights hold such numbers themselves ({such}); download the file again"
    raise ValueError(
        f"{node}: the latent came out with {bad:,} of {out.numel():,} values that are NaN or infinite; {cause}."
    )
