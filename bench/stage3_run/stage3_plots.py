"""The page's two pictures: who can tell what apart at which noise, and what each arm changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.claims_run.claim_plots import INK, PALETTE, new_figure
from bench.claims_run.claim_statistics import FRECHET

from .stage3_jobs import ARMS
from .stage3_pairs import KINDS
from .stage3_results import LEVELS, MEASURES, Stage3Results, rate

TITLES = {
    "box_iou": "change of box IoU (up is better)",
    "sharpness": "change of sharpness",
    FRECHET: "change of Frechet (down is better)",
}
MARKERS = "osD^v"


def plot_judges(results: Stage3Results, file: Path) -> bool:
    """A panel for each kind of sample, a line for each judge; whether there was one."""
    everyone = results.judges()
    if not everyone:
        return False
    plt, figure = new_figure(12, 4.2)
    axes = figure.subplots(1, len(KINDS), sharey=True)
    for axis, kind in zip(axes, KINDS, strict=True):
        for number, (name, judgements) in enumerate(everyone.items()):
            if kind not in judgements:
                continue
            rates = [rate(judgements[kind][level]) for level in LEVELS]
            places = np.arange(len(LEVELS)) + 0.06 * (number - (len(everyone) - 1) / 2)
            errors = [[one.value - one.low for one in rates], [one.high - one.value for one in rates]]
            look = {"color": PALETTE[number], "marker": MARKERS[number % len(MARKERS)], "ms": 5, "lw": 1.5}
            axis.errorbar(places, [one.value for one in rates], errors, label=name, **look)
        axis.axhline(0.5, color=INK, lw=0.8, ls=":")
        axis.set_xticks(range(len(LEVELS)), LEVELS)
        axis.set_title(f"real clips or {kind}?", fontsize=10)
        axis.set_xlabel("noise level sigma")
        axis.grid(axis="y", color="#e3e6ea")
    axes[0].set_ylabel("right judgements (0.5: guessing)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(everyone), frameon=False)
    figure.savefig(file, dpi=100)
    plt.close(figure)
    return True


def plot_arms(results: Stage3Results, file: Path) -> bool:
    """A line of panels for each learning rate that was measured, an arm's curve in each; whether there was one."""
    counts = (0, *results.sizes["updates"])
    rates = [lr for lr in results.sizes["rates"] if any(results.change(name, lr, counts[1], FRECHET) for name in ARMS)]
    if not rates:
        return False
    plt, figure = new_figure(12, 0.6 + 3.2 * len(rates))
    panels = figure.subplots(len(rates), len(MEASURES), sharex=True, sharey="col", squeeze=False)
    for line, lr in zip(panels, rates, strict=True):
        for axis, measure in zip(line, MEASURES, strict=True):
            axis.axhline(0, color=INK, lw=0.8, ls=":")
            for number, name in enumerate(ARMS):
                found = {count: results.change(name, lr, count, measure) for count in counts}
                there = [(count, one) for count, one in found.items() if one is not None]
                places = [count + 0.012 * counts[-1] * (number - 1.5) for count, _ in there]
                errors = [[one.value - one.low for _, one in there], [one.high - one.value for _, one in there]]
                look = {"color": PALETTE[number], "marker": MARKERS[number], "ms": 5, "lw": 1.5}
                axis.errorbar(places, [one.value for _, one in there], np.maximum(errors, 0), label=name, **look)
            axis.set_title(f"{TITLES[measure]}, rate {lr:g}", fontsize=10)
            axis.grid(axis="y", color="#e3e6ea")
    for axis in panels[-1]:
        axis.set_xticks(counts)
        axis.set_xlabel("updates of the adapter")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(ARMS), frameon=False)
    figure.savefig(file, dpi=100)
    plt.close(figure)
    return True
