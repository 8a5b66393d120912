"""Everything that only a GPU can tell, in numbered steps of less than 9 minutes each.

    python bench/on_gpu.py                           all steps; run it again to continue
    python bench/on_gpu.py speed training_stage2     a group, a step (or its number), done again
    python bench/on_gpu.py --list                    the steps, what each needs, and what is missing here
    python bench/on_gpu.py --rehearse                everything on a CPU with tiny shapes

A step runs in a process of its own, which is ended at its limit, and leaves bench/results/CARD/STEP.json and .md at once. A step that fails
does not stop the rest. Steps that are done are not repeated unless they are named. At the end, two tables say what was done and which goals
were met. No network and no set-up is needed: what is missing is named, and its steps are left out, or take wheels and a ComfyUI from folders.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

if TYPE_CHECKING:
    from bench.gpu_steps.gpu_step import GpuStep, Surroundings

EXIT_FAILED, EXIT_WRONG_INPUT = 1, 2


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="numbers, names or groups (default: all)")
    parser.add_argument("--again", action="store_true", help="repeat steps that are done")
    parser.add_argument("--list", action="store_true", help="print the steps and what they need, and stop")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU with tiny shapes; compiles nothing")
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="FOLDER",
        help="install what is missing from the wheels in this folder, into an environment of its own",
    )
    parser.add_argument("--comfyui", type=Path, metavar="FOLDER", help="a ComfyUI to compare with")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="for results (default: bench/results; in a rehearsal runs/on_gpu/rehearsal)",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "runs/on_gpu",
        metavar="FOLDER",
        help="for logs and unfinished work (default: runs/on_gpu)",
    )
    parser.add_argument(
        "--limit", type=float, metavar="SECONDS", help="for each step (default: 510, and 25 to save what it has)"
    )
    parser.add_argument("--minutes", type=float, help="start no step that might end later than after this many minutes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, 1 if a step failed or was ended at its limit, or 2 for wrong input.
    """
    try:
        return run(read_options(arguments))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue.", file=sys.stderr)
    return EXIT_WRONG_INPUT


def run(options: argparse.Namespace) -> int:
    """Do the steps and print the tables.

    Raises:
        ValueError: an unknown step, no GPU, or a folder that is not what it should be.
    """
    from bench.gpu_steps.gpu_run import GpuRun, results_folder
    from bench.gpu_steps.gpu_step import LIMIT_S, choose
    from bench.gpu_steps.gpu_step_list import STEPS

    steps = choose(STEPS, options.steps)
    if options.comfyui is not None and not (options.comfyui / "comfy").is_dir():
        raise ValueError(
            f"--comfyui is {options.comfyui}, which lacks the subfolder comfy; give ComfyUI's folder, the one with main.py."
        )
    if options.wheels is not None and not any(options.wheels.glob("*.whl")):
        raise ValueError(f"--wheels is {options.wheels}, which holds no .whl files; give the folder of the wheels.")
    limit = LIMIT_S if options.limit is None else options.limit
    if not 0 < limit <= LIMIT_S:
        raise ValueError(f"--limit is {limit:g}, but must be above 0 and at most {LIMIT_S} seconds.")
    there = surroundings(options)
    if options.list:
        print_list(STEPS, there)
        return 0
    if "torch" in there.missing:
        raise ValueError(
            f"torch is not installed for {there.python}; run this command with a Python that has torch with CUDA."
        )
    if not options.rehearse and "memory_bytes" not in there.card:
        raise ValueError(
            "torch finds no CUDA device here; run it on a machine with a GPU, or try everything on tiny shapes with --rehearse."
        )
    out = options.out or ROOT / ("runs/on_gpu/rehearsal" if options.rehearse else "bench/results")
    results = results_folder(out, there)
    there = dataclasses.replace(there, work=options.work.resolve() / results.name)
    gpu_run = GpuRun(there, results, show, limit_s=limit, minutes=options.minutes)
    records = [gpu_run.do(step, again=options.again or bool(options.steps)) for step in steps]
    print_table(("step", "outcome", "seconds", "results", ""), (record.row(results) for record in records))
    print_goals(results, there)
    return EXIT_FAILED if any(record.outcome in ("failed", "ended at its limit") for record in records) else 0


def surroundings(options: argparse.Namespace) -> Surroundings:
    """The machine, after wheels are installed."""
    from bench.gpu_steps import card, wheels
    from bench.gpu_steps.gpu_step import Surroundings
    from bench.gpu_steps.gpu_step_list import MODULES

    python = sys.executable
    found = card.describe(python, MODULES)
    if options.wheels is not None:
        python = str(wheels.environment(options.work.resolve() / "environment"))
        wanted = found["missing"] + (wheels.required(options.comfyui) if options.comfyui else [])
        for problem in wheels.install(Path(python), options.wheels.resolve(), dict.fromkeys(wanted)):
            show(problem + "\n")
        found = card.describe(python, MODULES)
    missing = frozenset(found.pop("missing"))
    if options.rehearse:
        found = {key: value for key, value in found.items() if key not in ("name", "memory_bytes", "cuda", "driver")}
    comfyui = None if options.comfyui is None else options.comfyui.resolve()
    return Surroundings(python, found, missing, options.rehearse, comfyui, options.work)


def print_list(steps: Sequence[GpuStep], there: Surroundings) -> None:
    """Number, name, title and needs of every step, and what is missing here."""
    from bench.gpu_steps.gpu_step_list import CORE

    print(f"Every step needs {', '.join(CORE)}.")
    print_table(
        ("", "step", "what it does", "also needs", "here"),
        (
            (
                str(number),
                step.name,
                step.title,
                ", ".join([name for name in step.needs if name not in CORE] + ["--comfyui"] * step.wants_comfyui),
                _here(step, there),
            )
            for number, step in enumerate(steps, 1)
        ),
    )


def _here(step: GpuStep, there: Surroundings) -> str:
    if "memory_bytes" not in there.card and not there.rehearse:
        there = dataclasses.replace(there, card={"memory_bytes": float("inf")})
    return f"left out: {step.lacks(there)}" if step.lacks(there) else step.reduced(there) or "runs"


def print_goals(results: Path, there: Surroundings) -> None:
    """What the results on this card say about the goals, also those of earlier calls."""
    from bench.gpu_steps.goals import GOALS
    from bench.gpu_steps.gpu_step_list import STEPS
    from bench.gpu_steps.step_record import StepRecord

    kept = [record for step in STEPS if (record := StepRecord.read(results, step.name)) is not None]
    name = there.card.get("name", "CPU")
    print(f"\ngoals at 1280 x 704 and 121 frames, on {name}")
    print_table(("goal", "verdict"), ((goal.text, goal.verdict(kept, name)) for goal in GOALS))


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns, two spaces apart."""
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def show(text: str) -> None:
    """Print what a step says, as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
