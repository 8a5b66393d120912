"""Checkpointed blocks give the same gradients and keep less in memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train.engine.checkpointing import checkpoint_blocks

from ...support.sentences import refuses


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16), nn.Tanh())
        self.calls = 0

    def forward(self, x: Tensor, shift: Tensor, *, scale: float, mask: Tensor | None = None) -> Tensor:
        self.calls += 1
        y = x + scale * self.layers(x + shift)
        return y if mask is None else y * mask


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, x: Tensor, shift: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, shift, scale=0.5, mask=torch.ones(16))
        return x


def run(net: Net) -> tuple[list[Tensor], int]:
    """(gradients of inputs and weights, bytes that autograd keeps)."""
    x = torch.linspace(-1, 1, 32 * 16).reshape(32, 16).requires_grad_()
    shift = torch.ones(16, requires_grad=True)
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = net(x, shift).square().sum()
    loss.backward()
    gradients = [x.grad, shift.grad, *(parameter.grad for parameter in net.parameters())]
    return [gradient for gradient in gradients if gradient is not None], sum(kept.values())


@pytest.mark.parametrize("offload", [False, True])
def test_same_gradients_and_fewer_bytes(offload: bool) -> None:
    plain, plain_bytes = run(Net())
    net = Net()
    checkpoint_blocks(net.blocks, offload=offload)
    gradients, kept_bytes = run(net)
    assert [block.calls for block in net.blocks] == [2, 2, 2]
    assert len(gradients) == len(plain) == 14
    for gradient, expected in zip(gradients, plain, strict=True):
        assert torch.equal(gradient, expected)
    assert kept_bytes < 0.5 * plain_bytes


def test_nothing_changes_without_gradients() -> None:
    net = Net()
    checkpoint_blocks(net.blocks)
    with torch.no_grad():
        out = net(torch.ones(1, 16), torch.ones(16))
    assert torch.equal(out, Net()(torch.ones(1, 16), torch.ones(16)))
    assert [block.calls for block in net.blocks] == [1, 1, 1]


def test_the_contexts_surround_forward_and_repetition() -> None:
    entered: list[str] = []

    class Note:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            entered.append(self.name)

        def __exit__(self, *_: Any) -> None:
            pass

    net = Net()
    checkpoint_blocks(net.blocks, contexts=lambda: (Note("forward"), Note("again")))
    run(net)
    assert entered == ["forward"] * 3 + ["again"] * 3


def test_twice_is_refused() -> None:
    net = Net()
    checkpoint_blocks(net.blocks)
    with refuses(AssertionError, key="checkpointed twice"):
        checkpoint_blocks(net.blocks)
