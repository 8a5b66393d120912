"""Time and memory of a four-step, trajectory-controlled clip on the real shapes with random weights, and of its peers.

    python bench/speed.py --quick                one GPU, under 8 minutes
    python bench/speed.py                        every size, type, mode and adapter
    python bench/speed.py --comfyui FOLDER       also ComfyUI's own graph, with and without our nodes

On a CPU it uses tiny shapes. Times are medians after a warm-up, from device events on CUDA. A umT5 encoder of the real shape encodes random
tokens, which stand in for a prompt, without the tokenizer. Loading is not timed. Where memory runs out, the row says so and the run
continues. Needs the extra [train]. Writes runs/speed.json and runs/speed.md.

"over none" is what an adapter adds to four steps; "in FLOPs" is the same, predicted from counts. "picture and boxes to mp4" is the whole job
with models loaded and text encoded. "naive" stores all residuals first. "diffusers" is its own pipeline on the same networks, without a
trajectory.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.full_size.cases import (
    ADAPTERS,
    DTYPES,
    MODES,
    PARTS,
    REAL_SIZES,
    TINY_SIZES,
    Plan,
    full_plan,
    quick_plan,
)

EXIT_WRONG_INPUT = 2


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the settings that answer the main questions")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda if available, else cpu"
    )
    parser.add_argument(
        "--shapes", choices=("auto", "real", "tiny"), default="auto", help="default: real on cuda, tiny on a cpu"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        metavar="HxWxT",
        help=f"height x width x frames (default: {' '.join(REAL_SIZES)}; tiny: {' '.join(TINY_SIZES)})",
    )
    parser.add_argument(
        "--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="dtypes of the generator (default: all)"
    )
    parser.add_argument(
        "--modes",
        nargs="+",
        choices=MODES,
        default=None,
        help="default: both; on a cpu only eager, because compiling takes minutes",
    )
    parser.add_argument("--adapters", nargs="+", choices=ADAPTERS, default=ADAPTERS, help="default: all")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="what to measure; peers are among the jobs (default: all)",
    )
    parser.add_argument(
        "--jobs",
        nargs="+",
        choices=ADAPTERS,
        metavar="ADAPTER",
        help="time whole jobs only with these adapters, and on the core's transformer if that is measured (default: all)",
    )
    parser.add_argument(
        "--hosts",
        nargs="+",
        choices=("core", "diffusers"),
        default=("core", "diffusers"),
        help="whose transformer (default: both)",
    )
    parser.add_argument(
        "--attention",
        nargs="+",
        choices=("auto", "sdpa", "cudnn", "flash3", "sage"),
        default=("auto",),
        help="kernels to measure on the core's transformer beside the one that auto takes, which on Hopper is flash3 where it is "
        "installed, else cudnn, and elsewhere sdpa (default: none)",
    )
    parser.add_argument(
        "--repeat", type=int, default=3, metavar="N", help="measured runs of each (default: %(default)s)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=None,
        metavar="SECONDS",
        help="start no further run of a piece of work once its runs took this long (default: no limit; 4 with --quick)",
    )
    parser.add_argument("--memory", type=float, metavar="GB", help="limit the GPU to this much memory")
    parser.add_argument("--comfyui", type=Path, metavar="FOLDER", help="a ComfyUI to compare with, run by this Python")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/speed"),
        metavar="STEM",
        help="STEM.json and STEM.md (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every error that a user can cause is one sentence on stderr.

    Returns:
        0, or 2 for wrong input.
    """
    options = read_options(arguments)
    try:
        run(options, shlex.join(["python", "bench/speed.py", *(sys.argv[1:] if arguments is None else arguments)]))
    except ModuleNotFoundError as error:
        print(
            f'error: {error.name} is not installed; install the extra with pip install -e ".[train]".', file=sys.stderr
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    else:
        return 0
    return EXIT_WRONG_INPUT


def run(options: argparse.Namespace, command: str) -> dict[str, Any]:
    """Measure and write; returns the report.

    Raises:
        ValueError: options contradict each other, or a size is invalid.
    """

    from bench.full_size import models, speed_report
    from bench.full_size.clock import Clock, matmul_rate
    from bench.full_size.rows import Recorder
    from bench.full_size.timing import SpeedMeasurement

    if options.repeat < 1:
        raise ValueError(f"--repeat is {options.repeat}, but must be at least 1.")
    device = _device(options.device)
    real = options.shapes == "real" or (options.shapes == "auto" and device.type == "cuda")
    shapes = models.REAL if real else models.TINY
    plan = _plan(
        options, REAL_SIZES if real else TINY_SIZES, device.type == "cuda", _attentions(options, device, shapes)
    )
    if options.comfyui is not None and not (options.comfyui / "comfy").is_dir():
        raise ValueError(
            f"{options.comfyui} is not a ComfyUI folder, because it lacks the subfolder comfy; give the folder with main.py."
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    _limit_memory(options.memory, device)
    if not real:
        print("tiny shapes: this shows that the benchmark runs, and says nothing about the real ones.")
    counts = models.parameter_counts(shapes)
    rate = matmul_rate(device)
    print(f"{rate['size']} x {rate['size']} in {rate['dtype']}: {rate['flops'] / 1e12:.4g} TFLOP/s", flush=True)
    clock = Clock(device, plan.warm_up, plan.repeat, plan.patience)

    def said(line: str) -> None:
        """Print a row, and write all rows so far: a run that is ended leaves what it has measured."""
        print(line, flush=True)
        _write(speed_report.document(recorder.rows, device, shapes.name, counts, rate, command), options.out)

    recorder = Recorder(clock, said, options.memory and options.memory * 1e9)
    SpeedMeasurement(shapes, device, recorder).everything(plan)
    if options.comfyui is not None:
        from bench.full_size.comfyui import measure as measure_comfyui

        measure_comfyui(options.comfyui, shapes, plan, recorder)
    found = speed_report.document(recorder.rows, device, shapes.name, counts, rate, command)
    _write(found, options.out)
    print(f"written: {options.out.with_suffix('.json')} and {options.out.with_suffix('.md').name}")
    return found


def _write(report: dict[str, Any], stem: Path) -> None:
    from bench.full_size import speed_report
    from bench.gpu_steps.step_record import write_result

    write_result(stem, report, speed_report.markdown(report))


def _device(name: str) -> Any:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device is cuda, but torch finds no CUDA device; use --device cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _attentions(options: argparse.Namespace, device: Any, shapes: Any) -> tuple[str, ...]:
    """The requested attentions beside the one that ``auto`` takes; one that cannot run is an error, as in the headless command."""
    import torch

    from flashmotion_core.acceleration.attention import choose_attention

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    size = shapes.generator.head_dim
    usual, *others = (choose_attention(name, device, dtype, size).name for name in ("auto", *options.attention))
    return tuple(name for name in dict.fromkeys(others) if name != usual)


def _plan(options: argparse.Namespace, sizes: Sequence[str], cuda: bool, attentions: tuple[str, ...]) -> Plan:
    sizes = options.sizes or sizes
    modes = options.modes or (MODES if cuda else MODES[:1])
    if options.quick:
        plan = quick_plan(sizes, MODES if cuda else modes, options.repeat, attentions)
    else:
        plan = full_plan(sizes, options.dtypes, modes, options.adapters, options.hosts, options.repeat, attentions)
    jobs = plan.job_settings
    if options.jobs is not None:
        host = "core" if "core" in options.hosts else "diffusers"
        jobs = tuple(job for job in jobs if job.adapter in options.jobs and job.host == host)
    patience = plan.patience if options.patience is None else options.patience
    return dataclasses.replace(plan, parts=tuple(options.parts), job_settings=jobs, patience=patience)


def _limit_memory(gigabytes: float | None, device: Any) -> None:
    import torch

    if gigabytes is None:
        return
    if device.type != "cuda":
        raise ValueError(f"--memory is {gigabytes:g}, but only a CUDA device's memory can be limited; leave it out.")
    total = torch.cuda.get_device_properties(device).total_memory
    if not 0 < gigabytes * 1e9 <= total:
        raise ValueError(f"--memory is {gigabytes:g}, but this card has {total / 1e9:.0f} GB; give less.")
    torch.cuda.set_per_process_memory_fraction(gigabytes * 1e9 / total)


if __name__ == "__main__":
    sys.exit(main())
