"""The whole run from top to bottom: the checks, the phases in order, and how it ends."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flashmotion_core.files.reasons import first_line

from .errors import TrainError, TrainingStopped
from .monitor.console import Console

if TYPE_CHECKING:
    from .run_folder.run import Run

ENDS = {"done": "done", "begun": "to be continued", "open": "to do", "other": "done with other settings"}
KNOBS = (
    "try in this order: a smaller micro_batch, memory.checkpointing=true, memory.offload=true, memory.fp8=true, memory.optimizer=adamw8bit, a "
    "smaller data.size or data.frames (--plan shows what each saves)"
)


def run_all(options: argparse.Namespace, instead: Mapping[str, Callable[[Run], None]]) -> int:
    """Do the whole run, some phases in another way. Returns the exit code: 0, 1 after a sentence that says what is wrong, or 130 after Ctrl+C."""
    from . import parallel

    # Under autocast, torch warns about every norm with float32 weights and another input type, although it works.
    warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
    console = Console()
    try:
        return _tell(options, console, instead)
    except TrainingStopped as error:
        console.say(f"stopped: {error}")
    except ValueError as error:  # also those that the core raises
        if options.traceback:
            raise
        console.say(f"error: {error}")
    except OSError as error:  # of a file that nobody expected to fail
        if options.traceback or error.filename is None:
            raise
        console.say(
            f"error: {error.filename} cannot be read or written ({error.strerror}); check its disk and permissions, and run the command again."
        )
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError" or options.traceback:
            raise
        console.say(f"error: the GPU is out of memory ({first_line(error)}); {KNOBS}.")
    except KeyboardInterrupt:
        console.say("interrupted; run the same command again to continue.")
        return 130
    finally:
        parallel.stop()
    return 1


def _tell(options: argparse.Namespace, console: Console, instead: Mapping[str, Callable[[Run], None]]) -> int:
    from . import parallel
    from .config.load import load
    from .config.phases import phases_of
    from .plan.check import check
    from .plan.show import show_plan
    from .publish.export import check_models_folder, copy_to_comfyui
    from .run_folder.changes import keep_change, read_changes
    from .run_folder.run import Run
    from .story import fingerprints_before, run_phases

    config = load(options.config, options.overrides)
    if options.export_to is not None:
        check_models_folder(options.export_to)
    # A look at the clips needs no GPU, even where training does.
    world = parallel.start("cpu" if options.plan else "auto" if options.preview else config.device)
    folder = options.run or Path("runs") / config.name
    # What was changed on the way; only the first rank looks, as it may add to it.
    with parallel.together(world):
        kept = read_changes(folder) if world.is_main else []
    kept = parallel.broadcast_object(world, kept)
    changes = [*kept, *([options.continue_with] if options.continue_with else [])]
    settings = [[text for change in changes[:count] for text in change] for count in range(len(changes) + 1)]
    before = [load(options.config, [*options.overrides, *some]) for some in settings]
    config = before.pop()
    with parallel.together(world):
        if options.continue_with and world.is_main and not (options.dry_run or options.plan):
            keep_change(folder, options.continue_with)
    run = Run(config, folder, world, console if world.is_main else Console.silent(), options.budget)
    run.changed = tuple(settings[-1])

    # check: whatever can be known now is reported now, not after hours
    if options.plan:
        show_plan(run, options.gpu, options.gpus, options.nodes)
        return 0
    if options.preview and not config.data.prepares:
        raise TrainError(
            f"preview shows what becomes of your videos, but {options.config} reads none; add data.train.folder=/path/to/videos."
        )
    names = [phase.name for phase in phases_of(config)]
    wanted = wanted_of(options, names)
    again = [name for option in options.redo for name in pick(names, option, "--redo")]
    check(run, wanted)
    phases = run_phases(run)
    phases = [replace(one, work=partial(instead[one.name], run)) if one.name in instead else one for one in phases]
    run.earlier = fingerprints_before(run, phases, before)
    if run.changed:
        run.console.say(f"Changed on the way (see {folder / 'changes.json'}): {', '.join(run.changed)}.")
    for phase in phases if not options.dry_run else ():
        if phase.name in again:
            run.redo(phase)
    run.console.table(
        [[phase.name, phase.title, ENDS[run.state(phase)] if phase.name in wanted else "left out"] for phase in phases]
    )
    if options.dry_run:
        return 0

    # codec, data, base, stage 1, stage 2, stage 3, evaluate, export
    run.open()
    for phase in phases:
        if phase.name in wanted:
            run.do(phase)
    if options.export_to is not None and world.is_main:
        copy_to_comfyui(run, options.export_to)
    report = f", its report in {run.folder / 'report' / 'index.html'}" if "evaluate" in wanted else ""
    if not options.preview:
        run.console.say(f"The run is in {run.folder}{report}.")
    return 0


def wanted_of(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """Those of a run's phases, in order, that the options leave."""
    if options.only:
        return pick(names, options.only, "--only")
    first = names.index(pick(names, options.start, "--from")[0]) if options.start else 0
    last = names.index(pick(names, options.until, "--until")[-1]) if options.until else len(names) - 1
    if last < first:
        raise TrainError(f"--until is {options.until!r}, which comes before --from {options.start!r}; swap them.")
    return list(names[first : last + 1])


def pick(names: Sequence[str], name: str, option: str) -> list[str]:
    """The phases of that name; `stage1` stands for `stage1_resnet` and `stage1_controlnet`."""
    found = [one for one in names if one == name or one.startswith(f"{name}_")]
    if not found:
        raise TrainError(
            f"{option} is {name!r}, but this configuration has no such phase; use one of {', '.join(names)}."
        )
    return found
