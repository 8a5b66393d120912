"""Several processes: which one this is, a few collectives, and sharding with FSDP2.

Any launcher that sets RANK, WORLD_SIZE and LOCAL_RANK will do (torchrun, SLURM, Ray). Without one there is a single process, and every
function here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .errors import TrainError

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class World:
    """This process among all, and the device that it computes on."""

    rank: int
    size: int
    local_rank: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0


ONE = World(0, 1, 0, torch.device("cpu"))
"""A process alone."""


def _number(name: str, required: bool) -> int | None:
    value = os.environ.get(name)
    if value is None:
        if required:
            raise TrainError(
                f"{name} is not set, but WORLD_SIZE is {os.environ['WORLD_SIZE']}; start several processes with torchrun."
            )
        return None
    if not value.isdecimal():
        raise TrainError(
            f"the environment variable {name} is {value!r}, but must be a whole number; start with torchrun, which sets it."
        )
    return int(value)


def _device(name: str, local_rank: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise TrainError(f"device is {name!r}, but must be auto, cpu or cuda.")
    if not torch.cuda.is_available():
        raise TrainError(
            "device is cuda, but torch finds no GPU here; set device to cpu, or install a torch that fits the GPU's driver."
        )
    if local_rank >= torch.cuda.device_count():
        raise TrainError(
            f"LOCAL_RANK is {local_rank}, but torch finds {torch.cuda.device_count()} GPU(s) here; start one process per GPU."
        )
    return torch.device("cuda", local_rank)


def start(device: str) -> World:
    """Join the other processes, if there are any. `device` is auto, cpu or cuda.

    Raises:
        TrainError: a variable of the launcher is missing or wrong, or the device does not exist.
    """
    size = _number("WORLD_SIZE", required=False)
    if size is None:
        size = 1
    several = size > 1
    rank = _number("RANK", required=several) or 0
    local_rank = _number("LOCAL_RANK", required=several) or 0
    if rank >= max(size, 1) or size < 1:
        raise TrainError(
            f"RANK is {rank}, but must be below WORLD_SIZE, which is {size}; start with torchrun, which sets both."
        )
    world = World(rank, size, local_rank, _device(device, local_rank))
    on_gpu = world.device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(world.device)
    if several:
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            if name not in os.environ:
                raise TrainError(f"{name} is not set, but WORLD_SIZE is {size}; start several processes with torchrun.")
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            timeout=timedelta(minutes=30),
            rank=rank,
            world_size=size,
            device_id=world.device if on_gpu else None,
        )
    return world


def stop() -> None:
    """Leave the other processes, if there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def sum_over_ranks(world: World, tensor: Tensor) -> Tensor:
    """The sum over all processes: a new tensor on the world's device, without gradient."""
    total = tensor.detach().to(world.device, copy=True)
    if world.size > 1:
        dist.all_reduce(total)
    return total


def mean_over_ranks(world: World, tensor: Tensor) -> Tensor:
    """The mean over all processes; see `sum_over_ranks`."""
    assert tensor.is_floating_point()
    return sum_over_ranks(world, tensor) / world.size


def barrier(world: World) -> None:
    """Wait until every process is here."""
    if world.size > 1:
        dist.barrier()


def broadcast_object(world: World, value: Thing) -> Thing:
    """Rank 0's value on every rank. It is pickled, but travels only between our own processes."""
    if world.size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, device=world.device)
    return box[0]


def gather(world: World, tensor: Tensor) -> list[Tensor]:
    """The tensors of all processes in order, which have one shape and type, on rank 0; nothing on the others."""
    if world.size == 1:
        return [tensor]
    whole = tensor.to(world.device).contiguous()
    found = [torch.empty_like(whole) for _ in range(world.size)] if world.is_main else None
    dist.gather(whole, found, dst=0)
    return found or []


def first_problem(world: World, problem: str | None) -> str | None:
    """The first process's problem, on every rank: where one cannot continue, the others would wait for it."""
    if world.size == 1:
        return problem
    found: list[str | None] = [None] * world.size
    dist.all_gather_object(found, problem)
    return next((one for one in found if one is not None), None)


@contextmanager
def together(world: World) -> Iterator[None]:
    """Inside, one rank may do what the others do not, such as writing a file. If that fails, it fails on every rank.

    Every rank must come here; inside, none may wait for another.

    Raises:
        TrainError: what went wrong on another rank; on the one where it did, its own TrainError or OSError.
    """
    problem: TrainError | OSError | None = None
    try:
        yield
    except (TrainError, OSError) as error:
        problem = error
    told = first_problem(world, None if problem is None else str(problem))
    if problem is not None:
        raise problem
    if told is not None:
        raise TrainError(told)


def gather_objects(world: World, value: Thing) -> list[Thing]:
    """The values of all processes in order, on every rank; see `broadcast_object`."""
    found = [value] * world.size
    if world.size > 1:
        dist.all_gather_object(found, value)
    return found


def _check_dtypes(unit: nn.Module) -> None:
    from torch.distributed.tensor import DTensor

    own = {p.dtype for p in unit.parameters() if p.requires_grad and not isinstance(p, DTensor)}
    assert len(own) <= 1, f"FSDP2 reduces the gradients of a unit in one piece, but they are {own}"


def shard(root: nn.Module, units: Sequence[nn.Module], world: World, *, half: bool) -> None:
    """Shard the parameters over the processes (FSDP2): each unit in the given order, then the rest of `root`.

    Frozen and trained parameters are sharded, buffers are not. The trained parameters of a unit must have one dtype. Call it after the last
    change to the modules (LoRA, fp8) and before making an optimizer or an `Ema`.

    Args:
        root: the module whose parameters are sharded.
        units: the parts of it that are gathered one at a time.
        world: the processes.
        half: gather weights as bfloat16 and sum gradients in float32; parameters keep their dtype, and inputs theirs.
    """
    if world.size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy()
    if half:
        # Inputs keep their type: as bfloat16, a timestep of 937.5 would be 936 and the rotary tables coarse. Autocast lowers what may be.
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    mesh = init_device_mesh(world.device.type, (world.size,))
    for unit in (*units, root):
        if any(True for _ in unit.parameters()):
            _check_dtypes(unit)
            # True for the root too. Otherwise its gathered weights would survive a forward pass without a backward pass, and the next forward
            # pass would not see what an optimizer or an average wrote into the shards in the meantime.
            fully_shard(unit, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


def settle_root(root: nn.Module, method: str) -> None:
    """Let a sharded module gather for all its parts from now on, one ahead of what is computed, even if a part of it is called first.

    Args:
        root: what `shard` made the root of other sharded modules.
        method: a method of it that does nothing; torch settles roots when it sees one called.
    """
    from torch.distributed.fsdp import FSDPModule, register_fsdp_forward_method

    if isinstance(root, FSDPModule):
        register_fsdp_forward_method(root, method)
        getattr(root, method)()
