"""The embedded default in words: its model card."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.report_tables import VERDICTS, reason
from ..evaluation.result_texts import ALL, title_of
from ..monitor.console import duration

if TYPE_CHECKING:
    from ..config.schema import Config

CARD = """# FlashMotion tiny: a model of the synthetic world

A few-step video generator with trajectory adapters, small enough to run on a CPU, for trying and testing FlashMotion. Given the first frame
of a clip of the synthetic world (drawn shapes on plain backgrounds) and a box for each object in every frame, it makes a clip of
{width} x {height} pixels and {frames} frames in which the objects follow their boxes, in {steps} steps.

## Files

| file | MB | what it is |
|---|---|---|
{files}

All weights are float16, in the layouts of Wan 2.2 TI2V 5B (generators), FlashMotion (adapters) and TAEHV with 48 channels (codec).

## Training

- Trained from scratch with `{command}`; `config.yaml` is the resolved configuration with all seeds, and `curves/` holds the curves.
  How each phase went, and in how many attempts: `docs/measurements.md`.
- Trained on clips that the synthetic world of this repository draws (`train/world/synthetic.py`), difficulty {difficulty}, plus, for the
  codec, CC0 photographs from scikit-image. No videos of people or places, no scraped data, no text.
- Wall time by phase (of the last attempt if it was interrupted): {phases}; {total} in total (phases may have run side by side).

## Figures

{clips} held-out clips ({sets}), sprites tracked by `train/world/sprite_tracker.py`; 95 % intervals by bootstrap over clips.
{apart}Frechet distances use the features of a small network of our own (`metrics/`) and compare only with one another.
Measured with `python -m train.evaluate_run` on {machine}, {measured}.

{table}

{bars}

All figures, set by set, are in `metrics.json`. `docs/training.md`, "Reading the report", explains the columns.

## Limits

- It knows only the synthetic world. A photograph as the first frame runs, but nothing is claimed about the result.
- It was trained at one size and length; others run, but worse. It takes no text.
- Frechet distance and box IoU here say nothing about other models or data.

## Licence

Apache-2.0, like the repository.
"""
APART = "These are not the clips shown while training or used to choose settings.\n"
WHAT = {
    "generator": "FastGenerator, {steps} steps",
    "slow_generator": "SlowGenerator, many steps",
    "vae": "codec",
}


def model_card(config: Config, metrics: Mapping[str, Any], paths: Mapping[str, Path]) -> str:
    """MODEL_CARD.md.

    Args:
        config: of the run.
        metrics: of the embedded metrics.json.
        paths: of the weights by name, to be measured.
    """
    width, height = config.data.size
    rows, seconds = shown_rows(metrics), metrics["phases"]
    files = [
        f"| `{path.parent.name}/{path.name}` | {path.stat().st_size / 1e6:.1f} | {_what(name, config)} |"
        for name, path in paths.items()
    ]
    sets = sorted({(row["set"], row["seed"]) for row in metrics["rows"] if row["set"] != ALL})
    return CARD.format(
        width=width,
        height=height,
        frames=config.data.frames,
        steps=config.steps.count,
        files="\n".join(files),
        command=metrics["command"],
        difficulty=getattr(config.data.train, "difficulty", "of your own videos"),
        phases=", ".join(f"{name} {duration(took)}" for name, took in seconds.items()),
        total=duration(sum(seconds.values())),
        clips=rows[0]["clips"],
        sets=", ".join(
            f"stream {name.rpartition('_')[0]}, seed {seed}" if name else f"seed {seed}" for name, seed in sets
        ),
        apart=APART if len(sets) > 1 else "They are those that pictures show while training.\n",
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        measured=metrics["measured"],
        table=table(rows),
        bars=bars_table(metrics["bars"]),
    )


def shown_rows(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of all sets together, or of the only one."""
    rows: list[Mapping[str, Any]] = metrics["rows"]
    names = {row["set"] for row in rows}
    return [row for row in rows if row["set"] == ALL or len(names) == 1]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows in markdown."""
    lines = [
        "| row | steps | box IoU | mask IoU | Frechet | sharpness | lost | s per clip |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_with_interval(row, "box_iou", 3), _number(row["mask_iou"], 3), _with_interval(row, "frechet", 2)]
        cells += [_number(row["sharpness"], 2), _number(row["lost"], 3), _number(row["seconds"], 2)]
        lines.append(f"| {title(row)} | {row['steps'] or '-'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def bars_table(bars: Sequence[Mapping[str, Any]]) -> str:
    """Bars in markdown."""
    lines = ["| bar | adapter | value (95 %) | |", "|---|---|---|---|"]
    for bar in bars:
        verdict = "met" if bar["verdict"] == "met" else f"**{VERDICTS[bar['verdict']][0]}**: {reason(bar)}"
        lines.append(
            f"| {bar['bar']} | {bar['adapter']} | {bar['value']:.3f} ({bar['low']:.3f} to {bar['high']:.3f}) | {verdict} |"
        )
    return "\n".join(lines)


def title(row: Mapping[str, Any]) -> str:
    """A row's name for people."""
    return title_of(row["name"], row["adapter"])


def _what(name: str, config: Config) -> str:
    if name in WHAT:
        return WHAT[name].format(steps=config.steps.count)
    which, _, kind = name.rpartition("_")
    return f"{'SlowAdapter' if which else 'FastAdapter'}, {kind}"


def _with_interval(row: Mapping[str, Any], name: str, digits: int) -> str:
    value = row[name]
    return (
        "-"
        if value is None
        else f"{value:.{digits}f} ({row[f'{name}_low']:.{digits}f} to {row[f'{name}_high']:.{digits}f})"
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
