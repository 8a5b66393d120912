"""The command line of `run_all.py` and of the stage scripts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .packages import missing_packages

if TYPE_CHECKING:
    from .run_folder.run import Run

PREVIEW = "preview"
"""Stands for `--only prepare`: the word that one looks for."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="run_all.py",
        description="Train a trajectory adapter: SlowAdapter, FastGenerator, FastAdapter, evaluation and export. Run it again to continue "
        "where it stopped; finished phases are not repeated.",
        epilog="Any setting can be given as key=value after the options, for example: stage1.steps=4000 data.train.folder=/clips",
        allow_abbrev=False,
    )
    options.add_argument(
        "--config",
        default="tiny_cpu",
        metavar="NAME",
        help="a configuration of train/configs, or the path of a YAML file (default: tiny_cpu)",
    )
    options.add_argument("--run", type=Path, metavar="DIR", help="the run folder (default: runs/NAME)")
    options.add_argument(
        "--budget", type=minutes, metavar="MINUTES", help="fit the training into this many minutes, phase by phase"
    )
    options.add_argument("--only", metavar="PHASE", help="do only this phase, for example stage1 or stage1_resnet")
    options.add_argument("--from", dest="start", metavar="PHASE", help="start with this phase and skip those before it")
    options.add_argument(
        "--until", metavar="PHASE", help="end with this phase, for example data to encode and not train"
    )
    options.add_argument(
        "--redo",
        action="append",
        default=[],
        metavar="PHASE",
        help="do a finished phase again; its earlier result is moved aside",
    )
    options.add_argument(
        "--continue-with",
        action="append",
        default=[],
        metavar="key=value",
        help="continue training from its checkpoint with another value of a setting, such as stage1.optim.lr=5e-5 or stage1.steps=5000; the run "
        "remembers it",
    )
    options.add_argument("--dry-run", action="store_true", help="list what would be done, and stop")
    options.add_argument(
        "--plan",
        action="store_true",
        help="print parameters, memory, FLOPs, time and disk, and stop; no weights are loaded",
    )
    options.add_argument(
        "--gpu",
        metavar="NAME",
        help="the GPU that --plan assumes (default: the configuration's, or else this machine's)",
    )
    options.add_argument(
        "--gpus",
        type=count,
        metavar="N",
        help="how many GPUs of a machine --plan assumes (default: the configuration's)",
    )
    options.add_argument(
        "--nodes", type=count, metavar="N", help="how many machines --plan assumes (default: the configuration's)"
    )
    options.add_argument(
        "--export-to", type=Path, metavar="DIR", help="also copy the result into this models folder of ComfyUI"
    )
    options.add_argument("--traceback", action="store_true", help="show where in the code an error was raised")
    options.add_argument(
        "overrides",
        nargs="*",
        metavar="[preview] key=value",
        help="settings; preview makes a page of your clips, and stops",
    )
    return options


def count(text: str) -> int:
    """A number of things, from 1."""
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"the number is {text!r}, but must be a whole one from 1 on, such as 8")
    return int(text)


def minutes(text: str) -> float:
    """A positive number of minutes."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(
            f"the budget is {text!r}, but must be a positive number of minutes, such as 30"
        )
    return value


def main(
    arguments: Sequence[str] | None = None,
    only: str | None = None,
    until: str | None = None,
    instead: Mapping[str, Callable[[Run], None]] | None = None,
) -> int:
    """Run the command. Returns 0, 1 after a sentence that says what is wrong, or 130 after Ctrl+C.

    Args:
        arguments: those of the command line; None for this process's own.
        only, until: as if these options were given.
        instead: by the name of a phase, what does it in place of this process.
    """
    options = parser().parse_intermixed_args(arguments)
    options.only, options.until = only or options.only, until or options.until
    options.preview = PREVIEW in options.overrides
    if options.preview:
        options.overrides.remove(PREVIEW)
        options.only = "prepare"
    problem = missing_packages()
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    from .narrative import run_all

    return run_all(options, instead or {})
