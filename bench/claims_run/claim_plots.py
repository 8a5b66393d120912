"""The page's pictures: every row with its interval, the curves of training, and the first held-out clip in every row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .claim_calls import CONTROLNET, NAMES, RESNET
from .claim_statistics import FRECHET, MeasuredRow, interval_of
from .claim_verdicts import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"": "#6b7580", RESNET: "#0072b2", CONTROLNET: "#d55e00"}
INK = "#22272e"
PANELS = (
    ("box_iou", "box IoU (more is better)"),
    ("sharpness", "sharpness, share of the real clip's"),
    (FRECHET, "Frechet distance (less is better)"),
)
CURVES = (
    ("loss/flow", "flow matching loss", ("base", "stage1_resnet", "stage1_controlnet")),
    ("motion/student", "motion of the student", ("stage2",)),
    ("motion/teacher", "motion of its teacher", ("stage2",)),
    ("gan/accuracy", "accuracy of the discriminator while it trains", ()),
    ("loss/diffusion", "diffusion loss of the adapter", ()),
    ("lambda/value", "lambda", ()),
)


def _figure(width: float, height: float) -> tuple[Any, Figure]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "text.color": INK})
    return plt, plt.figure(figsize=(width, height), layout="constrained")


def title_of(row: MeasuredRow) -> str:
    """A row's name for people."""
    name = NAMES.get(row.name, row.name)
    return f"{name}, ControlNet" if row.kind == CONTROLNET else name


def plot_rows(results: Results, rows: Sequence[MeasuredRow], file: Path) -> None:
    """A panel for each of the three main measures, a line for each row."""
    plt, figure = _figure(12, 1 + 0.3 * len(rows))
    axes = figure.subplots(1, len(PANELS), sharey=True)
    real = results.rows["real", ""]
    for axis, (measure, title) in zip(axes, PANELS, strict=True):
        for place, row in enumerate(reversed(rows)):
            found = interval_of(row, measure, real)
            if np.isfinite(found.value):
                axis.plot(
                    [found.low, found.high], [place, place], color=COLOURS[row.kind], lw=2, solid_capstyle="round"
                )
                axis.plot([found.value], [place], "o", color=COLOURS[row.kind], ms=5)
        axis.set_title(title, fontsize=10)
        axis.grid(axis="x", color="#e3e6ea")
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(rows)), [f"{title_of(row)} ({row.seeds})" for row in reversed(rows)])
    figure.savefig(file, dpi=110)
    plt.close(figure)


def plot_curves(folder: Path, file: Path) -> bool:
    """The curves of training that are there; whether there are any."""
    source = folder / "curves.json"
    if not source.is_file():
        return False
    curves = json.loads(source.read_text(encoding="utf-8"))
    plt, figure = _figure(13, 7)
    for axis, (measure, title, only) in zip(figure.subplots(2, 3).flat, CURVES, strict=True):
        names = [name for name in curves if measure in curves[name] and (name in only or not only)]
        shown = [name for name in names if only or name.endswith("_0")]
        for number, name in enumerate(shown):
            steps, values = zip(*curves[name][measure], strict=True)
            label = name.removesuffix("_0").replace("_", " ")
            axis.plot(steps, values, color=plt.cm.tab20(number % 20), lw=1.2, label=label)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("iteration")
        axis.grid(color="#e3e6ea")
        if 0 < len(shown) <= 20:
            axis.legend(fontsize=5.5, frameon=False)
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return True


def plot_clips(rows: Sequence[MeasuredRow], files: Sequence[Path], file: Path) -> None:
    """Some frames of the first held-out clip, a line for each row."""
    plt, figure = _figure(9, 1.1 * len(rows))
    for axis, row, one in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, files, strict=True):
        axis.imshow(plt.imread(one), interpolation="nearest")
        axis.axis("off")
        axis.text(-0.02, 0.5, title_of(row), transform=axis.transAxes, ha="right", va="center", fontsize=8)
    figure.savefig(file, dpi=100)
    plt.close(figure)
