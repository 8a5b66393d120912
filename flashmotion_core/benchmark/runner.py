"""Measure rows clip by clip. Each clip's figures are kept in a file of their own, so that a stopped benchmark continues where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..extractors.extractor import Extractor
from ..files.whole_file import write_whole
from ..sets.point_tracks import read_point_tracks
from ..tracking import ObjectTracker
from ..tracking.label_masks import LabelMasks, read_label_folder
from ..tracking.points import points_protocol
from ..video.frames import Frames
from .bench_files import FITTED, content_digest
from .bench_measures import first_boxes, measure_clip
from .bench_rows import BenchRow, check_names, real
from .clip_set import NAMED, BenchClip, BenchSet
from .kept_features import features_of_clip

FORMAT = 2
"""Of the kept figures: to be raised when a figure changes its meaning."""
ALLOWED = 0.01
"""The share of a row's clips that may be missing or damaged."""

Measured = dict[str, dict[str, Any]]
"""Figures by the name of the clip."""
TrackerOf = Callable[[BenchRow, BenchClip], ObjectTracker]


@dataclass(frozen=True, eq=False)
class Measuring:
    """How clips are measured.

    Attributes:
        tracker_of: the tracker of a clip in a row.
        extractors: of features for Frechet and kernel distances.
        allowed: share of clips that may be broken.
        shard: (number from 0, of how many): only every such clip.
        progress: called with row, clips done, clips.
    """

    tracker_of: TrackerOf
    extractors: Sequence[Extractor] = ()
    allowed: float = ALLOWED
    shard: tuple[int, int] = (0, 1)
    progress: Callable[[str, int, int], None] = lambda row, done, count: None


@dataclass(eq=False)
class RowFigures:
    """What was measured of a row, and what could not be and why, by clip; features [K, D] by extractor and clip."""

    row: BenchRow
    clips: Measured = field(default_factory=dict)
    features: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


class BrokenClipsError(ValueError):
    """A row has more broken clips than allowed; `fitted` if some have another size or length than the set's."""

    def __init__(self, sentence: str, fitted: bool) -> None:
        super().__init__(sentence)
        self.fitted = fitted


def measure_rows(bench_set: BenchSet, rows: Sequence[BenchRow], folder: Path, how: Measuring) -> list[RowFigures]:
    """All rows; finished clips are read from `folder`.

    Raises:
        ValueError: more clips of a row are broken than allowed (`BrokenClipsError`, which names them), or two rows have one name.
    """
    check_names(rows)
    return [_measure_row(bench_set.clips, row, folder / row.name, how) for row in rows]


def _measure_row(every: Sequence[BenchClip], row: BenchRow, folder: Path, how: Measuring) -> RowFigures:
    found = RowFigures(row, features={extractor.name: {} for extractor in how.extractors})
    number, count = how.shard
    clips = every[number::count]
    for done, clip in enumerate(clips):
        how.progress(row.name, done, len(clips))
        try:
            figures, features = _measured(row, clip, folder, how)
        except ValueError as error:
            found.broken[clip.name] = _one_line(error)
            if len(found.broken) > how.allowed * len(every):
                found.broken |= {} if row.made else _unreadable(row, clips[done + 1 :], how.tracker_of)
                raise _too_many(found, len(every), how.allowed) from error
            continue
        found.clips[clip.name] = figures
        for name, features_KD in features.items():
            found.features[name][clip.name] = features_KD
    how.progress(row.name, len(clips), len(clips))
    return found


def _unreadable(row: BenchRow, clips: Sequence[BenchClip], tracker_of: TrackerOf) -> dict[str, str]:
    """The clips that cannot be read, or whose tracker's masks cannot: who has to make one again wants to know of all."""
    found = {}
    for clip in clips:
        try:
            row.frames(clip)
            tracker = tracker_of(row, row.asks(clip))
            if isinstance(tracker, LabelMasks):
                read_label_folder(tracker.folder, first=1)
        except ValueError as error:
            found[clip.name] = _one_line(error)
    return found


def _one_line(error: ValueError) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _too_many(found: RowFigures, count: int, allowed: float) -> BrokenClipsError:
    alike: dict[str, list[str]] = {}
    for name, reason in list(found.broken.items())[:NAMED]:
        alike.setdefault(reason, []).append(name)
    named = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in alike.items())
    named += f"; and {len(found.broken) - NAMED} more" if len(found.broken) > NAMED else ""
    # Clips of another size or length may be right, and the set's form wrong for them.
    fitted = any(FITTED in reason for reason in found.broken.values())
    remedy = "make them again in the set's form, or the set in theirs" if fitted else "make them again"
    return BrokenClipsError(
        f"the row {found.row.name} has {len(found.broken)} of {count} clips that cannot be measured, more than {allowed:.0%} ({named}); "
        f"{remedy}, or allow a larger share.",
        fitted,
    )


def _measured(
    row: BenchRow, clip: BenchClip, folder: Path, how: Measuring
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """A clip's figures and features, read where they were measured under the same marks."""
    asked = row.asks(clip)
    tracker = how.tracker_of(row, asked)
    mark = row.mark(clip)
    read: list[Frames] = []

    def frames() -> Frames:
        if not read:
            read.append(row.frames(clip))
        return read[0]

    whole = _mark(mark, asked, tracker)
    figures = _kept(folder / f"{clip.name}.json", whole)
    if figures is None:
        figures = measure_clip(
            frames(),
            asked,
            tracker,
            real_THWC=None if asked.real is None else real(asked),
            masks_TNHW=_real_masks(asked),
            tracks=None if asked.tracks is None else read_point_tracks(asked.tracks),
        )
        write_whole(folder / f"{clip.name}.json", json.dumps({"mark": whole, **figures}, allow_nan=False) + "\n")
    features = {
        extractor.name: features_of_clip(
            folder / extractor.name / f"{clip.name}.npz",
            f"{FORMAT} {mark} {extractor.protocol}",
            extractor,
            frames,
        )
        for extractor in how.extractors
    }
    return figures, features


def _real_masks(clip: BenchClip) -> NDArray[np.bool_] | None:
    """The set's masks of a clip [T, N, H, W]; None if it has none. Raises ValueError for another number or size than the clip's."""
    if clip.masks is None:
        return None
    labels_THW = read_label_folder(clip.masks)
    width, height = clip.trajectory.size
    if labels_THW.shape != (clip.trajectory.frames, height, width):
        raise ValueError(
            f"the masks in {clip.masks.name} are {list(labels_THW.shape)}, its document {clip.trajectory.frames} frames of {width} x {height}"
        )
    masks_TNHW: NDArray[np.bool_] = labels_THW[:, None] == np.arange(1, len(clip.trajectory.objects) + 1)[:, None, None]
    return masks_TNHW


def _mark(frames_mark: str, clip: BenchClip, tracker: ObjectTracker) -> str:
    """A digest of everything that a clip's figures depend on."""
    parts = [
        str(FORMAT),
        frames_mark,
        tracker.protocol,
        repr((first_boxes(clip).tolist(), clip.asked.boxes_TN4.tolist(), clip.asked.visible_TN.tolist())),
        "" if clip.real is None else content_digest(clip.real),
        "" if clip.masks is None else content_digest(clip.masks),
    ]
    if clip.tracks is not None:
        parts += [content_digest(clip.tracks), points_protocol(tracker)]
    if isinstance(tracker, LabelMasks) and tracker.folder.is_dir():
        parts.append(content_digest(tracker.folder))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _kept(file: Path, mark: str) -> dict[str, Any] | None:
    """The figures measured earlier under the same mark."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.pop("mark", None) == mark else None
