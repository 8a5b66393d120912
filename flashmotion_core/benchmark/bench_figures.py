"""The benchmark's table from figures of single clips: means, intervals, groups, differences in pairs, and what the bounds say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metrics import frechet_distance, mean_interval, paired_difference
from ..metrics.bootstrap import RESAMPLES, drawn
from ..metrics.frechet import centred_interval, resampled_distances
from ..metrics.keeping import LEAST_INSIDE
from ..metrics.kernel import kernel_distance
from .bench_measures import FIGURES, against_other
from .bounds import OTHERS, PASTE, REAL, STATIC, TITLES
from .clip_set import BenchSet
from .runner import Measured, RowFigures

Array = NDArray[np.float64]

SEED = 0
FRECHET_RESAMPLES = 500
GROUPS = ("1", "2", "3", "4", "5", "more")
COMPARED = ("box_iou", "centre_error", "lost", "sharpness")
"""Figures whose difference to the first row is told."""


class _Shown(NamedTuple):
    """A row of the table; `source` is where it was measured, None where it is another row's."""

    name: str
    title: str
    model: bool
    clips: Measured
    source: RowFigures | None


def results(bench_set: BenchSet, rows: Sequence[RowFigures], tracker: str, features: str) -> dict[str, Any]:
    """Everything that the JSON file holds; rows of models come first, in the order given, then the bounds."""
    models = [found for found in rows if found.row.folder is not None]
    first = models[0] if models else rows[0]
    real = next((found.clips for found in rows if found.row.name == REAL), None)
    names = [clip.name for clip in bench_set.clips]
    shown = [
        _Shown(found.row.name, found.row.title, found.row.folder is not None, found.clips, found)
        for found in (*models, *(found for found in rows if found.row.folder is None))
    ]
    if len(bench_set.clips) > 1:
        title = f"{first.row.title}, {TITLES[OTHERS]}"
        shown.append(_Shown(OTHERS, title, False, _others(bench_set, first.clips), None))
    return {
        "protocol": protocol(bench_set, tracker, features),
        "set": bench_set.name,
        "checksum": bench_set.checksum,
        "seed": SEED,
        "rows": [
            {
                "name": row.name,
                "title": row.title,
                "model": row.model,
                **_row(row.clips, names),
                **_distances(row.clips, real),
                "against_first": _against(row.clips, first.clips, names) if row.name != first.row.name else None,
                "groups": _groups(row.clips),
                "iou_by_frame": _by_frame(row.clips),
                "seconds": None if row.source is None else row.source.row.seconds,
                "broken": {} if row.source is None else row.source.broken,
            }
            for row in shown
        ],
        "notes": notes({row.name: row.clips for row in shown}, [found.row.name for found in models], names),
    }


def protocol(bench_set: BenchSet, tracker: str, features: str) -> str:
    """How the numbers came about, in one line."""
    sizes = {clip.trajectory.size for clip in bench_set.clips}
    lengths = {clip.trajectory.frames for clip in bench_set.clips}
    size = " or ".join(f"{width} x {height}" for width, height in sorted(sizes)) if len(sizes) < 4 else "several sizes"
    frames = " or ".join(map(str, sorted(lengths))) if len(lengths) < 4 else f"{min(lengths)} to {max(lengths)}"
    return (
        f"{bench_set.name}, {len(bench_set.clips)} clips, documents {bench_set.checksum[:12]}; {frames} frames of {size}, not resized; tracker: "
        f"{tracker}; frames 1 and later where an object is asked for, visible on frame 0 and at least {LEAST_INSIDE:.0%} inside; boxes clipped to "
        f"the frame; means over frames, objects, clips; Frechet: {features or 'not measured'}; 95 % bootstrap over clips, {RESAMPLES} resamples, "
        f"seed {SEED}"
    )


def values(clips: Measured, names: Sequence[str], figure: str) -> Array:
    """A figure of all clips in the set's order; NaN where a clip lacks it."""
    found = [clips.get(name, {}).get(figure) for name in names]
    return np.array(found, dtype=np.float64)


def notes(rows: dict[str, Measured], models: Sequence[str], names: Sequence[str]) -> list[str]:
    """What the bounds say about the set and the models, one sentence each."""
    said = []
    for model in models:
        pasted, still = (
            paired_difference(values(rows[model], names, "box_iou"), values(rows[bound], names, "box_iou"), SEED)
            if bound in rows
            else None
            for bound in (PASTE, STATIC)
        )
        if pasted is not None and pasted[0] < 0:
            said.append(
                f"Copy and paste of frame 0's objects keeps to the boxes better than {model} (box IoU {-pasted[0]:.3f} higher, "
                f"{-pasted[1][1]:.3f} to {-pasted[1][0]:.3f}): this set alone does not show that a generator is needed."
            )
        if still is not None and still[1][0] <= 0:
            said.append(
                f"{model} does not keep to the boxes better than frame 0 standing still (box IoU {still[0]:+.3f}, "
                f"{still[1][0]:+.3f} to {still[1][1]:+.3f})."
            )
    return said


def _row(clips: Measured, names: Sequence[str]) -> dict[str, Any]:
    """Means and intervals of all figures."""
    row: dict[str, Any] = {"measured": len(clips)}
    for figure in FIGURES:
        values_N = values(clips, names, figure)
        interval = mean_interval(values_N, SEED)
        row[figure] = None if interval is None else float(values_N[np.isfinite(values_N)].mean())
        row[f"{figure}_95"] = None if interval is None else list(interval)
    return row


def _distances(clips: Measured, real: Measured | None) -> dict[str, Any]:
    """Frechet and kernel distance to the real clips, on the clips that both have; of the real clips to themselves, the unbiased one means nothing."""
    nothing = {"frechet": None, "frechet_95": None, "kernel": None}
    if real is None:
        return nothing
    both = [name for name in clips if name in real and clips[name].get("features") and real[name].get("features")]
    if len(both) < 2:
        return nothing
    a_ND, b_ND = (np.array([row[name]["features"] for name in both], dtype=np.float64) for row in (clips, real))
    estimate = frechet_distance(a_ND, b_ND)
    low, high = centred_interval(estimate, resampled_distances(a_ND, b_ND, drawn(len(both), FRECHET_RESAMPLES, SEED)))
    return {
        "frechet": estimate,
        "frechet_95": [max(low, 0.0), high],
        "kernel": None if clips is real else kernel_distance(a_ND, b_ND),
    }


def _against(clips: Measured, first: Measured, names: Sequence[str]) -> dict[str, Any]:
    """Differences to the first row, clip by clip."""
    found: dict[str, Any] = {}
    for figure in COMPARED:
        pair = paired_difference(values(clips, names, figure), values(first, names, figure), SEED)
        found[figure] = None if pair is None else {"difference": pair[0], "95": list(pair[1])}
    return found


def _groups(clips: Measured) -> dict[str, Any]:
    """Box IoU, centre error and lost by number of objects."""
    found = {}
    for group in GROUPS:
        names = [name for name, figures in clips.items() if figures["group"] == group]
        if names:
            found[group] = _row({name: clips[name] for name in names}, names)
    return found


def _by_frame(clips: Measured) -> list[float | None]:
    """Box IoU by frame, mean over clips; as long as the longest clip."""
    rows = [np.array(figures["iou_by_frame"], dtype=np.float64) for figures in clips.values()]
    if not rows:
        return []
    padded = np.full((len(rows), max(map(len, rows))), np.nan)
    for padding, row in zip(padded, rows, strict=True):
        padding[: len(row)] = row
    counts_T = np.isfinite(padded).sum(axis=0)
    means_T = np.nansum(padded, axis=0) / np.maximum(counts_T, 1)
    return [float(mean) if count else None for mean, count in zip(means_T, counts_T, strict=True)]


def _others(bench_set: BenchSet, clips: Measured) -> Measured:
    """The first row's clips against the boxes of the next clip."""
    every = bench_set.clips
    return {
        clip.name: against_other(clips[clip.name], clip, every[(index + 1) % len(every)])
        for index, clip in enumerate(every)
        if clip.name in clips
    }
