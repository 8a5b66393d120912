"""The embedded default in pictures: box IoU and Frechet distance by row, clips by row, and the curves of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmotion_core.reports.contact_sheets import GAP, Picture

from ..evaluation.validation import COLUMNS
from ..monitor.curves import COLOURS, INK, SOFT
from .embed_card import shown_rows, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..run_folder.run import Run

SHEET = ("oracle", "slow_adapter", "slow_adapter_few", "slow_adapter_on_fast", "flashmotion", "random_trajectory")
LINES = 3  # of pictures per clip in a row's own sheet: the real clip, the sample with boxes, the sample
WRITING = 18  # pixels above the pictures of a row
CURVE_COLOURS = 64


def draw_rows(metrics: Mapping[str, Any], png: Path) -> None:
    """Box IoU and Frechet distance of each row as a bar with its interval; 1500 pixels wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in shown_rows(metrics) if row["name"] != "real"][::-1]
    figure = Figure(figsize=(12.5, 0.34 * len(rows) + 1.1), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, name, what in (
        (left, "box_iou", "box IoU (more is better)"),
        (right, "frechet", "Frechet distance (lower is better)"),
    ):
        _draw(ax, rows, name)
        ax.set_title(what, loc="left", fontsize=11, color=INK)
    left.set_yticks(range(len(rows)), [title(row) for row in rows], fontsize=9, color=INK)
    png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(png, format="png")


def _draw(ax: Axes, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    for place, row in enumerate(rows):
        value = row[name]
        if value is None:
            continue
        colour = COLOURS[1] if row["name"] == "flashmotion" else COLOURS[0] if row["adapter"] else "#b8c0c8"
        around = [[max(value - row[f"{name}_low"], 0.0)], [max(row[f"{name}_high"] - value, 0.0)]]
        ax.barh(
            place,
            value,
            height=0.7,
            color=colour,
            xerr=around,
            error_kw={"ecolor": INK, "capsize": 2.5, "linewidth": 1},
        )
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=9, colors=SOFT)
    ax.grid(True, axis="x", color="#e4e8ec", linewidth=0.8)
    ax.set_axisbelow(True)


def clips_sheet(run: Run, metrics: Mapping[str, Any], png: Path) -> None:
    """The first clips of the first set: the real one, then what each row made, with the boxes that were asked for; a caption above each."""
    from PIL import Image, ImageDraw

    first = metrics["rows"][0]["set"]
    rows = {_file(row): row for row in metrics["rows"] if row["set"] == first and row["name"] in SHEET}
    folder = run.phase_folder("evaluate") / "rows" / first
    strips: list[tuple[str, Picture]] = []
    for name, row in rows.items():
        sheet = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"))
        lines = _lines(sheet, run.config.data.size)
        for clip in range(len(lines) // LINES):
            if not strips or (name == next(iter(rows)) and clip):
                strips.append((f"real clip {clip + 1}", lines[LINES * clip]))
            strips.append((f"{title(row)}, clip {clip + 1}", lines[LINES * clip + 1]))
    # Clip by clip, the real one first.
    ordered = sorted(strips, key=lambda strip: strip[0].rpartition(" ")[2])
    height, width, _ = ordered[0][1].shape
    whole = Image.new("RGB", (width, len(ordered) * (height + WRITING)), (255, 255, 255))
    draw = ImageDraw.Draw(whole)
    for number, (caption, strip) in enumerate(ordered):
        draw.text((GAP, number * (height + WRITING) + 3), caption, fill=(34, 39, 46))
        whole.paste(Image.fromarray(strip), (0, number * (height + WRITING) + WRITING))
    png.parent.mkdir(parents=True, exist_ok=True)
    whole.quantize(256, dither=Image.Dither.NONE).save(png, format="PNG", optimize=True)


def _lines(sheet: Picture, size: tuple[int, int]) -> list[Picture]:
    """A row's own sheet line by line, of `COLUMNS` pictures of clips of this size each; wide ones were made smaller."""
    across = (sheet.shape[1] - GAP) // COLUMNS - GAP
    height = round(size[1] * across / size[0])
    count = (sheet.shape[0] - GAP) // (height + GAP)
    return [sheet[GAP + n * (height + GAP) : (n + 1) * (height + GAP)] for n in range(count)]


def smaller_curves(run: Run, phases: Sequence[str], folder: Path) -> None:
    """The curves of phases that have any, in few colours: they are line drawings."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for phase in phases:
        file = run.phase_folder(phase) / "curves.png"
        if file.is_file():
            picture = Image.open(file).convert("RGB").quantize(CURVE_COLOURS, dither=Image.Dither.NONE)
            picture.save(folder / f"{phase}.png", format="PNG", optimize=True)


def _file(row: Mapping[str, Any]) -> str:
    return row["name"] if row["adapter"] is None else f"{row['name']}_{row['adapter']}"
