"""Regional ``torch.compile``: the blocks of a transformer, one by one, and nothing around them.

All blocks share one compiled program, so compiling takes as long as for one block. Only ``forward`` is compiled, not the call around it:
adapters add their residuals by hooks that change in every step, and compiled hooks would be compiled anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable
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


def plain_blocks(blocks: Iterable[nn.Module]) -> None:
    """Undo ``compile_blocks``; blocks that were not compiled stay as they are."""
    for block in blocks:
        block.__dict__.pop("forward", None)
