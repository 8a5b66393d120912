"""The evaluation phase: how each generator with each adapter does on held-out clips, between an upper and a lower bound.

There is one row per combination and set of clips. The ranks share a row's clips: each samples and decodes its own; the first one measures and
writes. Every figure of every clip is kept in `phases/evaluate/rows` as soon as it is there, under a mark of all that it depends on: an
evaluation that was interrupted continues with the next clip, and a clip that is new or changed is measured alone.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from flashmotion_core.video.frames import Frames

from ..data.encoded import EncodedClips
from ..data.worker_pool import worker_pool
from ..errors import TrainError
from ..files import content_hash, digest
from ..parallel import broadcast_object
from ..run_folder.artifacts import Artifacts
from ..run_folder.generator_file import sizes_of
from ..run_folder.run import Run
from .evaluation_rows import ELSEWHERE_REAL, REAL, TIMED_CLIPS, Row, rows_to_measure
from .features import DEFAULT
from .held_out import ClipSet, clip_sets
from .kept_row import KeptRow
from .measuring import ClipMeasuring
from .report_page import SHOWN, show_row, write_results
from .row_samples import Sampler, asked_clip, bound_frames, neighbour, sampled_frames
from .sample_clips import SEED, place_of
from .summary import RowResult
from .video_trackers import tracker_of

FORMAT = 2
"""Of what is kept; another one is measured again."""


def evaluate(run: Run) -> None:
    """Measure all rows on all sets and write `report/index.html` and, last, `report/metrics.json`; called on every rank.

    Raises:
        TrainError: networks, clips, the feature network or a tracker are missing, a sample is not finite, or a measuring process died.
    """
    artifacts, settings = Artifacts(run), run.config.evaluate
    sets = clip_sets(run, artifacts)
    features, tracker = _features_file(run), tracker_of(run.config, run.world.device.type)
    found: dict[str, list[RowResult]] = {}
    # A model of a tracker is loaded once, here; everything else is measured beside the sampling, if there are workers.
    here = not run.world.is_main or tracker.sam2 is not None or settings.workers == 0
    with nullcontext() if here else worker_pool(settings.workers) as pool:
        measuring = ClipMeasuring(pool, settings.workers, features, tracker)
        for clips in sets:
            found[clips.name] = _measure_set(run, artifacts, clips, measuring)
    if run.world.is_main:
        folder, first = run.phase_folder("evaluate") / "rows" / sets[0].name, sets[0]
        clip = first.source.clip(first.clips().numbers[0])
        write_results(artifacts, found, {clips.name: clips.seed for clips in sets}, folder, clip)


def _measure_set(run: Run, artifacts: Artifacts, clips: ClipSet, measuring: ClipMeasuring) -> list[RowResult]:
    """All rows of a set; an empty list on ranks that only sample."""
    settings, encoded = run.config.evaluate, clips.clips()
    count = min(settings.clips, len(encoded))
    if count < settings.clips:
        run.console.say(
            f"evaluate: evaluate.clips is {settings.clips}, but only {count} clips are held out; all {count} are measured."
        )
    folder = run.phase_folder("evaluate") / "rows" / clips.name
    found = []
    for row in rows_to_measure(run.config, len(encoded)):
        marks = RowMarks(artifacts, row, encoded, count, measuring)
        kept = KeptRow(folder / f"{row.key}.jsonl")
        # Only the first rank looks, as the others may see the shared folder change later.
        todo, untimed = broadcast_object(run.world, _missing(row, marks, kept) if run.world.is_main else ([], False))
        title = f"{clips.name}/{row.key}" if clips.name else row.key
        if todo or untimed:
            if run.world.is_main and len(todo) < count:
                run.console.say(f"evaluate: {title}: {count - len(todo)} of {count} clips were already measured.")
            _measure_row(run, artifacts, _RowWork(row, clips, title, marks, kept), todo, measuring, untimed=untimed)
            if run.world.device.type == "cuda":
                gc.collect()
                torch.cuda.empty_cache()
        else:
            run.console.say(f"evaluate: {title} was already measured.")
        if run.world.is_main:
            kept.tidy(marks.all)
            found.append(_result(row, marks, kept))
    return found


@dataclass(frozen=True)
class RowMarks:
    """Hashes of everything that a row's figures depend on; weights count by size and time, as in the story."""

    artifacts: Artifacts
    row: Row
    clips: EncodedClips
    count: int
    measuring: ClipMeasuring

    @cached_property
    def whole(self) -> str:
        """What all clips depend on."""
        row, artifacts, measuring = self.row, self.artifacts, self.measuring
        files, settings = [artifacts.vae_path], artifacts.config.evaluate
        # A row is of one machine: its seconds compare, and another card or kernel rounds in another way.
        device = artifacts.run.world.device
        machine = [torch.cuda.get_device_name(device) if device.type == "cuda" else device.type]
        if row.generator is not None:
            assert row.kind is not None
            path = artifacts.generator_path(row.generator)
            files += [path, artifacts.adapter_path(row.adapter, row.kind)]
            machine += [artifacts.builder.attention(sizes_of(path)).name] if path.exists() else []
        stamps = [[path.stat().st_size, path.stat().st_mtime_ns] if path.exists() else None for path in files]
        network = None if measuring.features is None else content_hash(measuring.features)
        noise = (SEED, settings.guidance_scale, artifacts.config.precision)
        tracker = None if _is_synthetic(self.clips) else measuring.tracker.mark
        return digest(FORMAT, asdict(row), noise, stamps, network, tracker, machine)

    @cached_property
    def by_clip(self) -> list[str]:
        """What each clip's figures depend on."""
        return [self._clip(index) for index in range(self.count)]

    @property
    def timed(self) -> str:
        """What the seconds depend on."""
        return digest("seconds", self.whole, self.by_clip[:TIMED_CLIPS])

    @property
    def shown(self) -> str:
        """What the pictures depend on."""
        return digest("shown", self.by_clip[:SHOWN])

    @property
    def all(self) -> list[str]:
        """All lines of the row."""
        return [*self.by_clip, self.timed, self.shown]

    def _clip(self, index: int) -> str:
        files = [self.clips.records[index].file]
        if self.row.boxes == "others":
            files.append(self.clips.records[neighbour(self.clips, index)].file)
        return digest(self.whole, files, place_of(self.clips, index))


@dataclass(frozen=True, eq=False)
class _RowWork:
    """A row that is being sampled."""

    row: Row
    clips: ClipSet
    title: str
    marks: RowMarks
    kept: KeptRow


def _missing(row: Row, marks: RowMarks, kept: KeptRow) -> tuple[list[int], bool]:
    """The clips that are not measured or, of the first ones, not shown yet; and whether the row is still to be timed."""
    is_shown = row.name in (REAL, ELSEWHERE_REAL) or kept.value(marks.shown, "shown") is not None
    todo = [
        index
        for index, mark in enumerate(marks.by_clip)
        if kept.figures(mark) is None or (index < SHOWN and not is_shown)
    ]
    return todo, row.is_timed and kept.value(marks.timed, "seconds") is None


def _measure_row(
    run: Run, artifacts: Artifacts, work: _RowWork, todo: Sequence[int], measuring: ClipMeasuring, *, untimed: bool
) -> None:
    """Measure, show and time what is missing of a row; ranks that only sample keep nothing."""
    row, clips, marks, kept = work.row, work.clips, work.marks, work.kept
    sampler = None if row.generator is None else Sampler(artifacts, row, clips)
    timed = range(min(TIMED_CLIPS, marks.count))
    if not run.world.is_main:
        for _ in () if sampler is None else sampled_frames(sampler, todo):
            pass
        if sampler is not None and untimed:
            sampler.seconds(len(timed))
        return
    frames = bound_frames(artifacts, row, clips, todo) if sampler is None else sampled_frames(sampler, todo)
    done = marks.count - len(todo)
    with run.console.phase(f"evaluate/{work.title}", marks.count, start=done) as progress:
        for index, (scores, features) in measuring.figures(clips, _shown(work, frames), elsewhere=row.elsewhere):
            kept.keep(marks.by_clip[index], scores=scores, features=features)
            done += 1
            progress.update(done)
    # Timed after the measuring processes are idle, as they would slow it down.
    if sampler is not None and untimed:
        kept.keep(marks.timed, seconds=sampler.seconds(len(timed)))


def _shown(work: _RowWork, frames: Iterable[tuple[int, Frames | None]]) -> Iterator[tuple[int, Frames | None]]:
    """The same clips; pictures of the first ones are written as they pass."""
    row, clips, marks = work.row, work.clips, work.marks
    encoded, seen = clips.clips(), list[Frames]()
    for index, frames_THWC in frames:
        if index < SHOWN and frames_THWC is not None:
            seen.append(frames_THWC)
            if index == min(SHOWN, marks.count) - 1:
                asked = [asked_clip(clips.source, encoded, number, row) for number in range(index + 1)]
                show_row(work.kept.file.parent, row.key, asked, seen)
                work.kept.keep(marks.shown, shown=True)
        yield index, frames_THWC


def _result(row: Row, marks: RowMarks, kept: KeptRow) -> RowResult:
    figures = [kept.figures(mark) for mark in marks.by_clip]
    scores, features = zip(*(found for found in figures if found is not None), strict=True)
    features_ND = None if None in features else np.array(features, dtype=np.float64)
    seconds = kept.value(marks.timed, "seconds")
    return RowResult(row.name, row.kind, len(row.sigmas) or None, list(scores), features_ND, seconds)


def _is_synthetic(clips: EncodedClips) -> bool:
    return "synthetic" in clips.records[0].origin


def _features_file(run: Run) -> Path | None:
    """The feature network's file; None to leave out Frechet distances.

    Raises:
        TrainError: the file does not exist.
    """
    if run.config.evaluate.features is None:
        return None
    if not DEFAULT.is_file():
        raise TrainError(
            f"the feature network {DEFAULT} does not exist; train it with python -m train.feature_network, or leave out Frechet distances with "
            "evaluate.features=null."
        )
    return DEFAULT
