"""The model card of a run's export: what the files are, what they need, how they were made and what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flashmotion_core.files.texts import read_text

from ..config.phases import phases_of
from ..data.encoded import EncodedClips
from ..errors import TrainError
from ..evaluation.result_texts import ALL
from ..run_folder.artifacts import Artifacts
from .embed_card import bars_table, table

CARD = """---
library_name: flashmotion
tags: [trajectory-control, few-step, wan2.2, comfyui]
---
# {name}

{what} for clips of {width} x {height} pixels and {frames} frames, in {steps} steps. Objects of the first frame follow boxes.

## Files

| file | MB |
|---|---|
{files}

Folders are those of `ComfyUI/models`. Generator: {generator}. VAE: {vae}. FlashMotion's nodes read sigmas, kind, control-map
style and the generator's fingerprint from each file's metadata.

## Training

- {phases}
- {clips}
- `config.yaml` of the run holds every setting and seed.

## Figures

{figures}

## Licence

Not stated: it is up to whoever trained this, within the licences of the generator and of the clips. Wan2.2-TI2V-5B is Apache-2.0; weights made from
Turbo are bound by CC BY-NC-SA 4.0.
"""
NOT_MEASURED = "Nothing was measured: the run exported before it evaluated."


def run_card(artifacts: Artifacts, files: Sequence[Path], folder: Path) -> str:
    """The card, for the folder that holds the files."""
    config = artifacts.config
    width, height = config.data.size
    models = config.models
    given = models.fast_generator or models.generator
    start = "" if models.fast_start is None else f", distilled beginning with `{_named(models.fast_start)}`"
    return CARD.format(
        name=config.name,
        what=f"FastAdapter ({', '.join(adapter.kind for adapter in models.adapters)})",
        width=width,
        height=height,
        frames=config.data.frames,
        steps=config.steps.count,
        files="\n".join(
            f"| `{path.relative_to(folder).as_posix()}` | {path.stat().st_size / 1e6:.1f} |" for path in files
        ),
        generator=("trained here" if given is None else f"`{_named(given)}`") + start,
        vae="trained here" if models.vae is None else f"`{_named(models.vae)}`",
        phases=_phases(artifacts),
        clips=_clips(artifacts),
        figures=_figures(artifacts.run.folder / "report/metrics.json"),
    )


def _named(path: str) -> str:
    """A file without its folders, which say nothing to others."""
    return Path(path).name


def _phases(artifacts: Artifacts) -> str:
    """The training phases with their steps: as many as a time budget left."""
    found = []
    for phase in phases_of(artifacts.config):
        settings: Any = getattr(artifacts.config, phase.stage, None)
        if phase.stage in ("base", "stage1", "stage2", "stage3") and hasattr(settings, "steps"):
            file = artifacts.run.phase_folder(phase.name) / "settled.json"
            steps = json.loads(read_text(file))["steps"] if file.is_file() else settings.steps
            found.append(f"{phase.name}: {steps:,} steps of {settings.global_batch} clips")
    return "; ".join(found) + "."


def _clips(artifacts: Artifacts) -> str:
    kind = artifacts.config.data.train.kind
    what = "the synthetic world" if kind == "synthetic" else "the trainer's own videos"
    try:
        return f"{len(EncodedClips(artifacts.clips_folder('train'))):,} clips of {what}."
    except TrainError:
        return f"Clips of {what}."


def _figures(file: Path) -> str:
    """The rows and bars of the report, read side by side."""
    if not file.is_file():
        return NOT_MEASURED
    metrics: Mapping[str, Any] = json.loads(read_text(file))
    names = {row["set"] for row in metrics["rows"]}
    rows = [row for row in metrics["rows"] if row["set"] == ALL or len(names) == 1]
    tables = [table(rows), *([bars_table(metrics["bars"])] if metrics["bars"] else [])]
    return "\n\n".join(
        [
            f"{rows[0]['clips']} held-out clips; 95 % intervals by bootstrap over clips.",
            *tables,
        ]
    )
