"""The mark of a MODEL: of its generator's weights, with what LoRAs and merges on top of it change; see the core's ``wan.fingerprint``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ..flashmotion_core.wan.fingerprint import changed_mark, fingerprint, places, sampled_layers
from . import attachments

PREFIX = "diffusion_model."


def model_mark(model: Any) -> str | None:
    """The mark of a MODEL of any loader; None where its weights cannot be read."""
    mark = generator_mark(model)
    return None if mark is None else changed_mark(mark, _changes(model, sampled_layers(mark)))


def generator_mark(model: Any) -> str | None:
    """The same without LoRAs and merges."""
    return attachments.attached_fingerprint(model) or _mark_of_weights(model)


def _mark_of_weights(model: Any) -> str | None:
    """Of a MODEL that another loader made: its own weights, before ComfyUI merged LoRAs into them for a run."""
    try:
        weights = model.get_model_object("diffusion_model").state_dict()
        for key, saved in model.backup.items():
            if key.startswith(PREFIX):
                weights[key.removeprefix(PREFIX)] = getattr(saved, "weight", saved)
        return fingerprint(weights)
    # Other packs store weights in ways of their own (GGUF); without a mark nothing is compared, and everything else works.
    except Exception as error:
        logging.debug("FlashMotion: the generator's weights have no mark (%s).", error)
        return None


def _changes(model: Any, layers: Iterable[str]) -> dict[str, Tensor | None]:
    """What a MODEL's patches add to the sampled weights of each layer; None where that cannot be told."""
    if "bypass_lora" in getattr(model, "injections", {}):  # a LoRA beside the weights instead of in them
        return dict.fromkeys(layers)
    changes = {}
    for layer in layers:
        patches = [patch for patch in model.patches.get(PREFIX + layer, ()) if patch[0] != 0 or patch[2] != 1]
        if patches:
            added = [_added(layer, *patch) for patch in patches]
            known = [change for change in added if change is not None]
            changes[layer] = sum(known[1:], known[0]) if len(known) == len(added) else None
    return changes


def _added(layer: str, strength: float, patch: Any, strength_model: float, offset: Any, function: Any) -> Tensor | None:
    """What one patch adds at a layer's places: of a plain LoRA or difference; see ``comfy.lora.calculate_weight``."""
    if strength_model != 1 or offset is not None or function is not None:
        return None
    if getattr(patch, "name", None) == "lora":
        up, down, alpha, middle, dora, reshape = patch.weights
        if middle is not None or dora is not None or reshape is not None:
            return None
        up, down = up.flatten(1), down.flatten(1)
        rows, columns = places(layer, up.shape[0], down.shape[1])
        scale = strength * (1.0 if alpha is None else float(alpha) / down.shape[0])
        return scale * torch.einsum("nr,rn->n", _taken(up, rows), _taken(down.t(), columns).t())
    difference = patch[0] if isinstance(patch, tuple) and len(patch) == 1 else None
    if isinstance(patch, tuple) and len(patch) == 2 and patch[0] == "diff" and len(patch[1]) == 1:
        difference = patch[1][0]
    if not isinstance(difference, Tensor):
        return None
    difference = difference.flatten(1)
    rows, columns = places(layer, *difference.shape)
    return strength * _taken(difference, rows)[range(len(columns)), columns]


def _taken(matrix: Tensor, rows: Tensor) -> Tensor:
    return matrix[rows.to(matrix.device)].float().cpu()
