"""Activation checkpointing: a block keeps only its inputs, and computes the rest again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import save_on_cpu
from torch.utils.checkpoint import checkpoint, noop_context_fn

Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]


def checkpoint_blocks(blocks: Iterable[nn.Module], *, offload: bool = False, contexts: Contexts | None = None) -> None:
    """Checkpoint each block whenever gradients are on; without gradients nothing changes.

    A block must be deterministic (no dropout), because random state is not kept. Call it once, before or after `parallel.shard`.

    Args:
        blocks: the blocks to checkpoint.
        offload: keep the inputs of the blocks on the CPU, in pinned memory if there is a GPU.
        contexts: makes the context managers for the forward pass and for its repetition; see `lora.contexts`.
    """
    for block in blocks:
        assert "forward" not in vars(block), "checkpointed twice"
        block.forward = _checkpointed(block.forward, offload, contexts or noop_context_fn)


def _checkpointed(inner: Callable[..., Any], offload: bool, contexts: Contexts) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return inner(*args, **kwargs)
        # Whatever is stored inside goes through the hooks of checkpoint itself, so only the block's inputs reach those of save_on_cpu.
        with save_on_cpu(pin_memory=torch.cuda.is_available()) if offload else nullcontext():
            return checkpoint(
                inner, *args, use_reentrant=False, preserve_rng_state=False, context_fn=contexts, **kwargs
            )

    return forward
