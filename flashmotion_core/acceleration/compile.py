"""Regional ``torch.compile``: the blocks of a transformer or the parts of a decoder, one by one, and nothing around them.

All blocks share one compiled program, so compiling takes as long as for one block. Only ``forward`` is compiled, not the call around it:
adapters add their residuals in hooks that change at every step, and compiled hooks would be recompiled each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

import torch
from torch import nn


def compile_blocks(blocks: Iterable[nn.Module], **options: Any) -> None:
    """Compile every block's ``forward`` at its first call, once for each shape.

    Args:
        blocks: modules of one class, such as ``transformer.blocks``; changed in place, ``plain_blocks`` undoes it.
        options: for ``torch.compile``, such as ``mode`` or ``backend``.
    """
    for block in blocks:
        block.__dict__["forward"] = torch.compile(type(block).forward.__get__(block), dynamic=False, **options)


def compile_parts(parts: Iterable[nn.Module], **options: Any) -> None:
    """Compile modules that have less in common than blocks, such as the parts of a decoder, each separately.

    torch counts the compiled programs of each code object and falls back to eager after eight. Parts of one class share a function but neither
    shapes nor carried frames, so each part gets its own copy of the function, with its own count.

    Args:
        parts: changed in place, ``plain_blocks`` undoes it.
        options: for ``torch.compile``, such as ``mode`` or ``backend``.
    """
    for part in parts:
        own = _copy(type(part).forward)
        part.__dict__["forward"] = torch.compile(own.__get__(part), dynamic=False, **options)


def _copy(function: Callable[..., Any]) -> Any:
    """A copy of the function with its own code object, the unit that torch counts by."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def plain_blocks(blocks: Iterable[nn.Module]) -> None:
    """Undo ``compile_blocks`` and ``compile_parts``; blocks that were not compiled stay as they are."""
    for block in blocks:
        block.__dict__.pop("forward", None)
