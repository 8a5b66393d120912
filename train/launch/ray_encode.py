"""Encode clips on a Ray cluster, without training: python train/launch/ray_encode.py --workers 8 --config h100x8 --run /shared/runs/mine

Needs `pip install "ray[data]"`. `--workers` (one GPU each) and `--cpu` are for Ray, the rest as for run_all.py. It does the phases up to
`data`: those before it here, and the encoding by Ray Data on as many machines as there are, with the code that run_all.py uses. The
repository and the run folder have the same path on every machine. Stop it or lose machines at any time: run again, it continues, and
run_all.py with the same options then trains.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 4
"""Clips that a worker takes at a time."""

if TYPE_CHECKING:
    from train.config.schema import Config
    from train.data.encode import Crew
    from train.data.sources import Source
    from train.run_folder.run import Run


class Encoder:
    """A worker of the cluster, with its own codec and text encoder."""

    def __init__(self, config: Config, run_folder: Path, source: Source, folder: Path, mark: str, device: str) -> None:
        from train.monitor.console import Console
        from train.parallel import start
        from train.run_folder.artifacts import Artifacts
        from train.run_folder.encoding import own_crew
        from train.run_folder.run import Run

        # A worker is one of Ray's and no rank, whatever the machine's variables say.
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            os.environ.pop(name, None)
        alone = config.model_copy(update={"data": config.data.model_copy(update={"workers": 0})})
        run = Run(alone, run_folder, start(device), Console.silent())
        self.crew = own_crew(run, Artifacts(run), source, folder, mark)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Encode the clips of a batch; says why one cannot be used, and why none of the rest can."""
        indices, problems, failure = [int(index) for index in batch["index"]], dict[int, str](), ""
        try:
            for index, problem in self.crew(indices):
                problems[index] = problem or ""
        except ValueError as error:  # all that a maker can mend
            failure = str(error)
        return {
            "index": indices,
            "problem": [problems.get(index, "") for index in indices],
            "failure": [failure] * len(indices),
        }


def crew_of(config: Config, run_folder: Path, workers: int, cpu: bool, source: Source, folder: Path, mark: str) -> Crew:
    """A crew of Ray's workers."""
    import ray.data

    from train.errors import TrainError

    def crew(indices: Sequence[int]) -> Generator[tuple[int, str | None], None, None]:
        if not indices:
            return
        rows = ray.data.from_items([{"index": int(index)} for index in indices], override_num_blocks=len(indices))
        encoded = rows.map_batches(
            Encoder,
            fn_constructor_args=(config, run_folder, source, folder, mark, "cpu" if cpu else "cuda"),
            batch_size=AT_ONCE,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
            num_gpus=0 if cpu else 1,
            num_cpus=1,
        )
        try:
            for row in encoded.iter_rows():
                if row["failure"]:
                    raise TrainError(row["failure"])
                yield int(row["index"]), row["problem"] or None
        except failures() as error:
            raise TrainError(
                f"encoding on Ray failed ({reason_of(error)}); mend that and run the command again: clips that are done are kept."
            ) from error

    return crew


def failures() -> tuple[type[Exception], ...]:
    """What Ray raises where a worker, a machine or Ray itself fails."""
    from ray.data.exceptions import ExecutionTimeoutError, SystemException
    from ray.exceptions import RayError

    return RayError, ExecutionTimeoutError, SystemException


def reason_of(error: BaseException) -> str:
    """The last words of the innermost cause: Ray wraps an error of a worker into several others, with their tracebacks."""
    seen = {id(error)}
    while True:
        inner = getattr(error, "cause", None) or error.__cause__
        if not isinstance(inner, BaseException) or id(inner) in seen or not str(inner).strip():
            break
        seen.add(id(inner))
        error = inner
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")


def start_ray(cpu: bool) -> None:
    """Join the cluster that Ray finds, or make one of this machine.

    Raises:
        TrainError: Ray cannot be reached or started, or the cluster has no GPU.
    """
    import ray.data

    from train.errors import TrainError

    known: tuple[type[Exception], ...] = (*failures(), OSError, RuntimeError, ValueError)
    if not ray.is_initialized():
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        try:
            ray.init(
                runtime_env={"env_vars": {"PYTHONPATH": paths}},
                log_to_driver=False,
                logging_level="error",
                include_dashboard=False,
            )
        except known as error:
            where = os.environ.get("RAY_ADDRESS", "none")
            raise TrainError(
                f"Ray cannot be started (RAY_ADDRESS is {where}: {reason_of(error)}); start the cluster with ray start, or correct the address."
            ) from error
    if not cpu and not ray.cluster_resources().get("GPU"):
        raise TrainError("Ray knows of 0 GPUs, but each worker takes one; add machines with GPUs, or give --cpu.")
    # Ray Data shows its own progress and writes its own logs; ours is enough.
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel("ERROR")


def encode_on_ray(run: Run, workers: int, cpu: bool) -> None:
    """What the phase `data` does, by workers of the cluster."""
    from train.run_folder.encoding import encode

    encode(run, partial(crew_of, run.config, run.folder.absolute(), workers, cpu))


def main(arguments: Sequence[str]) -> int:
    """Run the command; see the module. Returns the exit code of run_all.py."""
    from train.command import count
    from train.command import main as run_until

    options = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    options.add_argument("--workers", type=count, required=True, help="workers in all, one per GPU")
    options.add_argument("--cpu", action="store_true", help="without GPUs")
    ours, rest = options.parse_known_args(arguments)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        sys.stderr.write(
            f'encoding on Ray needs it ({error}); run `pip install "ray[data]"` with the Python that will encode.\n'
        )
        return 1
    try:
        start_ray(ours.cpu)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return run_until(rest, until="data", instead={"data": partial(encode_on_ray, workers=ours.workers, cpu=ours.cpu)})


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
