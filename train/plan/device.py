"""Let the meta device keep what a GPU would keep: autocast, fused attention and fused norms, none of which it has by itself.

Without this, attention would be counted as its N x N matrix (35 TB a layer at 1280 x 704 x 121), and everything in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .meter import Meter

LOWERED = {
    functional.linear,
    functional.conv2d,
    functional.conv3d,
    functional.scaled_dot_product_attention,
    torch.conv2d,
    torch.conv3d,
    torch.matmul,
    torch.bmm,
}
"""What autocast computes in its type."""
RAISED = {functional.layer_norm, functional.group_norm, functional.rms_norm}
"""What autocast on CUDA computes in float32 (on the CPU: in the type that comes)."""


class Attention(torch.autograd.Function):
    """Keeps and counts what a flash kernel does: queries, keys, values, output and the log-sum-exp of each row."""

    @staticmethod
    def forward(ctx: Any, q_BHND: Tensor, k_BHMD: Tensor, v_BHMD: Tensor, meter: Meter) -> Tensor:
        """An output of the queries' shape; nothing is computed."""
        out = torch.empty_like(q_BHND)
        log_sums = q_BHND.new_empty(q_BHND.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(q_BHND, k_BHMD, v_BHMD, out, log_sums)
        ctx.meter, ctx.flops = meter, 4 * q_BHND.numel() * k_BHMD.shape[-2]
        meter.flops += ctx.flops
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Five products for the forward's two: the weights are computed again."""
        q, k, v, _, log_sums = ctx.saved_tensors
        row_sums = torch.empty_like(log_sums)
        sums = torch.empty_like(q, dtype=torch.float32)  # the queries' gradient is summed up in float32
        ctx.meter.flops += ctx.flops * 5 // 2
        found = tuple(torch.empty_like(tensor) for tensor in (q, k, v))
        del row_sums, sums
        return (*found, None)


class FusedRmsNorm(torch.autograd.Function):
    """Keeps input, weight and one number per row, as the CUDA kernel; the meta device would keep four copies of the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """An output of the input's shape."""
        ctx.save_for_backward(x, weight, x.new_empty((*x.shape[:-1], 1)))
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Of both inputs, where wanted."""
        x, weight, _ = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return torch.empty_like(x) if wanted[0] else None, torch.empty_like(weight) if wanted[1] else None


class Imitation(TorchFunctionMode):
    """Within it, the meta device stands for another one.

    Args:
        meter: counts attention.
        device: ``cuda`` or ``cpu``.
        shared: whether ranks share the weights out: each block's come in the type of the arithmetic, and go again.
    """

    def __init__(self, meter: Meter, device: str, shared: bool = False) -> None:
        super().__init__()
        self.meter, self.device, self.shared = meter, device, shared
        self._type: torch.dtype | None = None
        self._casts: dict[int, Tensor] | None = None

    @contextmanager
    def autocast(self, dtype: torch.dtype | None, *, cache: bool) -> Iterator[None]:
        """As ``torch.autocast``; ``cache`` keeps the cast weights until the end, as it does unless told otherwise."""
        before = self._type, self._casts
        self._type, self._casts = dtype, {} if cache else None
        try:
            yield
        finally:
            self._type, self._casts = before

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Cast, and replace what the other device has a kernel for."""
        kwargs = kwargs or {}
        if self._type is not None and func in LOWERED:
            args, kwargs = self._cast(args, kwargs, self._type)
        elif self._type is not None and self.device == "cuda" and func in RAISED:
            args, kwargs = self._cast(args, kwargs, torch.float32)
        if func is functional.scaled_dot_product_attention and args[0].device.type == "meta":
            return Attention.apply(*args[:3], self.meter)  # type: ignore[no-untyped-call]
        if func is functional.rms_norm and self.device == "cuda" and args[0].device.type == "meta":
            return FusedRmsNorm.apply(args[0], kwargs["weight"])  # type: ignore[no-untyped-call]
        return func(*args, **kwargs)

    def _cast(self, args: Any, kwargs: Any, dtype: torch.dtype) -> tuple[Any, Any]:
        return tuple(self._one(value, dtype) for value in args), {
            key: self._one(value, dtype) for key, value in kwargs.items()
        }

    def _one(self, value: Any, dtype: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.dtype in (dtype, torch.float64):
            return value
        weight = value.is_leaf and value.requires_grad and value.dtype == torch.float32
        if weight and self.shared:
            self.meter.exempt = True
            cast = value.to(dtype)
            self.meter.exempt = False
            return cast
        if not weight or self._casts is None:
            return value.to(dtype)
        if id(value) not in self._casts:
            self._casts[id(value)] = value.to(dtype)
        return self._casts[id(value)]


def backward(loss: Tensor) -> None:
    """As ``loss.backward()``, which would leave the ``Imitation`` that what is computed again (checkpointing) has to happen in."""
    torch.autograd.Variable._execution_engine.run_backward(
        (loss,), (torch.ones_like(loss),), False, False, (), allow_unreachable=True, accumulate_grad=True
    )
