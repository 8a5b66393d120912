"""One process that shards and reduces as several would: ``python -m tests.support.one_rank DEVICE``. Prints ``alike`` and the backend."""

from __future__ import annotations

import copy
import os
import socket
import sys

import torch
import torch.distributed as dist
from torch import nn


def main() -> None:
    """Compare a step of sharded blocks with one of plain blocks, under NCCL on a GPU and gloo on a CPU."""
    device = torch.device(sys.argv[1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(
        backend, rank=0, world_size=1, device_id=torch.device("cuda", 0) if backend == "nccl" else None
    )
    total = torch.ones(4, device=device)
    dist.all_reduce(total)
    box = ["sent"]
    dist.broadcast_object_list(box, src=0, device=device)
    assert total.sum() == 4
    assert box == ["sent"]

    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    plain = nn.Sequential(*(nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(3))).to(device)
    sharded = copy.deepcopy(plain)
    mesh = init_device_mesh(device.type, (1,))
    for part in (*sharded, sharded):
        fully_shard(part, mesh=mesh)
    x = torch.randn(8, 64, device=device)
    for module in (plain, sharded):
        module(x).square().mean().backward()
    for ours, theirs in zip(sharded.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.full_tensor(), theirs)
        torch.testing.assert_close(ours.grad.full_tensor(), theirs.grad, rtol=1e-5, atol=1e-7)
    dist.destroy_process_group()
    print("alike", backend)


if __name__ == "__main__":
    main()
