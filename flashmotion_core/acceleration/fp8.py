"""Frozen weights in 8 bits, at half the memory of bfloat16, for networks that are not trained; and 8-bit products, where the GPU has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..files.reasons import first_line

E4M3_MAX = 448.0
SMALLEST = 16  # layers with fewer features in or out stay as they are; 8-bit products take multiples of this


class Fp8Linear(nn.Linear):
    """A frozen linear layer whose weight is float8_e4m3fn with one float32 scale per output row.

    The scales are powers of two, so they are exact in bfloat16 and the only error is e4m3's rounding: at most 1/16 of each weight above
    2^-6 * scale. The relative error of a row's product with a random vector is 2.6 % (root mean square, normal weights).
    Weight and scale are buffers: `.to(dtype)` does not change them, and training does not shard them across processes.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear, device: torch.device | str | None = None) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().to(device).float()
        largest = weight.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny * E4M3_MAX)
        scale = torch.exp2(torch.ceil(torch.log2(largest / E4M3_MAX)))
        self.register_buffer("weight", (weight / scale).to(torch.float8_e4m3fn))
        self.register_buffer("scale", scale)
        self.bias = linear.bias
        if device is not None:
            self.to(device)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        weight, scale = self.weight, self.scale
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # Follow a change of device, never one of dtype.
        self.weight, self.scale = weight.to(self.weight.device), scale.to(self.scale.device)
        return self

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features], in the input's dtype.

        Autograd keeps the unpacked weight until backward. Checkpoint the blocks, so that only one block's weights are kept at a time.
        """
        return functional.linear(input, self.weight.to(input.dtype) * self.scale.to(input.dtype), self.bias)


class Fp8ProductLinear(Fp8Linear):
    """An `Fp8Linear` that rounds its input to e4m3 too, with one scale per row, and multiplies in 8 bits; without gradients.

    Nothing is unpacked. `torch._scaled_mm` takes scales `[rows, 1]` and `[1, columns]`, and sizes in multiples of 16.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features], in the input's dtype."""
        rows, scale = rounded(input.flatten(0, -2))
        out: Tensor = torch._scaled_mm(
            rows,
            self.weight.t(),
            scale_a=scale,
            scale_b=self.scale.t(),
            bias=self.bias,
            out_dtype=input.dtype,
            # Accumulates with fewer bits within a tile, which is far finer than the rounding of the inputs.
            use_fast_accum=True,
        ).unflatten(0, input.shape[:-1])
        return out


def rounded(input_MK: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as e4m3, and the float32 scale `[M, 1]` to multiply each row with; a row of zeros stays zeros."""
    rows = input_MK.float()
    scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny * E4M3_MAX) / E4M3_MAX
    return (rows / scale).to(torch.float8_e4m3fn), scale


def products_lacking(device: torch.device | str, dtype: torch.dtype) -> str | None:
    """Why this device cannot multiply in 8 bits for this type, as half a sentence; None if it can.

    Tries one small product, because which GPUs, systems and dtypes have a kernel with row-wise scales changes between torch releases.
    """
    try:
        with torch.no_grad():
            layer = nn.Linear(SMALLEST, SMALLEST, device=device, dtype=dtype)
            Fp8ProductLinear(layer)(torch.ones(SMALLEST, SMALLEST, device=device, dtype=dtype)).sum().item()
    except (RuntimeError, ValueError, NotImplementedError, AttributeError) as error:
        reason = first_line(error)
        return (
            f"torch {torch.__version__} has no 8-bit product with a scale per row for {dtype} on this device ({reason})"
        )
    return None


def store_as_fp8(module: nn.Module, *, products: bool = False, device: torch.device | str | None = None) -> int:
    """Replace every frozen linear layer in `module` with at least 16 features in and out; returns the bytes saved.

    With `products`, layers whose sizes are multiples of 16 also multiply in 8 bits; the others unpack their weights.
    With `device`, each layer goes there on its way into 8 bits, so that a GPU never holds a layer's weights in 16 bits but the one at hand.

    Call it before adding LoRA. Raises ValueError for a layer that is trained.
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
            whole = linear.in_features % SMALLEST == 0 and linear.out_features % SMALLEST == 0
            replacement = (Fp8ProductLinear if products and whole else Fp8Linear)(linear, device)
            saved += linear.weight.nbytes - replacement.weight.nbytes - replacement.scale.nbytes
            setattr(parent, key, replacement)
    return saved
