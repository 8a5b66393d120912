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
WARM_UP = ("base", "stage1_resnet", "stage1_controlnet")
CURVES = (
    ("flow matching loss", {"loss/flow": ""}, WARM_UP),
    (
        "motion of clips while stage 2 trains",
        {"motion/student": "student", "motion/teacher": "teacher", "motion/real": "real clips"},
        ("stage2",),
    ),
    ("accuracy of the discriminator", {"gan/accuracy": ""}, ()),
    ("diffusion loss of the adapter", {"loss/diffusion": ""}, ()),
    ("DMD loss", {"loss/dmd": ""}, ("stage2", "resnet_dmd_0")),
    ("lambda", {"lambda/value": ""}, ()),
)
"""Title, measures with what each is called, and the trainings that are shown; none for the first seed of every arm."""
PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#8a6d00",
    "#56b4e9",
    "#7a3db8",
    "#444b54",
    "#e69f00",
    "#9b2226",
    "#1b7f79",
    "#6b7580",
)
LEVELS = {"accuracy of the discriminator": {0.5: "guessing", 0.75: "the gate"}}


def new_figure(width: float, height: float) -> tuple[Any, Figure]:
    """Matplotlib and an empty figure in the look of all pages."""
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
    plt, figure = new_figure(12, 1 + 0.3 * len(rows))
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
    axes[0].set_yticks(range(len(rows)), [_with_seeds(row) for row in reversed(rows)])
    for axis in axes:
        for place in range(1, len(rows)):
            if rows[-place].kind != rows[-place - 1].kind:
                axis.axhline(place - 0.5, color="#c9ced4", lw=0.8)
    dots = [plt.Line2D([], [], marker="o", lw=2, color=color) for color in COLOURS.values()]
    kinds = ["needs no adapter", "ResNet adapter", "ControlNet adapter"]
    figure.legend(dots, kinds, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _with_seeds(row: MeasuredRow) -> str:
    return title_of(row) if row.seeds == 1 else f"{title_of(row)}, {row.seeds} seeds"


def plot_curves(folder: Path, file: Path) -> bool:
    """The curves of training that are there; whether there are any. An arm has one colour in all panels."""
    source = folder / "curves.json"
    if not source.is_file():
        return False
    curves = json.loads(source.read_text(encoding="utf-8"))
    plt, figure = new_figure(13, 14)
    arms = sorted(name for name in curves if name.endswith("_0"))
    looks = {name: (PALETTE[n % len(PALETTE)], "-" if n < len(PALETTE) else "--") for n, name in enumerate(arms)}
    for axis, (title, measures, only) in zip(figure.subplots(3, 2).flat, CURVES, strict=True):
        shown = [(name, measure) for name in only or arms for measure in measures if measure in curves.get(name, {})]
        for number, (name, measure) in enumerate(shown):
            steps, values = zip(*curves[name][measure], strict=True)
            color, line = (PALETTE[number], "-") if only else looks[name]
            axis.plot(steps, values, line, color=color, lw=1.5, label=measures[measure] or _training(name))
        for level, what in LEVELS.get(title, {}).items():
            axis.axhline(level, color=INK, lw=0.8, ls=":")
            axis.annotate(what, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
        axis.set_title(title, fontsize=11)
        axis.set_xlabel("iteration")
        axis.grid(color="#e3e6ea")
        if shown:
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8, frameon=False)
    figure.savefig(file, dpi=90)
    plt.close(figure)
    return True


def _training(name: str) -> str:
    """A training's name for people: "stage1_resnet", "resnet_without_video_attention_0"."""
    words = name.removesuffix("_0").replace("stage1", "stage 1,").replace("judge", "discriminator alone").split("_")
    shown = {
        "resnet": "ResNet",
        "controlnet": "ControlNet",
        "gan": "GAN",
        "dmd": "DMD",
        "lcm": "LCM",
        "stage2": "stage 2",
    }
    return " ".join(shown.get(word, word) for word in words)


def plot_clips(rows: Sequence[MeasuredRow], files: Sequence[Path], file: Path) -> None:
    """Some frames of the first held-out clip, a line for each row."""
    plt, figure = new_figure(9, 1.1 * len(rows))
    for axis, row, one in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, files, strict=True):
        axis.imshow(plt.imread(one), interpolation="nearest")
        axis.axis("off")
        axis.text(-0.02, 0.5, title_of(row), transform=axis.transAxes, ha="right", va="center", fontsize=8)
    # Drawn beyond its axis, a name is not part of the layout.
    figure.savefig(file, dpi=80, bbox_inches="tight")
    plt.close(figure)
    _fewer_colours(file)


def _fewer_colours(file: Path) -> None:
    """A third of the bytes, for a picture that is committed."""
    from PIL import Image

    with Image.open(file) as picture:
        picture.convert("RGB").quantize(160).save(file, optimize=True)
