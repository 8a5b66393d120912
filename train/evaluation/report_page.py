"""What the evaluation shows: pictures and a video of each row, and the run's report page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from flashmotion_core.reports.contact_sheets import contact_sheet, with_boxes, write_png
from flashmotion_core.reports.html import DataTable, Picture, Section, Text, Video, write_report
from flashmotion_core.video import Frames, write_mp4
from flashmotion_core.whole_file import write_whole

from ..data.sources import SourceClip
from ..files import read_fields
from ..monitor.console import duration
from ..run_folder.run import Run
from .best_row import best_of
from .evaluation_rows import REAL
from .result_texts import ALL, ALONE, COLUMNS, CONTROLS, NO_SPRITES, READING, WITH_INTERVAL, title_of
from .sample_clips import SEED
from .summary import RowResult, bars, pooled, summary
from .validation import picture_rows

SHOWN = 2
"""Clips of each row that the page shows."""
WIDEST = 256
"""Most pixels across a picture in a contact sheet, as the page holds all the sheets."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all; NaN is refused."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def show_row(folder: Path, key: str, clips: Sequence[SourceClip], frames: Sequence[Frames]) -> None:
    """Write ``key.png``, pictures of these clips, and ``key.mp4``, the first one beside its real clip."""
    pairs = zip(clips, frames, strict=True)
    rows = [[_small(picture) for picture in row] for clip, found in pairs for row in picture_rows(clip, found)]
    write_png(folder / f"{key}.png", contact_sheet(rows))
    clip, found = clips[0], frames[0]
    side_by_side = np.concatenate([clip.frames_THWC, with_boxes(found, clip.trajectory), found], axis=2)
    write_mp4(folder / f"{key}.mp4", side_by_side, clip.fps)


def write_results(
    run: Run,
    found: Mapping[str, Sequence[RowResult]],
    seeds: Mapping[str, int | None],
    folder: Path,
    *,
    synthetic: bool,
) -> None:
    """Write the report page and, last, `metrics.json`, which marks the phase as done.

    Args:
        run: whose report it is.
        found: rows by the name of their set of clips.
        seeds: of the synthetic world, by the same names; None for videos.
        folder: with the rows' pictures.
        synthetic: whether objects could be tracked.
    """
    report, metrics = run.folder / "report", figures(found, seeds, SEED)
    by_set = {name: [row for row in metrics["rows"] if row["set"] == name] for name in (*found, ALL)}
    rows = by_set.pop(ALL) or by_set.pop(next(iter(found)))
    trained = [row for row in rows if row["name"] not in CONTROLS]
    controls = [row for row in rows if row["name"] in CONTROLS]
    reading = [READING, *([] if synthetic else [NO_SPRITES])]
    if not any(row["name"] == "random_trajectory" for row in rows):
        reading.append(ALONE)
    best = best_of(trained)
    sections: list[Section] = [
        _table("Results", trained, mark_best=True),
        _table("Rows to compare with", controls),
        *([_bars(metrics["bars"])] if metrics["bars"] else []),
        *[_table(f"The set {name} alone", part) for name, part in by_set.items() if name and part],
        Text(title="How to read this", text="\n\n".join(reading)),
        Video(
            title="Best row",
            file=folder / f"{_key(best)}.mp4",
            caption=f"{_title(best)}. From left to right: real clip, sample with the boxes that were asked for, sample.",
        ),
        *_sheets(rows, folder),
        *_curves(run),
        _configuration(run),
        _phases(run),
    ]
    page = write_report(report, f"{run.config.name}: what the adapters do", sections)
    run.console.table(_plain(rows))
    run.console.say(f"evaluate: the report is {page}")
    write_json(report / "metrics.json", metrics)


def figures(
    found: Mapping[str, Sequence[RowResult]], seeds: Mapping[str, int | None], noise_seed: int
) -> dict[str, Any]:
    """What `metrics.json` holds: the rows of each set and, if there are several, of all clips together, and the bars over all clips."""
    everything = {name: list(results) for name, results in found.items()}
    if len(found) > 1:
        everything[ALL] = [pooled(parts) for parts in zip(*found.values(), strict=True)]
    worlds: dict[str, Any] = {**seeds, ALL: list(seeds.values())}
    rows = [_rows(name, results, worlds[name], noise_seed) for name, results in everything.items()]
    last = everything[list(everything)[-1]]
    return {"rows": list(chain.from_iterable(rows)), "bars": bars(last, noise_seed), "noise_seed": noise_seed}


def _rows(name: str, results: Sequence[RowResult], seed: Any, noise_seed: int) -> list[dict[str, Any]]:
    real = next(result for result in results if result.name == REAL)
    return [{**summary(result, real, noise_seed), "set": name, "seed": seed} for result in results]


def _bars(found: Sequence[Mapping[str, Any]]) -> DataTable:
    rows: list[list[str | float | None]] = [
        [
            f"{bar['bar']} ({bar['adapter']})",
            bar["value"],
            _between(bar["low"], bar["high"]),
            f"{'met' if bar['met'] else 'missed'} by {abs(bar['by']):.3f}",
        ]
        for bar in found
    ]
    return DataTable(title="Bars for the FastAdapter", headers=["bar", "value", "95 %", "met"], rows=rows)


def _configuration(run: Run) -> DataTable:
    config = run.config
    width, height = config.data.size
    models = config.models
    generator = "trained here" if models.generator is None else Path(models.generator).name
    fast = "distilled here" if models.fast_generator is None else Path(models.fast_generator).name
    codec = "trained here" if models.vae is None else Path(models.vae).name
    rows: list[list[str | float | None]] = [
        ["name", config.name],
        ["clips", f"{width} x {height}, {config.data.frames} frames, {config.data.evaluation.kind}"],
        ["SlowGenerator", generator],
        ["FastGenerator", f"{fast}, {config.steps.count} steps"],
        ["codec", codec],
        ["adapters", ", ".join(adapter.kind for adapter in models.adapters)],
        ["stage 3", config.stage3.method],
        ["precision", config.precision],
        ["seed", str(config.seed)],
    ]
    return DataTable(title="Configuration", headers=["setting", "value"], rows=rows)


def _phases(run: Run) -> DataTable:
    """Phases in the order in which they finished."""
    rows: list[list[str | float | None]] = []
    folders = [file.parent for file in (run.folder / "phases").glob("*/done.json")]
    for folder in sorted(folders, key=lambda found: (found / "done.json").stat().st_mtime):
        if ".previous-" not in folder.name:
            remedy = "delete it, and run the command again"
            seconds = read_fields(folder / "done.json", remedy, seconds=(int, float))["seconds"]
            rows.append([folder.name, duration(seconds), _steps(folder)])
    return DataTable(title="Phases", headers=["phase", "wall time", "steps"], rows=rows)


def _steps(folder: Path) -> int | None:
    file = folder / "settled.json"
    return int(read_fields(file, "delete it", steps=int)["steps"]) if file.is_file() else None


def _table(title: str, rows: Sequence[Mapping[str, Any]], *, mark_best: bool = False) -> DataTable:
    headers = ["row", "steps", *chain.from_iterable(_headers(name) for name in COLUMNS)]
    return DataTable(
        title=title,
        headers=headers,
        rows=[[_title(row), row["steps"], *chain.from_iterable(_cells(row, name) for name in COLUMNS)] for row in rows],
        highest=("box IoU", "mask IoU", "PSNR") if mark_best else (),
        lowest=("Frechet", "centre error", "lost", "s per clip") if mark_best else (),
    )


def _headers(name: str) -> list[str]:
    return [COLUMNS[name], *(["95 %"] if name in WITH_INTERVAL else [])]


def _cells(row: Mapping[str, Any], name: str) -> list[str | float | None]:
    """A figure, and its interval if it has one."""
    if name not in WITH_INTERVAL:
        return [row[name]]
    return [row[name], None if row[name] is None else _between(row[f"{name}_low"], row[f"{name}_high"])]


def _between(low: float, high: float) -> str:
    """An interval; large numbers need fewer decimals."""
    return " to ".join(f"{end:.3f}" if abs(end) < 10 else f"{end:.1f}" for end in (low, high))


def _sheets(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Section]:
    caption = "{}. For each clip: the real clip, the sample with the boxes that were asked for, the sample."
    shown = [row for row in rows if (folder / f"{_key(row)}.png").is_file()]
    return [
        Picture(title="" if index else "Clips", file=folder / f"{_key(row)}.png", caption=caption.format(_title(row)))
        for index, row in enumerate(shown)
    ]


def _curves(run: Run) -> list[Section]:
    files = sorted((run.folder / "phases").glob("*/curves.png"), key=lambda file: file.stat().st_mtime)
    names = [file.parent.name for file in files if ".previous-" not in file.parent.name]
    return [
        Picture(title="" if index else "Curves", file=run.phase_folder(name) / "curves.png", caption=name)
        for index, name in enumerate(names)
    ]


def _plain(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The rows for the console."""
    names = ("box_iou", "mask_iou", "frechet", "lost", "psnr", "motion", "seconds")

    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    lines = [[_key(row), str(row["steps"] or "-"), *(cell(row[name]) for name in names)] for row in rows]
    return [["row", "steps", *(COLUMNS[name] for name in names)], *lines]


def _title(row: Mapping[str, Any]) -> str:
    return title_of(row["name"], row["adapter"])


def _key(row: Mapping[str, Any]) -> str:
    return row["name"] if row["adapter"] is None else f"{row['name']}_{row['adapter']}"


def _small(picture: Frames) -> Frames:
    """A picture at most `WIDEST` pixels wide."""
    from PIL import Image

    height, width, _ = picture.shape
    if width <= WIDEST:
        return picture
    return np.asarray(Image.fromarray(picture).resize((WIDEST, round(height * WIDEST / width)), Image.Resampling.BOX))
