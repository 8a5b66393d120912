"""The tables of a run's report: rows with their intervals, bars with their meaning and verdict, configuration and phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flashmotion_core.reports.cells import Estimate, Interval, Judgement, Noted, Value, decimals, figure
from flashmotion_core.reports.html import DataTable

from ..engine import checkpoint
from ..engine.validations import BEST
from ..files import read_fields
from ..monitor.console import duration
from ..monitor.run_log import read_log
from ..run_folder.run import Run
from .report_bars import FEWEST
from .result_texts import COLUMNS, CONTROLS, WITH_INTERVAL, title_of

VERDICTS: Mapping[str, tuple[str, Any]] = {
    "met": ("met", "good"),
    "missed": ("not met", "bad"),
    "open": ("open", "open"),
}
BARS_NOTE = (
    "A bar is met only if the whole 95 % interval, not just its middle, lies on the right side of the target (the dotted line). Differences are "
    "taken clip by clip. Open means that these clips do not settle it: measure more of them."
)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns in which at least one row has a figure."""
    return [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]


def results(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, mark_best: bool = False
) -> DataTable:
    """Rows with these columns. The best figures are bold; a high PSNR is not among them, as blur has it too."""
    marked = [COLUMNS[name] for name in columns] if mark_best else []
    return DataTable(
        title=title,
        headers=["row", "steps", *(COLUMNS[name] for name in columns)],
        rows=[
            [title_of(row["name"], row["adapter"]), row["steps"], *(_cell(row, name) for name in columns)]
            for row in rows
        ],
        highest=[header for header in ("box IoU", "mask IoU") if header in marked],
        lowest=[header for header in ("Frechet", "centre error", "lost", "s per clip") if header in marked],
    )


def _cell(row: Mapping[str, Any], name: str) -> Value:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = None if low is None or high is None or name not in WITH_INTERVAL else (float(low), float(high))
    return figure(row.get(name), interval)


def split_controls(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """What was trained, and what it is compared with."""
    return [row for row in rows if row["name"] not in CONTROLS], [row for row in rows if row["name"] in CONTROLS]


def bars_table(found: Sequence[Mapping[str, Any]]) -> DataTable:
    """Each bar with what it means, its estimate beside the target, and whether the interval settles it."""
    rows: list[list[Value]] = [
        [
            Noted(f"{bar['bar']} ({bar['adapter']})", bar["meaning"]),
            Estimate(bar["value"], bar["low"], bar["high"]),
            Interval(bar["value"], bar["low"], bar["high"], bar["target"]),
            Judgement(*VERDICTS[bar["verdict"]], note=reason(bar)),
        ]
        for bar in found
    ]
    headers = ["bar", "value, 95 %", "beside the target", "verdict"]
    return DataTable(title="Bars for the FastAdapter", note=BARS_NOTE, headers=headers, rows=rows)


def reason(bar: Mapping[str, Any]) -> str:
    """Why a bar has its verdict."""
    target, other = decimals(bar["target"]), "below" if bar["side"] == "above" else "above"
    if bar["clips"] < FEWEST:
        return f"{bar['clips']} clips settle nothing; {FEWEST} are the fewest"
    return {
        "met": f"all of the interval is {bar['side']} {target}",
        "missed": f"all of the interval is at or {other} {target}",
        "open": f"the interval holds {target}",
    }[bar["verdict"]]


def configuration(run: Run) -> DataTable:
    """What was trained, on what."""
    config = run.config
    width, height = config.data.size
    models = config.models
    generator = "trained here" if models.generator is None else Path(models.generator).name
    start = "" if models.fast_start is None else f", beginning with {Path(models.fast_start).name}"
    fast = f"distilled here{start}" if models.fast_generator is None else Path(models.fast_generator).name
    codec = "trained here" if models.vae is None else Path(models.vae).name
    rows: list[list[Value]] = [
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


def phases(run: Run) -> DataTable:
    """Phases in the order in which they finished."""
    rows: list[list[Value]] = []
    folders = [file.parent for file in (run.folder / "phases").glob("*/done.json")]
    for folder in sorted(folders, key=lambda found: (found / "done.json").stat().st_mtime):
        if ".previous-" not in folder.name:
            remedy = "delete it, and run the command again"
            seconds = read_fields(folder / "done.json", remedy, seconds=(int, float))["seconds"]
            rows.append([folder.name, duration(seconds), _steps(run, folder)])
    return DataTable(title="Phases", headers=["phase", "wall time", "steps"], rows=rows)


def _steps(run: Run, folder: Path) -> str | int | None:
    """The steps that a phase made, and which weights are its result; None if it has none."""
    file = folder / "settled.json"
    if not file.is_file():
        return None
    steps = int(read_fields(file, "delete it", steps=int)["steps"])
    # The last step is always logged, and so is the one whose validation ended the phase.
    log = folder / "log.csv"
    logged = [step for found, _ in read_log(log).values() for step in found] if log.is_file() else []
    made = max(logged, default=steps)
    best = checkpoint.steps(folder / "checkpoints" / BEST) if run.config.validation.export_best else []
    notes = [f"of {steps}, ended early"] if made < steps else []
    notes += [f"the result is that of step {best[-1]}"] if best else []
    return f"{made} {'; '.join(notes)}" if notes else steps
