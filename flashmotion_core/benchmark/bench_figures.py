"""The benchmark's table from figures of single clips: means, intervals, groups, differences in pairs, and what the bounds say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extractors.extractor import Extractor
from ..metrics import mean_interval, paired_difference
from ..reports.cells import signed
from .bench_measures import FIGURES, against_other
from .bench_protocols import SEED, protocol, protocols
from .bounds import OTHERS, PASTE, REAL, STATIC, TITLES
from .clip_set import NAMED, BenchSet
from .distances import distances
from .runner import Measured, RowFigures

Array = NDArray[np.float64]

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


def results(
    bench_set: BenchSet,
    rows: Sequence[RowFigures],
    tracker: str,
    extractors: Sequence[Extractor] = (),
    *,
    points: str = "",
) -> dict[str, Any]:
    """Everything that the JSON file holds; rows of models come first, in the order given, then the bounds.

    Args:
        bench_set, rows: what was measured.
        tracker: its protocol.
        extractors: those that the rows were measured with.
        points: how it followed points, where the set has tracks.
    """
    models = [found for found in rows if found.row.folder is not None]
    first = models[0] if models else rows[0]
    real = next((found for found in rows if found.row.name == REAL), None)
    names = [clip.name for clip in bench_set.clips]
    shown = [
        _Shown(found.row.name, found.row.title, found.row.folder is not None, found.clips, found)
        for found in (*models, *(found for found in rows if found.row.folder is None))
    ]
    if len(bench_set.clips) > 1:
        title = f"{first.row.title}, {TITLES[OTHERS]}"
        shown.append(_Shown(OTHERS, title, False, _others(bench_set, first.clips), None))
    written = [
        {
            "name": row.name,
            "title": row.title,
            "model": row.model,
            **_row(row.clips, names),
            "distances": _distances(row.source, real, extractors),
            "against_first": _against(row.clips, first.clips, names) if row.name != first.row.name else None,
            "groups": _groups(row.clips),
            "iou_by_frame": _by_frame(row.clips),
            "clips": {name: _one(row.clips[name]) for name in names if name in row.clips},
            "seconds": None if row.source is None else row.source.row.seconds,
            "broken": {} if row.source is None else row.source.broken,
        }
        for row in shown
    ]
    compared = [found.row.name for found in models if found.row.follows_set]
    return {
        "protocol": protocol(bench_set, tracker, extractors),
        "protocols": protocols(bench_set, tracker, extractors, points),
        "extractors": {
            extractor.name: {"frechet": extractor.frechet, "kernel": extractor.kernel} for extractor in extractors
        },
        "set": bench_set.name,
        "checksum": bench_set.checksum,
        "seed": SEED,
        "rows": written,
        "notes": [
            *notes({row.name: row.clips for row in shown}, compared, names),
            *(
                f"{len(row.broken)} of {len(names)} clips of {row.row.title} could not be measured: its means are over fewer clips than other rows', "
                "so read the differences, which are taken over the clips that both have."
                for row in rows
                if row.broken
            ),
            *_few(written, extractors),
            *_uncounted(first),
            *(
                f"Clips of {row.row.title} that the set has no document for are not measured ({len(row.row.unasked)}): "
                f"{', '.join(row.row.unasked[:NAMED])}{', ...' if len(row.row.unasked) > NAMED else ''}."
                for row in rows
                if row.row.unasked
            ),
        ],
    }


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
        if pasted is not None and pasted[1][0] <= 0:
            better = "keeps to the boxes better than" if pasted[1][1] < 0 else "cannot be told by its boxes from"
            said.append(
                f"Copy and paste of frame 0's objects {better} {model} (box IoU {signed(-pasted[0])}, "
                f"{signed(-pasted[1][1])} to {signed(-pasted[1][0])}): this set alone does not show that a generator is needed."
            )
        if still is not None and still[1][0] <= 0:
            said.append(
                f"{model} does not keep to the boxes better than frame 0 standing still (box IoU {signed(still[0])}, "
                f"{signed(still[1][0])} to {signed(still[1][1])})."
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


def _one(figures: dict[str, Any]) -> dict[str, Any]:
    """A clip's figures, and those of its objects; of another row's clip, which has no objects of its own, what it has."""
    return {key: figures[key] for key in ("group", *FIGURES, "objects") if key in figures}


def _distances(row: RowFigures | None, real: RowFigures | None, extractors: Sequence[Extractor]) -> dict[str, Any]:
    """By extractor; None for a row without features, a set without real clips, or fewer than two clips."""
    if row is None or real is None:
        return dict.fromkeys(extractor.name for extractor in extractors)
    return {
        extractor.name: distances(
            row.features[extractor.name], real.features[extractor.name], itself=row is real, seed=SEED
        )
        for extractor in extractors
    }


def _few(rows: Sequence[dict[str, Any]], extractors: Sequence[Extractor]) -> list[str]:
    """A sentence for each extractor that sees fewer rows than dimensions."""
    said = []
    for extractor in extractors:
        found = next((row["distances"][extractor.name] for row in rows if row["distances"][extractor.name]), None)
        if found is not None and found["rows"] <= found["dimensions"]:
            said.append(
                f"{extractor.frechet} is biased upwards, with {found['rows']} rows of {found['dimensions']} features from {found['clips']} clips: "
                f"compare it with the same number of clips only, and prefer {extractor.kernel}, which is not."
            )
    return said


def _uncounted(first: RowFigures) -> list[str]:
    """A sentence on the clips that say nothing about control."""
    names = [name for name, figures in first.clips.items() if figures["box_iou"] is None]
    if not names:
        return []
    more = ", ..." if len(names) > NAMED else ""
    return [
        f"Clips without a box IoU, as no object of theirs shows on frame 0 and later ({len(names)}): {', '.join(names[:NAMED])}{more}."
    ]


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
