"""What training uses of a GPU: fused AdamW, pinned offload, batches and sharding."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train.engine.checkpointing import checkpoint_blocks
from train.engine.optim import clip, load_optimizer_state, make_optimizer, optimizer_state

from ..conftest import ROOT

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")


def blocks() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.Tanh()) for _ in range(4)))


def optimizer_of(module: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    return make_optimizer("adamw", dict(module.named_parameters()), lr=1e-2, betas=(0.9, 0.95), device=device)


def step(module: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> Tensor:
    device = next(module.parameters()).device
    x = torch.randn(16, 64, generator=torch.Generator().manual_seed(number)).to(device)
    optimizer.zero_grad()
    module(x).square().mean().backward()
    norm = clip(module.parameters(), 0.05)
    optimizer.step()
    return norm.cpu()


def test_fused_adamw_takes_the_steps_of_the_plain_one(device: torch.device) -> None:
    ours, theirs = blocks(), blocks().to(device)
    plain, fused = optimizer_of(ours, CPU), optimizer_of(theirs, device)
    assert bool(fused.defaults["fused"]) == (device.type == "cuda")
    for number in range(5):
        torch.testing.assert_close(step(theirs, fused, number), step(ours, plain, number), rtol=1e-4, atol=1e-6)
    # Adam divides by the size of gradients, so a weight whose gradient is almost zero may end elsewhere: compared is where all went together.
    for moved, expected, start in zip(theirs.parameters(), ours.parameters(), blocks().parameters(), strict=True):
        assert (moved.cpu() - expected).norm() < 1e-3 * (expected - start).norm()
    assert not torch.equal(next(ours.parameters()), next(blocks().parameters()))


def test_a_restored_fused_optimizer_continues_bit_equal(device: torch.device) -> None:
    module = blocks().to(device)
    optimizer = optimizer_of(module, device)
    for number in range(3):
        step(module, optimizer, number)
    saved = copy.deepcopy(optimizer_state(dict(module.named_parameters()), optimizer))
    other = copy.deepcopy(module)
    restored = optimizer_of(other, device)
    load_optimizer_state(dict(other.named_parameters()), restored, saved)
    for number in range(3, 5):
        step(module, optimizer, number)
        step(other, restored, number)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


def gradients(module: nn.Module, device: torch.device) -> list[Tensor]:
    x = torch.randn(256, 64, generator=torch.Generator().manual_seed(7)).to(device).requires_grad_()
    module(x).square().mean().backward()
    assert x.grad is not None
    return [x.grad, *(parameter.grad for parameter in module.parameters() if parameter.grad is not None)]


def test_pinned_offload_gives_the_same_gradients(device: torch.device) -> None:
    plain = blocks().to(device)
    offloaded = copy.deepcopy(plain)
    checkpoint_blocks(offloaded, offload=True)
    expected, found = gradients(plain, device), gradients(offloaded, device)
    assert len(found) == len(expected) == 17
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_offloaded_inputs_leave_the_gpu(device: torch.device) -> None:
    if device.type != "cuda":
        pytest.skip("only a GPU's memory is counted")
    held = []
    for offload in (False, True):
        module = nn.Sequential(*(nn.Sequential(nn.Linear(256, 256), nn.Tanh()) for _ in range(8))).to(device)
        checkpoint_blocks(module, offload=offload)
        x = torch.ones(4096, 256, device=device, requires_grad=True)
        before = torch.cuda.memory_allocated()
        loss = module(x).sum()
        held.append(torch.cuda.memory_allocated() - before)
        loss.backward()
        assert x.grad is not None
    assert held[1] < 0.5 * held[0]


def test_autocast_in_bfloat16_is_close_to_float32_on_a_cpu(device: torch.device) -> None:
    ours, theirs = blocks(), blocks().to(device)
    expected = gradients(ours, CPU)
    with torch.autocast(device.type, torch.bfloat16):
        found = gradients(theirs, device)
    for half, whole in zip(found, expected, strict=True):
        assert (half.float().cpu() - whole).norm() < 0.05 * whole.norm() + 1e-6


def test_a_batch_arrives_whole_through_pinned_memory(device: torch.device) -> None:
    pytest.importorskip("pydantic")
    from train.data.encoded import Batch

    random = torch.Generator().manual_seed(0)
    values: list[Any] = [torch.randn(2, 48, 3, 4, 4, generator=random) for _ in range(3)]
    batch = Batch(*values, torch.ones(2, 1, 3, 4, 4), torch.randn(2, 5, 8, generator=random), ["a", "b"])
    moved = batch.to(device)
    assert moved.latent_BCFHW.device.type == device.type
    assert torch.equal(moved.latent_BCFHW.cpu(), batch.latent_BCFHW)
    assert torch.equal(moved.context_BMT.cpu(), batch.context_BMT)


@pytest.mark.skipif(sys.platform == "win32", reason="needs NCCL or gloo")
def test_one_rank_shards_and_reduces(device: torch.device) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "tests.support.one_rank", device.type]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == ["alike", "nccl" if device.type == "cuda" else "gloo"]
