"""Frozen weights in 8 bits: half the memory of bfloat16 for networks that are only looked through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

E4M3_MAX = 448.0
SMALLEST = 16  # features in and out below which a layer is not worth it


class Fp8Linear(nn.Linear):
    """A frozen linear layer whose weight is float8_e4m3fn with one float32 scale per output row.

    The scales are powers of two, so they are exact in bfloat16 and all error is e4m3's rounding: at most 1/16 of each weight above
    2^-6 * scale. The relative error of a row's product with a random vector is 2.6 % (root mean square, normal weights).
    Weight and scale are buffers: `.to(dtype)` leaves them, and `parallel.shard` does not share them among processes.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        largest = weight.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny * E4M3_MAX)
        scale = torch.exp2(torch.ceil(torch.log2(largest / E4M3_MAX)))
        self.register_buffer("weight", (weight / scale).to(torch.float8_e4m3fn))
        self.register_buffer("scale", scale)
        self.bias = linear.bias

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        weight, scale = self.weight, self.scale
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # a change of device, but never of dtype
        self.weight, self.scale = weight.to(self.weight.device), scale.to(self.scale.device)
        return self

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features], in the input's dtype.

        Autograd keeps the unpacked weight until backward: use `checkpoint_blocks`, which keeps it for one block at a time.
        """
        return functional.linear(input, self.weight.to(input.dtype) * self.scale.to(input.dtype), self.bias)


def store_as_fp8(module: nn.Module) -> int:
    """Replace every frozen linear layer inside `module` of at least 16 features in and out; returns the bytes saved.

    Before LoRA is added, whose layers are trained: ValueError for a layer that is.
    """
    saved = 0
    for name, parent in list(module.named_modules()):
        for key, linear in list(parent.named_children()):
            if not isinstance(linear, nn.Linear) or isinstance(linear, Fp8Linear):
                continue
            if min(linear.in_features, linear.out_features) < SMALLEST:
                continue
            if any(parameter.requires_grad for parameter in linear.parameters()):
                place = f"{name}.{key}".lstrip(".")
                raise ValueError(f"{place} is trained and cannot be stored as fp8: freeze it first or leave fp8 off.")
            replacement = Fp8Linear(linear)
            saved += linear.weight.nbytes - replacement.weight.nbytes - replacement.scale.nbytes
            setattr(parent, key, replacement)
    return saved
