"""Named LoRAs in the blocks of a network (on peft): several share one frozen base, and at most one is active.

Thus student and critic can share one base. peft's own switches also change `requires_grad`, which an optimizer relies on, so the active
LoRA is set directly.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from .checkpointing import Contexts


def _layers(module: nn.Module) -> dict[str, Any]:
    """peft's layers by the names of the linear layers that they replace."""
    from peft.tuners.lora import LoraLayer

    return {name: layer for name, layer in module.named_modules() if isinstance(layer, LoraLayer)}


def _named(module: nn.Module, name: str) -> dict[str, Any]:
    layers = {place: layer for place, layer in _layers(module).items() if name in layer.lora_A}
    assert layers, f"no LoRA {name!r} was added"
    return layers


def add_lora(
    module: nn.Module, name: str, rank: int, alpha: float, *, dtype: torch.dtype = torch.float32
) -> list[tuple[str, nn.Parameter]]:
    """Add a LoRA to every linear layer inside `module.blocks` and make it active; returns its weights, which are trainable.

    It adds alpha / rank * B A x, with B = 0 at first. The rest of `module` is frozen, except other LoRAs. Call it before `parallel.shard`.
    """
    from peft import LoraConfig, inject_adapter_in_model

    layers = _layers(module)
    assert all(name not in layer.lora_A for layer in layers.values()), f"there is a LoRA {name!r} already"
    others = [parameter for key, parameter in module.named_parameters() if ".lora_" in key and parameter.requires_grad]
    linear = [
        place
        for place, layer in module.named_modules()
        if place.startswith("blocks.") and isinstance(layer, nn.Linear) and ".lora_" not in place
    ]
    places = [place.removesuffix(".base_layer") for place in linear]
    assert places, "module.blocks has no linear layer"
    # A single expression for whole names: given a list, peft would match the ends of names.
    options: dict[str, Any] = {"r": rank, "lora_alpha": alpha, "target_modules": "|".join(map(re.escape, places))}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several LoRAs are intended
        with _seeming([module.get_submodule(place) for place in linear], dtype):
            inject_adapter_in_model(LoraConfig(**options), module, adapter_name=name)
    module.requires_grad_(False)
    for parameter in others:
        parameter.requires_grad_(True)
    for layer in _named(module, name).values():
        for half in (layer.lora_A[name], layer.lora_B[name]):
            half.to(dtype).requires_grad_(True)
    _set(list(_layers(module).values()), name)
    return trainable(module, name)


@contextmanager
def _seeming(layers: list[nn.Module], dtype: torch.dtype) -> Iterator[None]:
    """Inside, the layers seem to have weights of a type: peft draws a LoRA and then rounds it to that of the weights, even float8."""
    kept = [layer._parameters.get("weight", layer._buffers.get("weight")) for layer in layers]
    try:
        for layer, weight in zip(layers, kept, strict=True):
            assert weight is not None
            stand_in = torch.empty((), dtype=dtype, device=weight.device).expand(weight.shape)  # takes no memory
            _put(layer, nn.Parameter(stand_in, requires_grad=False) if "weight" in layer._parameters else stand_in)
        yield
    finally:
        for layer, weight in zip(layers, kept, strict=True):
            _put(layer, weight)


def _put(layer: nn.Module, weight: Any) -> None:
    (layer._parameters if "weight" in layer._parameters else layer._buffers)["weight"] = weight


def trainable(module: nn.Module, name: str) -> list[tuple[str, nn.Parameter]]:
    """The weights of one LoRA with their names in `module.named_parameters()`."""
    ends = (f".lora_A.{name}.weight", f".lora_B.{name}.weight")
    found = [(key, parameter) for key, parameter in module.named_parameters() if key.endswith(ends)]
    assert found, f"no LoRA {name!r} was added"
    return found


def _set(layers: list[Any], name: str | None) -> None:
    for layer in layers:
        layer._disable_adapters = name is None
        if name is not None:
            layer._active_adapter = [name]


def _current(layers: list[Any]) -> str | None:
    first = layers[0]
    return None if first.disable_adapters else str(first.active_adapters[0])


class _Active(AbstractContextManager[None]):
    """Can be entered repeatedly, because a graph that is walked twice repeats its forward pass twice."""

    def __init__(self, layers: list[Any], name: str | None) -> None:
        self.layers = layers
        self.name = name
        self.before: list[str | None] = []

    def __enter__(self) -> None:
        self.before.append(_current(self.layers))
        if self.before[-1] != self.name:
            _set(self.layers, self.name)

    def __exit__(self, *_: object) -> None:
        before = self.before.pop()
        if before != self.name:
            _set(self.layers, before)


@contextmanager
def active(module: nn.Module, name: str | None) -> Iterator[None]:
    """Inside, the LoRA `name` is active, or the base alone for None; afterwards, what was active before. Can be nested."""
    layers = list(_layers(module).values() if name is None else _named(module, name).values())
    assert layers, "no LoRA was added"
    with _Active(layers, name):
        yield


def contexts(module: nn.Module) -> Contexts:
    """For `checkpoint_blocks`: the backward pass repeats the forward pass with the LoRA that was active in it.

    Call it after the last `add_lora`.
    """
    layers = list(_layers(module).values())
    assert layers, "no LoRA was added"

    def pair() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), _Active(layers, _current(layers))

    return pair


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def merged(weights: Mapping[str, Tensor], module: nn.Module, name: str) -> dict[str, Tensor]:
    """`weights`, under the module's original key names, plus alpha / rank * B A wherever the LoRA applies.

    The sum is computed in float32 and cast back. `weights` may be more precise than the module's own, which may be fp8. Every rank must call it.
    """
    sums = dict(weights)
    for place, layer in _named(module, name).items():
        weight = sums[f"{place}.weight"]
        down, up = (_whole(half[name].weight).float() for half in (layer.lora_A, layer.lora_B))
        delta = (layer.scaling[name] * (up @ down)).to(weight.device)
        sums[f"{place}.weight"] = (weight.float() + delta).to(weight.dtype)
    return sums


def lora_state_dict(module: nn.Module, name: str) -> dict[str, Tensor]:
    """A LoRA's live weights: `blocks.0.<layer>.lora_A.weight` [rank, in] and `.lora_B.weight` [out, rank]."""
    return {
        f"{place}.{half}.weight": getattr(layer, half)[name].weight.detach()
        for place, layer in _named(module, name).items()
        for half in ("lora_A", "lora_B")
    }


@torch.no_grad()
def load_lora(module: nn.Module, name: str, state: Mapping[str, Tensor]) -> None:
    """Load what `lora_state_dict` returned into an added LoRA, which may have another name. Raises ValueError if it does not fit."""
    own = lora_state_dict(module, name)
    if own.keys() != state.keys():
        different = sorted(own.keys() ^ state.keys())
        raise ValueError(
            f"the LoRA weights belong to another network ({different[0]!r} is on one side only); give those of this generator."
        )
    for key, tensor in own.items():
        if tensor.shape != state[key].shape:
            raise ValueError(
                f"the LoRA weight {key!r} has the shape {tuple(state[key].shape)}, not {tuple(tensor.shape)}; give one of the same rank and "
                "network."
            )
        tensor.copy_(state[key])
