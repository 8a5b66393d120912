"""Ray Train, on a Ray cluster: python train/launch/ray_job.py --workers 8 --config h100x8 --run /shared/runs/mine

Needs `pip install "ray[train]"`. `--workers` (one GPU each) and `--cpu` are for Ray, the rest goes to run_all.py. The repository and the
run folder have the same path on every machine. Where a worker fails or is preempted, all are started again, up to three times, and resume
from the last checkpoint.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

import torch.distributed as dist

ROOT = Path(__file__).resolve().parents[2]


def work(settings: dict[str, list[str]]) -> None:
    """What each worker does: the command line of run_all.py, as one rank of many."""
    # Ray has set RANK, WORLD_SIZE, LOCAL_RANK and MASTER_ADDR and made a process group, which training wants to make itself. It is used
    # once, to agree on a port: that of Ray's own group may be taken until this process ends.
    with socket.socket() as free:
        free.bind(("", 0))
        port = [free.getsockname()[1]]
    dist.broadcast_object_list(port)
    dist.destroy_process_group()
    os.environ["MASTER_PORT"] = str(port[0])
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    from train.command import main

    if code := main(settings["arguments"]):
        raise RuntimeError(f"training ended with exit code {code}; the log of rank 0 says why.")


def main() -> int:
    """Run the command; see the module."""
    options = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    options.add_argument("--workers", type=int, required=True, help="processes in all, one per GPU")
    options.add_argument(
        "--cpu", action="store_true", help="without GPUs; add device=cpu where the configuration says otherwise"
    )
    ours, arguments = options.parse_known_args()
    try:
        import ray.train  # type: ignore[import-not-found, unused-ignore]
        from ray.train.torch import TorchConfig, TorchTrainer  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        sys.stderr.write(
            f'training on Ray needs it ({error}); run `pip install "ray[train]"` with the Python that will train.\n'
        )
        return 1
    from ray.exceptions import RayError  # type: ignore[import-not-found, unused-ignore]
    from ray.train.v2.api.exceptions import RayTrainError  # type: ignore[import-not-found, unused-ignore]

    try:
        TorchTrainer(
            work,
            train_loop_config={"arguments": arguments},
            torch_config=TorchConfig(backend="gloo"),  # of the group that is thrown away
            scaling_config=ray.train.ScalingConfig(num_workers=ours.workers, use_gpu=not ours.cpu),
            run_config=ray.train.RunConfig(failure_config=ray.train.FailureConfig(max_failures=3)),
        ).fit()
    except (RayError, RayTrainError, ConnectionError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines[-1] if lines else type(error).__name__).rstrip(".")
        sys.stderr.write(
            f"error: training on Ray failed ({reason}); mend that and run the command again: it continues from the last checkpoint.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
