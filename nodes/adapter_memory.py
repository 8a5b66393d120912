"""ComfyUI's estimate of the memory that sampling needs, with the adapters' part in it.

ComfyUI frees and keeps free what ``BaseModel.memory_required`` says, and takes nothing of what a wrapper does into account. A card that is
filled to that estimate would run out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import comfy.model_management

from ..flashmotion_core.adapters import ReusingAdapter


def needed(adapters: Iterable[ReusingAdapter], shape_BCFHW: Sequence[int], size: int) -> int:
    """Bytes that adapters need beside the generator, their weights left out.

    Args:
        adapters: all that one pass runs through.
        shape_BCFHW: shape of a pass's latent.
        size: bytes of a number.
    """
    batch, _, *grid = shape_BCFHW
    found = [adapter.footprint(batch, (grid[0], grid[1], grid[2]), size) for adapter in adapters]
    # Each holds its own from block to block; only one computes a residual at a time.
    return sum(each.held for each in found) + max((each.passing for each in found), default=0)


def counting(executor: Any, adapters: Iterable[ReusingAdapter], model: Any, *args: Any, **kwargs: Any) -> Any:
    """Let ComfyUI prepare a sampling run with an estimate that knows the adapters.

    Args:
        executor: of ComfyUI's ``PREPARE_SAMPLING``.
        adapters: all that are on in this run.
        model: the ModelPatcher that is about to be loaded.
        args: the rest of what ComfyUI calls with.
        kwargs: likewise.
    """
    base, adapters = model.model, list(adapters)
    plain = base.memory_required
    size = comfy.model_management.dtype_size(base.get_dtype_inference())

    def with_adapters(input_shape: Sequence[int], *rest: Any, **options: Any) -> Any:
        return plain(input_shape, *rest, **options) + needed(adapters, input_shape, size)

    base.memory_required = with_adapters  # hides the class's method for as long as the estimate is made
    try:
        return executor(model, *args, **kwargs)
    finally:
        del base.memory_required
