"""Embed a finished run of the synthetic world as the repository's default: python -m train.embed RUN --to assets/tiny --docs docs/tiny

    diffusion_models/flashmotion_tiny_generator.safetensors     the FastGenerator; and ..._slow_generator
    model_patches/flashmotion_tiny_resnet.safetensors           the FastAdapter; and ..._slow_resnet; the same of the ControlNet
    vae/flashmotion_tiny_vae.safetensors                        the codec
    metrics.json, config.yaml, curves/, MODEL_CARD.md           what was measured, and how it was made

All weights are float16. In the folder for documents: rows.png and clips.png.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flashmotion_core.files.whole_file import write_whole

from ..config.phases import phases_of
from ..errors import TrainError
from ..files import read_fields
from ..packages import run_tool

if TYPE_CHECKING:
    from ..run_folder.artifacts import Artifacts
    from ..run_folder.run import Run

NAME = "flashmotion_tiny"
FIRST_COMMAND_MB, ALL_MB = 60, 100
"""What the files of the first command, and all of them, may take."""


@dataclass(frozen=True)
class Finished:
    """What a finished run has to show.

    Attributes:
        metrics: its metrics.json.
        measured: the day on which it was written, as 2026-11-24.
        seconds: wall time of each phase that its configuration has, in order.
    """

    metrics: Mapping[str, Any]
    measured: str
    seconds: Mapping[str, float]


def finished(run: Run, artifacts: Artifacts) -> Finished:
    """What the run has to show.

    Raises:
        TrainError: a phase is not done, or the evaluation is missing, incomplete or older than the models.
    """
    kinds = [adapter.kind for adapter in run.config.models.adapters]
    made = [phase.name for phase in phases_of(run.config) if phase.stage not in ("evaluate", "export")]
    seconds = {}
    for phase in made:
        file = run.phase_folder(phase) / "done.json"
        if not file.is_file():
            raise TrainError(
                f"the run {run.folder} is not finished: {phase} is not done; run the command that started it again."
            )
        remedy = "delete it, and run the command that started the run again"
        seconds[phase] = float(read_fields(file, remedy, seconds=(int, float))["seconds"])
    report = run.folder / "report/metrics.json"
    again = f"evaluate it with python -m train.evaluate_run {run.folder}"
    if not report.is_file():
        raise TrainError(f"the run {run.folder} has no report/metrics.json; {again}.")
    newer = [path for path in _models(artifacts, kinds) if path.stat().st_mtime > report.stat().st_mtime]
    if newer:
        raise TrainError(f"{newer[0].name} is newer than the run's report/metrics.json; {again}.")
    metrics: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    for kind in kinds:
        if not any(row["name"] == "flashmotion" and row["adapter"] == kind for row in metrics["rows"]):
            raise TrainError(f"the run's report/metrics.json has no row for the {kind} adapter; {again}.")
    day = time.strftime("%Y-%m-%d", time.gmtime(report.stat().st_mtime))
    return Finished(metrics, day, seconds)


def write_weights(artifacts: Artifacts, folder: Path) -> dict[str, Path]:
    """Write all weights in float16 below a folder; path by name, such as ``generator`` and ``slow_resnet``.

    Raises:
        TrainError: a value that float16 cannot hold, or files that are too large together.
    """
    import torch

    from flashmotion_core.adapters.adapter_file import write_adapter
    from flashmotion_core.files.weights import read_tensors, save_whole
    from flashmotion_core.wan.fingerprint import fingerprint, same_generator

    from ..run_folder.artifacts import FAST, SLOW
    from .export import cast

    def written(source: Path, kind: str, name: str) -> Path:
        target = folder / kind / f"{NAME}_{name}.safetensors"
        tensors, metadata = read_tensors(source)
        save_whole(target, cast(tensors, torch.float16, source.name), metadata)
        return target

    kinds = [adapter.kind for adapter in artifacts.config.models.adapters]
    paths = {"vae": written(artifacts.vae_path, "vae", "vae")}
    for which, prefix in ((FAST, ""), (SLOW, "slow_")):
        source = artifacts.generator_path(which)
        base = paths[f"{prefix}generator"] = written(source, "diffusion_models", f"{prefix}generator")
        # Of the file as it was written, which users load.
        marks = [fingerprint(*read_tensors(path)) for path in (source, base)]
        for kind in kinds:
            file = artifacts.adapter(which, kind)
            if not same_generator(file.base_fingerprint or "", marks[0]):
                raise TrainError(f"{file.name} was not trained on {source.name}; repeat its phase with --redo.")
            target = paths[f"{prefix}{kind}"] = folder / "model_patches" / f"{NAME}_{prefix}{kind}.safetensors"
            weights = cast(file.state_dict, torch.float16, file.name)
            write_adapter(target, replace(file, state_dict=weights, base_fingerprint=marks[1]))
    check_sizes({name: path.stat().st_size / 1e6 for name, path in paths.items()}, kinds)
    return paths


def check_sizes(megabytes: Mapping[str, float], kinds: Sequence[str]) -> None:
    """Raises TrainError where what the first command needs (with the larger adapter), or all together, takes too much."""
    first = megabytes["generator"] + megabytes["vae"] + max(megabytes[kind] for kind in kinds)
    for what, found, limit in (
        ("the generator, an adapter and the codec", first, FIRST_COMMAND_MB),
        ("all weights", sum(megabytes.values()), ALL_MB),
    ):
        if found > limit:
            raise TrainError(
                f"{what} take {found:.1f} MB, but {limit} is the limit; train a narrower model or fewer adapters."
            )


def embed(run: Run, to: Path, docs: Path, command: str) -> list[Path]:
    """Write everything; what was there under the same names is replaced, once all of the new is there.

    Raises:
        TrainError: see `finished` and `write_weights`.
    """
    from ..run_folder.artifacts import Artifacts
    from .embed_card import model_card
    from .embed_pictures import clips_sheet, draw_rows, smaller_curves

    artifacts = Artifacts(run)
    done = finished(run, artifacts)
    to.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=to, prefix=".embedding-") as kept:
        folder = Path(kept)
        paths = write_weights(artifacts, folder)
        metrics = {**done.metrics, "measured": done.measured, "phases": dict(done.seconds), "command": command}
        write_whole(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
        shutil.copyfile(run.folder / "config.yaml", folder / "config.yaml")
        smaller_curves(run, list(done.seconds), folder / "curves")
        write_whole(folder / "MODEL_CARD.md", model_card(run.config, metrics, paths))
        draw_rows(metrics, folder / "docs/rows.png")
        clips_sheet(run, metrics, folder / "docs/clips.png")
        placed = []
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = file.relative_to(folder)
            target = docs / inside.name if inside.parts[0] == "docs" else to / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
            placed.append(target)
    return placed


def _models(artifacts: Artifacts, kinds: Sequence[str]) -> list[Path]:
    from ..run_folder.artifacts import FAST, SLOW

    adapters = [artifacts.adapter_path(which, kind) for which in (SLOW, FAST) for kind in kinds]
    return [artifacts.vae_path, *(artifacts.generator_path(which) for which in (SLOW, FAST)), *adapters]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 1 after a sentence that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, required=True, help="for weights, figures and the model card")
    parser.add_argument("--docs", type=Path, required=True, help="for the table, the plot and the contact sheet")
    parser.add_argument("--command", help="that made the run, if it was not run_all.py with its configuration alone")
    options = parser.parse_args(arguments)

    def work() -> None:
        from ..evaluation.evaluate_run import open_run

        run = open_run(options.run, ())
        command = options.command or f"python train/run_all.py --config {run.config.name}"
        for path in embed(run, options.to, options.docs, command):
            sys.stdout.write(f"{path} ({path.stat().st_size / 1e6:.2f} MB)\n")

    return run_tool(work)
