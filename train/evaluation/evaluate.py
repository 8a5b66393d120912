"""The evaluation phase: how each generator with each adapter does on held-out clips, between an upper and a lower bound.

There is one row per combination and set of clips. The ranks share a row's clips: each samples and decodes its own; the first one measures and
writes.
A finished row is kept in `phases/evaluate/rows`, clip by clip, so that an interrupted evaluation continues with the next row.
"""

from __future__ import annotations

import gc
import json
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flashmotion_core.sampling import turbo_sigmas
from flashmotion_core.video import Frames

from ..data.encoded import EncodedClips
from ..data.worker_pool import worker_pool
from ..errors import TrainError
from ..files import content_hash, digest
from ..parallel import broadcast_object
from ..run_folder.artifacts import FAST, SLOW, Artifacts
from ..run_folder.run import Run
from .features import DEFAULT
from .held_out import ClipSet, clip_sets
from .measures import Scores, measure
from .report_page import SHOWN, show_row, write_json, write_results
from .result_texts import EVERY
from .row_samples import Row, Sampler, bound_frames, sampled_frames
from .sample_clips import SEED
from .summary import RowResult

TIMED_CLIPS = 3
"""Clips sampled once more, one by one, to time them."""


def rows_to_measure(run: Run, clips: int) -> list[Row]:
    """The bounds, and for each adapter what was trained and what it is compared with.

    Args:
        run: its configuration gives the adapters and the numbers of steps.
        clips: how many are held out; another clip's boxes need at least two.
    """
    schedule = run.config.steps.schedule()
    few, many = schedule.sigmas, turbo_sigmas(run.config.evaluate.slow_steps, schedule.shift)
    rows = [Row("real"), Row("oracle"), Row("static")]
    for adapter in run.config.models.adapters:
        kind = adapter.kind
        rows += [
            Row("slow_adapter", kind, SLOW, SLOW, many),
            Row("slow_adapter_few", kind, SLOW, SLOW, few),
            Row("slow_adapter_on_fast", kind, SLOW, FAST, few),
            Row("flashmotion", kind, FAST, FAST, few),
        ]
        if kind == "controlnet":
            rows += [
                Row(f"flashmotion{EVERY}{every}", kind, FAST, FAST, few, compute_every=every)
                for every in run.config.evaluate.compute_every
            ]
        if clips > 1:
            rows.append(Row("random_trajectory", kind, FAST, FAST, few, others_boxes=True))
    return rows


def evaluate(run: Run) -> None:
    """Measure all rows on all sets and write `report/index.html` and, last, `report/metrics.json`; called on every rank.

    Raises:
        TrainError: networks, clips or the feature network are missing, a sample is not finite, or a measuring process died.
    """
    artifacts, settings = Artifacts(run), run.config.evaluate
    sets = clip_sets(run, artifacts)
    features = _features_file(run)
    found: dict[str, list[RowResult]] = {}
    with worker_pool(settings.workers) if run.world.is_main else nullcontext() as pool:
        for clips in sets:
            found[clips.name] = _measure_set(run, artifacts, clips, features, pool)
    if run.world.is_main:
        folder, first = run.phase_folder("evaluate") / "rows" / sets[0].name, sets[0]
        clip = first.source.clip(first.clips().numbers[0])
        write_results(artifacts, found, {clips.name: clips.seed for clips in sets}, folder, clip)


def _measure_set(
    run: Run, artifacts: Artifacts, clips: ClipSet, features: Path | None, pool: ProcessPoolExecutor | None
) -> list[RowResult]:
    """All rows of a set; an empty list on ranks that only sample."""
    settings, encoded = run.config.evaluate, clips.clips()
    count = min(settings.clips, len(encoded))
    if count < settings.clips:
        run.console.say(
            f"evaluate: evaluate.clips is {settings.clips}, but only {count} clips are held out; all {count} are measured."
        )
    rows = rows_to_measure(run, len(encoded))
    folder = run.phase_folder("evaluate") / "rows" / clips.name
    marks = {row.key: _mark(artifacts, row, encoded, count, features) for row in rows}
    # Only the first rank looks, as the others may see the shared folder change later.
    kept = broadcast_object(run.world, {row.key: _kept(folder / f"{row.key}.json", marks[row.key]) for row in rows})
    found = {key: figures for key, figures in kept.items() if figures is not None}
    for row in rows:
        title = f"{clips.name}/{row.key}" if clips.name else row.key
        if row.key in found:
            run.console.say(f"evaluate: {title} was already measured.")
            continue
        figures = _measure_row(run, artifacts, row, clips, title, count, features, pool)
        if figures is not None:
            found[row.key] = {"mark": marks[row.key], **figures}
            write_json(folder / f"{row.key}.json", found[row.key])
        gc.collect()
        if run.world.device.type == "cuda":
            torch.cuda.empty_cache()
    return [_result(row, found[row.key]) for row in rows] if run.world.is_main else []


def _measure_row(
    run: Run,
    artifacts: Artifacts,
    row: Row,
    clips: ClipSet,
    title: str,
    count: int,
    features: Path | None,
    pool: ProcessPoolExecutor | None,
) -> dict[str, Any] | None:
    """The figures of each clip; None on ranks that only sample."""
    sampler = None if row.generator is None else Sampler(artifacts, row, clips)
    if pool is None:
        for _ in () if sampler is None else sampled_frames(sampler, count):
            pass
        if sampler is not None:
            sampler.seconds(min(TIMED_CLIPS, count))
        return None
    frames = bound_frames(artifacts, row, clips, count) if sampler is None else sampled_frames(sampler, count)
    encoded, network = clips.clips(), None if features is None else str(features)
    with run.console.phase(f"evaluate/{title}", count) as progress:
        jobs: list[Future[tuple[Scores, list[float] | None]]] = []
        shown: list[Frames] = []
        for index, frames_THWC in enumerate(frames):
            number, origin = encoded.numbers[index], encoded.records[index].origin
            jobs.append(pool.submit(measure, clips.source, number, origin, frames_THWC, network))
            if frames_THWC is not None and index < SHOWN:
                shown.append(frames_THWC)
            progress.update(sum(job.done() for job in jobs))
        try:
            found = []
            for job in jobs:
                found.append(job.result())
                progress.update(len(found))
        except BrokenProcessPool as error:
            raise TrainError(
                f"a process that measures clips died, probably out of memory, with evaluate.workers={run.config.evaluate.workers}; lower it and "
                "run again, as finished rows are kept."
            ) from error
    # Timed after the measuring processes are idle, as they would slow it down.
    seconds = None if sampler is None else sampler.seconds(min(TIMED_CLIPS, count))
    if shown:
        folder = run.phase_folder("evaluate") / "rows" / clips.name
        show_row(folder, row.key, [clips.source.clip(number) for number in encoded.numbers[: len(shown)]], shown)
    scores, values = zip(*found, strict=True)
    return {"clips": scores, "features": None if None in values else values, "seconds": seconds}


def _result(row: Row, figures: dict[str, Any]) -> RowResult:
    features = figures["features"]
    features_ND = None if features is None else np.array(features, dtype=np.float64)
    return RowResult(row.name, row.kind, len(row.sigmas) or None, figures["clips"], features_ND, figures["seconds"])


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


def _mark(artifacts: Artifacts, row: Row, clips: EncodedClips, count: int, features: Path | None) -> str:
    """A digest of everything that a row's figures depend on; weights count by size and time, as in the story."""
    files, settings = [artifacts.vae_path], artifacts.config.evaluate
    if row.generator is not None:
        assert row.kind is not None
        files += [artifacts.generator_path(row.generator), artifacts.adapter_path(row.adapter, row.kind)]
    stamps = [[path.stat().st_size, path.stat().st_mtime_ns] if path.exists() else None for path in files]
    network = None if features is None else content_hash(features)
    noise = (SEED, settings.guidance_scale, artifacts.config.precision)
    return digest(asdict(row), clips.mark, count, noise, stamps, network)


def _kept(file: Path, mark: str) -> dict[str, Any] | None:
    """The figures of a row measured earlier under the same mark."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("mark") == mark else None
