"""Evaluate what a run has made so far, even by an earlier version of the code: python -m train.evaluate_run RUN [key=value ...]

    python -m train.evaluate_run runs/tiny_cpu evaluate.clips=100 'evaluate.sets=[{seed: 3003}, {stream: eval_b, seed: 4004}]'
    python -m train.evaluate_run runs/tiny_cpu evaluate.clips=100 'evaluate.compute_every=[2, 4]'

The second command also measures a ControlNet computed only every 2nd or 4th step, beside the one computed at every step.

This is the phase evaluate of `run_all`, but it does not ask whether earlier phases were done with today's settings. It uses only those parts
of the run's configuration that decide how models are read and clips are made, and leaves the configuration and done-files as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flashmotion_core.files.texts import read_text

from ..errors import TrainError
from ..packages import run_tool

if TYPE_CHECKING:
    from ..run_folder.run import Run

SECTIONS = (
    "name",
    "seed",
    "device",
    "precision",
    "data",
    "models",
    "memory",
    "steps",
    "codec",
    "evaluate",
    "export",
    "logging",
)
"""Sections that say what a run holds; the others say how it was trained."""


def open_run(folder: Path, overrides: Sequence[str]) -> Run:
    """A run of one process with the configuration in its folder.

    Raises:
        TrainError: the folder has no configuration, or today's code cannot read these sections of it.
    """
    import yaml

    from .. import parallel
    from ..config.codec_settings import CodecSettings
    from ..config.load import load
    from ..monitor.console import Console
    from ..run_folder.run import Run

    file = folder / "config.yaml"
    if not file.is_file():
        raise TrainError(f"{folder} is not a run, as config.yaml is missing; give the folder that run_all.py wrote.")
    values = yaml.safe_load(read_text(file))
    # Only whether the decoder was trained alone matters here, as that decides which file is read.
    values["codec"] = {
        key: value for key, value in values.get("codec", {}).items() if key in CodecSettings.model_fields
    }
    with TemporaryDirectory() as kept:
        part = Path(kept) / "config.yaml"
        part.write_text(yaml.safe_dump({key: values[key] for key in SECTIONS if key in values}), encoding="utf-8")
        config = load(str(part), overrides)
    return Run(config, folder, parallel.start(config.device), Console())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 1 after a sentence that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="settings, most often evaluate.clips and evaluate.sets"
    )
    options = parser.parse_args(arguments)

    def work() -> None:
        from .evaluate import evaluate

        evaluate(open_run(options.run, options.overrides))

    return run_tool(work)
