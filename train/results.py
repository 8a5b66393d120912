"""What the evaluation shows: pictures and a video of each row, and the run's report page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flashmotion_core.video import Frames, write_mp4

from .data.sources import SourceClip
from .engine.console import duration
from .engine.report import Picture, Section, Table, Text, Video, write_report
from .engine.run import Run
from .pictures import contact_sheet, with_boxes, write_png
from .validation import rows_of

SHOWN = 2
"""Clips of each row that the page shows."""
WIDEST = 256
"""Pixels of a picture in a contact sheet: the page holds all of them."""
CONTROLS = ("real", "oracle", "static", "random_trajectory")
"""Rows that say how to read the others."""
COLUMNS = {
    "box_iou": "box IoU",
    "mask_iou": "mask IoU",
    "centre_error": "centre error",
    "lost": "lost",
    "psnr": "PSNR",
    "sharpness": "sharpness",
    "motion": "motion",
    "seconds": "s per clip",
}
TITLES = {
    "real": "real clip",
    "oracle": "real clip through the codec",
    "static": "frame 0, standing still",
    "slow_adapter": "SlowAdapter, SlowGenerator",
    "slow_adapter_few": "SlowAdapter, SlowGenerator, few steps",
    "slow_adapter_on_fast": "SlowAdapter, FastGenerator",
    "flashmotion": "FastAdapter, FastGenerator",
    "random_trajectory": "FastAdapter, FastGenerator, another clip's boxes",
}
READING = """The objects' boxes in a clip are compared with those that were asked for: box IoU is 1 where they are equal and 0 where they \
are apart; its 95 % interval is a bootstrap over clips. Mask IoU does the same with visible pixels. Centre error is the distance of \
the boxes' centres as a share of the frame's diagonal, where an object is found; lost is the share of frames on which it is not. Frame 0 is \
given, and does not count; nor does an object on frames on which the real clip hides it, or one that frame 0 does not show.

Read box IoU between two bounds: hardly a generator does better than the real clip through the codec, and frame 0 standing still is what comes out \
when boxes are ignored. The row with another clip's boxes is judged by the clip's own ones: as low as the static row or lower is right, as high \
as the FastAdapter means that the boxes are not followed.

PSNR (dB), sharpness and motion compare the pictures with the real clip; sharpness and motion are 1 where they are equal. Well below 1, objects \
may stay in their boxes while the video blurs or freezes. Seconds are those of sampling alone, the median over clips. Slow rows are sampled by \
Euler steps (with the guidance that `evaluate.guidance_scale` names), fast ones with fresh noise at every step; noise is the same in all rows."""
NO_SPRITES = "The held-out clips are videos whose objects cannot be followed exactly, so only PSNR, sharpness and motion are measured."
ALONE = "There is one held-out clip, so there is no row with another clip's boxes."


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)


def show_row(folder: Path, key: str, clips: Sequence[SourceClip], frames: Sequence[Frames]) -> None:
    """Write ``key.png``, the first clips' pictures, and ``key.mp4``, the first one beside the real clip."""
    pairs = zip(clips, frames, strict=True)
    rows = [[_small(picture) for picture in row] for clip, found in pairs for row in rows_of(clip, found)]
    write_png(folder / f"{key}.png", contact_sheet(rows))
    clip, found = clips[0], frames[0]
    side_by_side = np.concatenate([clip.frames_THWC, with_boxes(found, clip.trajectory), found], axis=2)
    write_mp4(folder / f"{key}.mp4", side_by_side, clip.fps)


def write_results(run: Run, rows: Sequence[Mapping[str, Any]], folder: Path, *, synthetic: bool) -> None:
    """The report page, and last `metrics.json`, by which the phase counts as done.

    Args:
        run: whose report it is.
        rows: of metrics.json.
        folder: with the rows' pictures.
        synthetic: whether objects could be followed.
    """
    report = run.folder / "report"
    trained = [row for row in rows if row["name"] not in CONTROLS]
    controls = [row for row in rows if row["name"] in CONTROLS]
    reading = [READING, *([] if synthetic else [NO_SPRITES])]
    if not any(row["name"] == "random_trajectory" for row in rows):
        reading.append(ALONE)
    measure = "box_iou" if synthetic else "psnr"
    best = max(trained, key=lambda row: -1.0 if row[measure] is None else float(row[measure]))
    sections: list[Section] = [
        _configuration(run),
        _phases(run),
        _table("Results", trained, mark_best=True),
        _table("What to compare them with", controls),
        Text(title="How to read this", text="\n\n".join(reading)),
        Video(
            title="The best row",
            file=folder / f"{_key(best)}.mp4",
            caption=f"{_title(best)}: real clip, sample with the boxes that were asked for, sample.",
        ),
        *_sheets(rows, folder),
        *_curves(run),
    ]
    page = write_report(report, f"{run.config.name}: what the adapters do", sections)
    run.console.table(_plain(rows))
    run.console.say(f"evaluate: the report is {page}")
    write_json(report / "metrics.json", {"rows": list(rows)})


def _configuration(run: Run) -> Table:
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
    return Table(title="Configuration", headers=["setting", "value"], rows=rows)


def _phases(run: Run) -> Table:
    """Phases in the order in which they were done."""
    rows: list[list[str | float | None]] = []
    folders = [file.parent for file in (run.folder / "phases").glob("*/done.json")]
    for folder in sorted(folders, key=lambda found: (found / "done.json").stat().st_mtime):
        if ".previous-" not in folder.name:
            seconds = json.loads((folder / "done.json").read_text(encoding="utf-8"))["seconds"]
            rows.append([folder.name, duration(seconds), _steps(folder)])
    return Table(title="Phases", headers=["phase", "wall time", "steps"], rows=rows)


def _steps(folder: Path) -> int | None:
    file = folder / "settled.json"
    return int(json.loads(file.read_text(encoding="utf-8"))["steps"]) if file.is_file() else None


def _table(title: str, rows: Sequence[Mapping[str, Any]], *, mark_best: bool = False) -> Table:
    cells: list[list[str | float | None]] = [
        [_title(row), row["steps"], row["box_iou"], _interval(row), *(row[name] for name in list(COLUMNS)[1:])]
        for row in rows
    ]
    return Table(
        title=title,
        headers=["row", "steps", "box IoU", "95 %", *list(COLUMNS.values())[1:]],
        rows=cells,
        highest=("box IoU", "mask IoU", "PSNR") if mark_best else (),
        lowest=("centre error", "lost", "s per clip") if mark_best else (),
    )


def _interval(row: Mapping[str, Any]) -> str | None:
    return None if row["box_iou"] is None else f"{row['box_iou_low']:.3f} to {row['box_iou_high']:.3f}"


def _sheets(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Section]:
    caption = "{}; for each clip the real one, the boxes that were asked for over the sample, the sample."
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
    """The same for the console."""
    names = ("box_iou", "mask_iou", "lost", "psnr", "motion", "seconds")

    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    lines = [[_key(row), str(row["steps"] or "-"), *(cell(row[name]) for name in names)] for row in rows]
    return [["row", "steps", *(COLUMNS[name] for name in names)], *lines]


def _title(row: Mapping[str, Any]) -> str:
    adapter = "" if row["adapter"] is None else f" ({row['adapter']})"
    return TITLES[row["name"]] + adapter


def _key(row: Mapping[str, Any]) -> str:
    return row["name"] if row["adapter"] is None else f"{row['name']}_{row['adapter']}"


def _small(picture: Frames) -> Frames:
    """A picture at most `WIDEST` pixels wide."""
    from PIL import Image

    height, width, _ = picture.shape
    if width <= WIDEST:
        return picture
    return np.asarray(Image.fromarray(picture).resize((WIDEST, round(height * WIDEST / width)), Image.Resampling.BOX))
