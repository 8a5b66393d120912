"""What the evaluation shows: pictures and a video of each row, and the run's report page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.reports.contact_sheets import contact_sheet, with_boxes, write_png
from flashmotion_core.reports.html import Commands, Files, Picture, Section, Text, Video, write_report
from flashmotion_core.video.frames import Frames
from flashmotion_core.video.mp4 import write_mp4

from ..config.data_settings import Synthetic
from ..data.sources import SourceClip
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from .best_row import best_of
from .evaluation_rows import REAL
from .report_bars import bars
from .report_tables import bars_table, columns_of, configuration, phases, results, split_controls
from .report_workflow import write_workflows
from .result_texts import ALL, ALONE, COLUMNS, NO_SPRITES, READING, title_of
from .sample_clips import SEED
from .summary import RowResult, pooled, summary
from .validation import picture_rows

SHOWN = 2
"""Clips of each row that the page shows."""
WIDEST = 256
"""Most pixels across a picture in a contact sheet, as the page holds all the sheets."""
USE = "The files stand beside this page. The workflow loads what the run's folder export holds, as it will be named in ComfyUI's models."
COPY = "Everything at once: copies models, start picture and workflow to where ComfyUI looks for them."


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
    artifacts: Artifacts,
    found: Mapping[str, Sequence[RowResult]],
    seeds: Mapping[str, int | None],
    folder: Path,
    clip: SourceClip,
) -> None:
    """Write the report page with a workflow and, last, `metrics.json`, which marks the phase as done.

    Args:
        artifacts: of the run whose report it is.
        found: rows by the name of their set of clips.
        seeds: of the synthetic world, by the same names; None for videos.
        folder: with the rows' pictures.
        clip: a held-out one, which the workflow begins with.
    """
    run = artifacts.run
    report, metrics = run.folder / "report", figures(found, seeds, SEED)
    by_set = {name: [row for row in metrics["rows"] if row["set"] == name] for name in (*found, ALL)}
    rows = by_set.pop(ALL) or by_set.pop(next(iter(found)))
    trained, controls = split_controls(rows)
    columns, best = columns_of(rows), best_of(trained)
    known = [part for part in READING.split("\n\n") if "frechet" in columns or not part.startswith("Frechet")]
    reading = [*known, *([] if "synthetic" in clip.origin else [NO_SPRITES])]
    if not any(row["name"] == "random_trajectory" for row in rows):
        reading.append(ALONE)
    sections: list[Section] = [
        results("Results", trained, columns, mark_best=True),
        results("Rows to compare with", controls, columns),
        *([bars_table(metrics["bars"])] if metrics["bars"] else []),
        *[results(f"The set {name} alone", part, columns) for name, part in by_set.items() if name and part],
        Text(title="How to read this", text="\n\n".join(reading)),
        Video(
            title="Best row",
            file=folder / f"{_key(best)}.mp4",
            caption=f"{_title(best)}. From left to right: real clip, sample with the boxes that were asked for, sample.",
        ),
        *_sheets(rows, folder),
        *_curves(run),
        configuration(run),
        phases(run),
        _repeat(run),
        Files(title="Use it in ComfyUI", text=USE, files=write_workflows(artifacts, clip, report)),
        Commands(commands=[(COPY, f"{_again(run)} --export-to ComfyUI/models")]),
    ]
    page = write_report(report, f"{run.config.name}: what the adapters do", sections)
    run.console.table(_plain(rows))
    run.console.say(f"evaluate: the report is {page}")
    write_json(report / "metrics.json", metrics)


def _repeat(run: Run) -> Commands:
    """Commands that train and measure again."""
    folder, evaluation = shown_folder(run.folder), run.config.data.evaluation
    budget = "" if run.budget_minutes is None else f" --budget {run.budget_minutes:g}"
    changed = f" What was changed on the way holds from the start ({', '.join(run.changed)})." if run.changed else ""
    other = f" 'evaluate.sets=[{{seed: {evaluation.seed + 1}}}]'" if isinstance(evaluation, Synthetic) else ""
    commands = [
        (
            f"Train it again, from the same seeds; all commands are for the repository's folder.{changed}",
            f"{_again(run, '-again')}{budget}",
        ),
        (
            "Measure again, on more clips.",
            f"python -m train.evaluate_run {folder} evaluate.clips=100{other}",
        ),
    ]
    return Commands(title="Repeat it", commands=commands)


def _again(run: Run, ending: str = "") -> str:
    folder = shown_folder(run.folder)
    return f"python train/run_all.py --config {folder}/config.yaml --run {folder}{ending}"


def shown_folder(folder: Path) -> str:
    """A run's folder as one would type it; of one that lies elsewhere, its name alone, as a page may be passed on."""
    inside = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return folder.name if inside.is_absolute() else inside.as_posix()


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
