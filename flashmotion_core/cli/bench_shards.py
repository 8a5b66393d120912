"""A benchmark in parts: under torchrun, or as tasks of Ray. Each part measures its clips; then one process reads all and writes the report.

Parts share nothing but the folder of --out, which all machines must see. What a part measured of a clip is read back digit by digit, so the
report is the one that a single process writes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from ..files.named_words import split_word
from ..files.reasons import first_line
from .endings import which_memory

Shard = tuple[int, int]
WHOLE: Shard = (0, 1)


def torchrun_shard() -> Shard | None:
    """(number, of how many) as torchrun, or another launcher that sets RANK and WORLD_SIZE, started this process; None for a single one."""
    rank, count = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    return None if rank is None or count is None or int(count) < 2 else (int(rank), int(count))


def device_of(name: str) -> str:
    """The device of --device. Raises ValueError for CUDA without a GPU."""
    import torch

    there = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not there):
        return "cpu"
    if not there:
        raise ValueError("--device is cuda, but torch finds no CUDA device; use --device cpu.")
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


def under_torchrun(shard: Shard, measure: Callable[[Shard], None]) -> bool:
    """Measure this process's part and wait for the others; whether this is the process that writes the report.

    Raises ValueError as `measure` does, and where another process stopped.
    """
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=timedelta(days=7))
    stopped = torch.zeros(1)
    said: ValueError | None = None
    try:
        measure(shard)
    except ValueError as error:
        said, stopped = error, torch.ones(1)
    dist.all_reduce(stopped)
    dist.destroy_process_group()
    if said is not None:
        raise said
    if stopped.item():
        raise ValueError("another process stopped; its message says why.")
    return shard[0] == 0


def with_ray(options: argparse.Namespace, count: int, part: Callable[[argparse.Namespace, Shard], None]) -> None:
    """Measure all parts as tasks of Ray: of the cluster of RAY_ADDRESS, or of this machine.

    Args:
        options: of the command.
        count: of tasks; each takes a GPU, except with --device cpu or where there is none.
        part: a function of a module, which measures a part.

    Raises ValueError: Ray is not installed or fails, or a part stopped. Errors of files and memory are raised as they are.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            f"ray cannot be imported ({error}), but --ray needs it; run pip install ray, or use torchrun."
        ) from error
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    try:
        ray.init(log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}}, include_dashboard=False)
        gpus = 1 if options.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1 else 0
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(part)
        whole = argparse.Namespace(**{name: _absolute(value) for name, value in vars(options).items()})
        ray.get([task.remote(whole, (number, count)) for number in range(count)])
    except ray.exceptions.RayTaskError as error:
        raise of_a_part(error.cause) from error
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"Ray {_where()} failed ({first_line(error)}); mend it, or measure without --ray: what is measured is kept."
        ) from error
    finally:
        ray.shutdown()


def of_a_part(cause: BaseException | None) -> BaseException:
    """The error with which the command ends where a part of it stopped: a sentence that it wrote, or one about what it did not expect."""
    if isinstance(cause, ValueError):
        return ValueError(str(cause))
    if cause is not None and (isinstance(cause, (OSError, ModuleNotFoundError)) or which_memory(cause)):
        return cause  # every command has a sentence for it
    name = type(cause).__name__
    return ValueError(
        f"a task of Ray stopped with {name} ({first_line(cause)}); run its part alone with --shard to see where."
    )


def _where() -> str:
    address = os.environ.get("RAY_ADDRESS")
    return "on this machine" if not address else f"at RAY_ADDRESS {address}"


def _absolute(value: object) -> object:
    """Paths as every machine and folder understands them; names in front of them stay."""
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, tuple):
        return tuple(_absolute(part) for part in value)
    if isinstance(value, list):
        return [_absolute(part) for part in value]
    if isinstance(value, str):
        name, path = split_word(value)
        return value if path is None or not Path(path).exists() else f"{name}={Path(path).absolute()}"
    return value
