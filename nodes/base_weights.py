"""The weights of a MODEL's generator, from which a small adapter file is made whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.lora
import comfy.model_patcher
import torch
from torch import Tensor

from ..flashmotion_core.adapters import AdapterFile, check_base, rebuilt
from ..flashmotion_core.wan.config import WanConfig
from ..flashmotion_core.wan.fingerprint import same_generator
from .model_mark import PREFIX, generator_mark, model_mark


@dataclass(frozen=True)
class Base:
    """A MODEL's weights as a small file means them.

    Attributes:
        model: the MODEL.
        mark: of these weights.
        patched: whether its LoRAs and merges belong to them.
    """

    model: Any
    mark: str | None
    patched: bool

    def weight(self, name: str) -> Tensor:
        """A weight by its original name, in float32, on the CPU: as it was before ComfyUI merged LoRAs into it for a run."""
        model, key = self.model, PREFIX + name
        stored, _, convert = comfy.model_patcher.get_key_weight(model.model, key)
        saved, hooked = model.backup.get(key), model.hook_backup.get(key)
        stored = stored if saved is None else saved.weight
        stored = stored if hooked is None else hooked[0]
        plain: Tensor = stored if convert is None else convert(stored, inplace=False)
        plain = plain.to("cpu", torch.float32, copy=True)
        patches = model.patches.get(key, ()) if self.patched else ()
        return comfy.lora.calculate_weight(patches, plain, key) if patches else plain


def base_for(name: str, wanted: str, model: Any) -> Base:
    """The weights that a small file is a difference to: of the generator alone, or with what was put on top of it.

    Args:
        name: of the file.
        wanted: the mark in it.
        model: the MODEL.

    Raises:
        ValueError: neither fits, or they cannot be read.
    """
    whole = model_mark(model)
    for base in (Base(model, whole, True), Base(model, generator_mark(model), False)):
        if base.mark is not None and same_generator(base.mark, wanted) is True:
            return base
    check_base(name, wanted, whole)
    raise AssertionError("a mark that fits was not taken")


def made_whole(file: AdapterFile, base: Base, generator: WanConfig, dtype: torch.dtype | None) -> AdapterFile:
    """A small file's adapter, layer by layer, on the CPU; see ``rebuilt``."""
    return rebuilt(file, generator, base.mark, base.weight, dtype)
