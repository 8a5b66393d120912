"""A phase's log as one picture, with a panel per group of metrics."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.files.whole_file import write_whole

from ..errors import TrainError
from .console import Console
from .run_log import Series, read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, PANEL_HEIGHT, COLUMNS, DPI = 16.0, 3.3, 3, 100  # inches, inches, panels, dots per inch: 1600 px
TOP, LEFT, RIGHT, ACROSS, DOWN = 0.85, 0.65, 0.75, 1.35, 0.65
"""Inches around and between panels: for the title, the figures of an axis, and a legend of sigma bins. To measure them takes longer than to draw."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""The palette of Okabe and Ito, which colour-blind people can tell apart; strongest first."""
INK, SOFT = "#22272e", "#6b7580"
Floats = NDArray[np.float64]


def panels_of(names: list[str]) -> dict[str, list[str]]:
    """The metrics of each panel; losses first, then in order of appearance.

    A panel is named by the part before the first slash; sigma bins get their own panel.
    """
    panels: dict[str, list[str]] = {}
    for name in names:
        base, is_bin, _ = name.partition("/sigma_")
        panel = name.split("/")[0] if not is_bin else base if "sigma" in base else f"{base} by sigma"
        panels.setdefault(panel, []).append(name)
    return dict(sorted(panels.items(), key=lambda item: not item[0].startswith("loss")))


def smoothed(values_N: Floats) -> Floats:
    """Moving average ``[N]`` over about a thirtieth of the run, without bias from a starting value; values that are not finite are skipped."""
    kept = 1 - 1 / max(1.0, len(values_N) / 30)
    total = weight = 0.0
    averages = np.full(len(values_N), math.nan)
    for index, value in enumerate(values_N):
        if math.isfinite(value):
            total, weight = kept * total + (1 - kept) * value, kept * weight + (1 - kept)
            averages[index] = total / weight
    return averages


def wants_log_axis(names: list[str], values_N: Floats) -> bool:
    """Whether a panel needs a logarithmic axis: losses or gradients, all above 0, that span more than a factor of 5."""
    finite = values_N[np.isfinite(values_N)]
    if (
        not finite.size
        or finite.min() <= 0
        or not any(word in name for name in names for word in ("loss", "norm", "gradient"))
    ):
        return False
    return bool(finite.max() > 5 * finite.min())


def draw_curves(log_csv: Path, png: Path, title: str) -> None:
    """Draw every metric of a ``log.csv`` into a PNG 1600 pixels wide, raw values faint and their moving average on top.

    Steps where a value is not finite are marked in red.

    Raises:
        TrainError: the file is empty or not a log, or matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure  # not pyplot: that keeps figures, and asks for a display
    except ImportError as error:
        raise TrainError(
            f"matplotlib cannot be loaded ({error}), but curves need it; pip install matplotlib."
        ) from error
    log = read_log(log_csv)
    if not log:
        raise TrainError(f"{log_csv} holds no values yet, so there are no curves to draw; train first.")
    panels = panels_of(list(log))
    rows = math.ceil(len(panels) / COLUMNS)
    height = round(PANEL_HEIGHT * rows + 0.6, 1)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, y=1 - 0.12 / height, ha="left", va="top", fontsize=15, fontweight="bold", color=INK)
    axes = figure.subplots(rows, COLUMNS, squeeze=False, gridspec_kw=_places(rows, height)).ravel()
    everything = [step for steps, _ in log.values() for step in steps]
    margin = 0.02 * max(1, max(everything) - min(everything))
    for ax, (panel, names) in zip(axes, panels.items(), strict=False):
        _draw_panel(ax, panel, {name: log[name] for name in names})
        ax.set_xlim(min(everything) - margin, max(everything) + margin)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    write_whole(png, partial(figure.savefig, format="png"))


def _places(rows: int, height: float) -> dict[str, float]:
    """Where the panels of a figure of this height in inches lie, as matplotlib wants it: in shares of the figure and of a panel."""
    panel_width = (WIDTH - LEFT - RIGHT - ACROSS * (COLUMNS - 1)) / COLUMNS
    bottom = 0.35
    panel_height = (height - TOP - bottom - DOWN * (rows - 1)) / rows
    return {
        "left": LEFT / WIDTH,
        "right": 1 - RIGHT / WIDTH,
        "top": 1 - TOP / height,
        "bottom": bottom / height,
        "wspace": ACROSS / panel_width,
        "hspace": DOWN / panel_height,
    }


def _draw_panel(ax: Axes, panel: str, series: dict[str, Series]) -> None:
    names = list(series)
    by_sigma = "/sigma_" in names[0]
    arrays = {name: (np.array(steps), np.array(values, dtype=np.float64)) for name, (steps, values) in series.items()}
    for index, name in enumerate(sorted(names) if by_sigma else names):
        steps_N, values_N = arrays[name]
        style: dict[str, Any] = {"color": _sigma_colour(name) if by_sigma else COLOURS[index % len(COLOURS)]}
        if index >= len(COLOURS) and not by_sigma:
            style["linestyle"] = "--"
        if len(steps_N) == 1:
            style["marker"] = "o"
        if not by_sigma:  # ten clouds on top of each other would hide the lines
            ax.plot(steps_N, values_N, linewidth=0.8, alpha=0.22, color=style["color"])
        label = name.rpartition("/sigma_")[2] if by_sigma else name.partition("/")[2] or name
        # A learning rate has no noise, so smoothing would only delay it.
        line_N = values_N if panel == "lr" else smoothed(values_N)
        ax.plot(steps_N, line_N, linewidth=1.7, label=label, zorder=10 - index, **style)
        for step in steps_N[~np.isfinite(values_N)]:
            ax.axvline(step, color="#c00000", linewidth=1, alpha=0.6)
    if wants_log_axis(names, np.concatenate([values_N for _, values_N in arrays.values()])):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    _dress(ax, panel, names, by_sigma)


def _dress(ax: Axes, panel: str, names: list[str], by_sigma: bool) -> None:
    title = panel if by_sigma or len(names) > 1 else names[0].replace("/", ": ")
    ax.set_title(title.replace("_", " "), loc="left", fontsize=11, color=INK)
    ax.yaxis.get_offset_text().set(fontsize=8, color=SOFT)
    ax.grid(True, which="major", color="#e4e8ec", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#b8c0c8")
    ax.tick_params(labelsize=9, colors=SOFT, which="both")
    if by_sigma:
        ax.legend(
            *(loc[::-1] for loc in ax.get_legend_handles_labels()),
            title="sigma from",
            title_fontsize=8,
            fontsize=8,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            labelspacing=0.25,
            handlelength=1.4,
        )
    elif len(names) > 1:
        ax.legend(fontsize=9, frameon=True, framealpha=0.8, edgecolor="none", labelspacing=0.3, handlelength=1.4)


def _sigma_colour(name: str) -> Any:
    """Dark for little noise, bright for much noise."""
    from matplotlib import colormaps

    return colormaps["plasma"](0.9 * float(name.rpartition("/sigma_")[2]))


def draw(folder: Path, name: str, console: Console) -> None:
    """Draw the curves of a phase's log, if it holds anything."""
    log = folder / "log.csv"
    if log.is_file() and read_log(log):
        draw_curves(log, folder / "curves.png", name)
        console.say(f"{name}: curves are in {folder / 'curves.png'}")
