"""The evaluation phase: what each generator with each adapter does on held-out clips, between an upper and a lower bound.

A row per combination. Every rank samples, as weights may be spread over them; the first one decodes, measures and writes. A finished row
is kept in `phases/evaluate/rows`, so that an evaluation that was killed goes on with the next one.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flashmotion_core.sampling import turbo_sigmas
from flashmotion_core.video import Frames

from .data.encoded import EncodedClips
from .engine.config import digest
from .engine.errors import TrainError
from .engine.parallel import World, broadcast_object
from .engine.roles import Denoiser, Role
from .engine.run import Run
from .engine.worker import worker_pool
from .measures import PICTURES, TRACKED, Scores, interval, mean, measure
from .parts import FAST, SLOW, Parts
from .results import SHOWN, show_row, write_json, write_results
from .sample import sample
from .validation import decoded


@dataclass(frozen=True)
class Row:
    """What is measured together.

    Attributes:
        name: of the row.
        kind: of the adapter; None where there is none.
        adapter: whose weights it has, slow or fast.
        generator: that makes the clips, slow or fast; None for clips that no generator made.
        sigmas: noise levels.
        others_boxes: follow another clip's trajectory.
    """

    name: str
    kind: str | None = None
    adapter: str = ""
    generator: str | None = None
    sigmas: tuple[float, ...] = ()
    others_boxes: bool = False

    @property
    def key(self) -> str:
        """Of its files."""
        return self.name if self.kind is None else f"{self.name}_{self.kind}"


def rows_of(run: Run, clips: int) -> list[Row]:
    """The bounds, and for each adapter what was trained and what it is compared with.

    Args:
        run: whose configuration says how many steps.
        clips: held-out ones; with a single one, no other clip's boxes can be followed.
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
        if clips > 1:
            rows.append(Row("random_trajectory", kind, FAST, FAST, few, others_boxes=True))
    return rows


def evaluate(run: Run) -> None:
    """Measure all rows and write `report/index.html` and, last, `report/metrics.json`; called on every rank.

    Raises:
        TrainError: networks or clips are missing, a clip is not finite, or a process that measures died.
    """
    parts, settings = Parts(run), run.config.evaluate
    clips = parts.clips("eval")
    count = min(settings.clips, len(clips))
    if count < settings.clips:
        run.console.say(f"evaluate: there are {count} held-out clips, not the {settings.clips} of evaluate.clips.")
    rows = rows_of(run, len(clips))
    folder = run.phase_folder("evaluate") / "rows"
    marks = {row.key: _mark(parts, row, clips, count) for row in rows}
    # The first rank looks: the others may see the shared folder later.
    kept = broadcast_object(run.world, {row.key: _kept(folder / f"{row.key}.json", marks[row.key]) for row in rows})
    results = {key: result for key, result in kept.items() if result is not None}
    with worker_pool(settings.workers) if run.world.is_main else nullcontext() as pool:
        for row in rows:
            if row.key in results:
                run.console.say(f"evaluate: {row.key} was measured before.")
                continue
            result = _measure_row(run, parts, row, count, pool)
            if result is not None:
                write_json(folder / f"{row.key}.json", {"mark": marks[row.key], **result})
                results[row.key] = result["row"]
            gc.collect()
            if run.world.device.type == "cuda":
                torch.cuda.empty_cache()
    if run.world.is_main:
        write_results(run, [results[row.key] for row in rows], folder, synthetic="synthetic" in clips.records[0].origin)


def _measure_row(
    run: Run, parts: Parts, row: Row, count: int, pool: ProcessPoolExecutor | None
) -> dict[str, Any] | None:
    """The row and its clips' own figures; None on ranks that do not measure."""
    if pool is None:
        for _ in _samples(run, parts, row, count):
            pass
        return None
    source, records = parts.source("eval"), parts.clips("eval").records
    jobs: list[Future[Scores]] = []
    shown: list[Frames] = []
    seconds: list[float] = []
    with run.console.phase(f"evaluate/{row.key}", count) as progress:
        for index, (frames_THWC, took) in enumerate(_samples(run, parts, row, count)):
            jobs.append(pool.submit(measure, source, index, records[index].origin, frames_THWC))
            if frames_THWC is not None and index < SHOWN:
                shown.append(frames_THWC)
            if took is not None:
                seconds.append(took)
            progress.update(sum(job.done() for job in jobs))
        try:
            scores = []
            for job in jobs:
                scores.append(job.result())
                progress.update(len(scores))
        except BrokenProcessPool as error:
            raise TrainError(
                "a process that measures clips died, probably for want of memory; lower evaluate.workers "
                f"(is {run.config.evaluate.workers}) and run again: finished rows are kept."
            ) from error
    if shown:
        folder = run.phase_folder("evaluate") / "rows"
        show_row(folder, row.key, [source.clip(index) for index in range(len(shown))], shown)
    return {"row": _summary(run, row, scores, seconds), "clips": scores}


def _samples(run: Run, parts: Parts, row: Row, count: int) -> Iterator[tuple[Frames | None, float | None]]:
    """Frames ``[T, H, W, 3]`` of each clip (None for the real one, and on ranks that do not measure) and the seconds it took."""
    world = run.world
    if row.generator is None:
        if not world.is_main:
            return
        clips, source = parts.clips("eval"), parts.source("eval")
        for index in range(count):
            if row.name == "oracle":
                yield decoded(parts.vae, clips.batch([index], world.device).latent_BCFHW), None
            else:
                real_THWC = source.clip(index).frames_THWC
                yield (None if row.name == "real" else np.repeat(real_THWC[:1], len(real_THWC), axis=0)), None
        return
    role, text_dim = _role(Parts(run), row)  # of its own, so that these weights are freed with the row
    clips = parts.clips("eval", text_dim=text_dim)
    for index in range(count):
        batch = clips.batch([index], world.device)
        other = (index + 1) % len(clips) if row.others_boxes else index
        control_BCFHW = clips.batch([other], world.device).control_box_BCFHW
        started = _now(world)
        latent_BCFHW = sample(
            role,
            batch,
            row.sigmas,
            euler=row.generator == SLOW,
            seed=run.config.evaluate.seed,
            first=index,
            control_BCFHW=control_BCFHW,
            guidance_scale=run.config.evaluate.guidance_scale if row.generator == SLOW else 1.0,
            no_prompt_1MT=parts.no_prompt,
        )
        took = _now(world) - started
        if not torch.isfinite(latent_BCFHW).all():
            raise TrainError(
                f"{row.key} made values that are not finite of clip {batch.names[0]}; look at the curves of the phases that trained it, and "
                "do the first bad one anew with --redo."
            )
        yield (decoded(parts.vae, latent_BCFHW) if world.is_main else None), took


def _role(parts: Parts, row: Row) -> tuple[Role, int]:
    """The row's networks, frozen, and the width of text that they take."""
    assert row.kind is not None
    file = parts.slow if row.generator == SLOW else parts.fast
    adapter = parts.builder.adapter(parts.adapter(row.adapter, row.kind), file.sizes)
    generator = parts.builder.generator(file.sizes, file.weights)
    return parts.builder.role(Denoiser(generator, adapter)), file.sizes.text_dim


def _summary(run: Run, row: Row, scores: Sequence[Scores], seconds: Sequence[float]) -> dict[str, Any]:
    """A row of metrics.json."""
    seed = run.config.evaluate.seed
    low, high = interval(scores, "box_iou", seed)
    means = {name: mean(scores, name) for name in (*TRACKED, *PICTURES)}
    return {
        "name": row.name,
        "adapter": row.kind,
        "steps": len(row.sigmas) or None,
        "clips": len(scores),
        "seed": seed,
        "box_iou": means.pop("box_iou"),
        "box_iou_low": low,
        "box_iou_high": high,
        **means,
        # The median: the first clip may pay for warming up.
        "seconds": float(np.median(seconds)) if seconds else None,
    }


def _now(world: World) -> float:
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)
    return time.perf_counter()


def _mark(parts: Parts, row: Row, clips: EncodedClips, count: int) -> str:
    """What a row's figures depend on; weights count by size and time, as in the story."""
    files = [parts.vae_path]
    if row.generator is not None:
        assert row.kind is not None
        files += [parts.generator_path(row.generator), parts.adapter_path(row.adapter, row.kind)]
    stamps = [[path.stat().st_size, path.stat().st_mtime_ns] if path.exists() else None for path in files]
    return digest(asdict(row), clips.fingerprint, count, parts.config.evaluate.seed, parts.config.precision, stamps)


def _kept(file: Path, mark: str) -> dict[str, Any] | None:
    """A row that was measured before under the same mark."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found["row"] if found["mark"] == mark else None
