"""Queries, keys and values in one matrix product, for a generator that only runs: joined in memory, once, after loading.

The state dict keeps the original names, so what is saved is the same file. Adapters' hooks are on blocks, which stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .block import AttentionLayer


class FusedAttentionLayer(AttentionLayer):
    """An ``AttentionLayer`` whose projections of one input are one layer: ``qkv``, or ``kv`` beside ``q`` where keys come from text."""

    def __init__(self, layer: AttentionLayer, names: str) -> None:
        """Join some of a layer's projections; the others, its norms and its attention are taken as they are.

        Args:
            layer: with frozen projections of class ``nn.Linear``.
            names: ``qkv`` for self-attention, ``kv`` for cross-attention.
        """
        nn.Module.__init__(self)
        self.qkv: Any
        self.kv: Any
        self.heads, self.attention, self.names = layer.heads, layer.attention, names
        for name, child in layer.named_children():
            if name not in names:
                setattr(self, name, child)
        setattr(self, names, _joined([getattr(layer, name) for name in names]))
        self.register_state_dict_post_hook(_split_keys)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_join_keys)  # type: ignore[no-untyped-call]

    def project(self, x_BLD: Tensor, context_BMD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See ``AttentionLayer.project``; ``qkv`` takes the context only, as the two are one there."""
        if self.names == "qkv":
            q, k, v = self.qkv(context_BMD).chunk(3, dim=-1)
        else:
            q = self.q(x_BLD)
            k, v = self.kv(context_BMD).chunk(2, dim=-1)
        return q, k, v


def fuse_projections(blocks: Iterable[nn.Module]) -> None:
    """Join the projections of every block, in place; a block that is fused already stays as it is.

    Args:
        blocks: ``WanBlock``, frozen, such as ``WanGenerator.blocks``; one is joined after the other, so that memory grows by one layer.
    """
    for block in blocks:
        for place, names in (("self_attn", "qkv"), ("cross_attn", "kv")):
            layer = getattr(block, place)
            if not isinstance(layer, FusedAttentionLayer):
                setattr(block, place, FusedAttentionLayer(layer, names))


@torch.no_grad()
def _joined(linears: list[Any]) -> nn.Linear:
    assert all(type(linear) is nn.Linear and not linear.weight.requires_grad for linear in linears)
    first = linears[0]
    with torch.device("meta"):
        joined = nn.Linear(first.in_features, len(linears) * first.out_features)
    joined.weight = nn.Parameter(torch.cat([linear.weight for linear in linears]), requires_grad=False)
    joined.bias = nn.Parameter(torch.cat([linear.bias for linear in linears]), requires_grad=False)
    return joined


def _split_keys(layer: Any, state_dict: dict[str, Any], prefix: str, local_metadata: Any) -> None:
    """Every tensor of the joined layer (a quantised one has scales too) has the rows of its parts one after the other."""
    start = f"{prefix}{layer.names}."
    for key in [key for key in state_dict if key.startswith(start)]:
        for name, part in zip(layer.names, state_dict.pop(key).chunk(len(layer.names)), strict=True):
            # A copy: a file must not hold two tensors of one memory.
            state_dict[f"{prefix}{name}.{key.removeprefix(start)}"] = part.clone()


def _join_keys(layer: Any, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    for leaf, _unused in list(getattr(layer, layer.names).state_dict().items()):
        keys = [f"{prefix}{name}.{leaf}" for name in layer.names]
        if all(key in state_dict for key in keys):
            state_dict[f"{prefix}{layer.names}.{leaf}"] = torch.cat([state_dict.pop(key) for key in keys])
