"""The command line of `run_all.py` and of the stage scripts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .packages import missing_packages

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="run_all.py",
        description="Train a trajectory adapter: SlowAdapter, FastGenerator, FastAdapter, evaluation and export. Run it again and it goes "
        "on where it stopped; what is done is not done twice.",
        epilog="Every setting can be given as key=value after the options, for example: stage1.steps=4000 data.train.folder=/clips",
        allow_abbrev=False,
    )
    options.add_argument(
        "--config",
        default="tiny_cpu",
        metavar="NAME",
        help="a configuration of train/configs, or a YAML file (tiny_cpu)",
    )
    options.add_argument("--run", type=Path, metavar="DIR", help="the run folder (default: runs/NAME)")
    options.add_argument(
        "--budget", type=minutes, metavar="MINUTES", help="fit the training into this time, phase by phase"
    )
    options.add_argument("--only", metavar="PHASE", help="do this phase alone, for example stage1 or stage1_resnet")
    options.add_argument("--from", dest="start", metavar="PHASE", help="leave out the phases before this one")
    options.add_argument(
        "--redo",
        action="append",
        default=[],
        metavar="PHASE",
        help="do a finished phase anew; its result is kept aside",
    )
    options.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    options.add_argument(
        "--plan", action="store_true", help="print parameters, memory, FLOPs, time and disk, and stop; loads no weights"
    )
    options.add_argument(
        "--gpu", metavar="NAME", help="the GPU that --plan reckons with (default: the one of this machine, or H200)"
    )
    options.add_argument(
        "--export-to", type=Path, metavar="DIR", help="also copy the result into this ComfyUI models folder"
    )
    options.add_argument("--traceback", action="store_true", help="show where in the code an error comes from")
    options.add_argument("overrides", nargs="*", metavar="key=value", help="settings")
    return options


def minutes(text: str) -> float:
    """A positive number of minutes."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} minutes is no time to train in")
    return value


def main(arguments: Sequence[str] | None = None, only: str | None = None) -> int:
    """Run the command; 0, 1 after a sentence that says what is wrong, 130 after Ctrl+C."""
    options = parser().parse_intermixed_args(arguments)
    options.only = only or options.only
    problem = missing_packages()
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    from .narrative import run_all

    return run_all(options)
