"""Rows whose clips are made when they are needed: lossless files that a stopped run continues with, and what they cost."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..files.whole_file import write_whole
from ..trajectory import dumps
from ..video.frames import Frames
from ..video.video_writer import write_lossless
from .bench_files import content_digest, read_clip
from .bench_rows import BenchRow
from .clip_maker import STAGES, ClipMaker, RowModels, prompt_of, start_of
from .clip_set import BenchClip, BenchSet
from .counterfactual import turned

TURNED = "counterfactual"
COSTS = "costs"
"""Folder beside a row's clips, with a file for each."""


class HeldMaker:
    """The models that were loaded last: for the first clip of a row that is missing, and freed for another row's."""

    def __init__(self) -> None:
        self._mark = ""
        self._maker: ClipMaker | None = None

    def of(self, models: RowModels, prompts: set[str]) -> ClipMaker:
        """The loaded models. Raises ValueError as `ClipMaker` does."""
        if self._maker is None or self._mark != models.mark:
            self._maker = None
            self._maker, self._mark = ClipMaker(models, prompts), models.mark
        return self._maker


@dataclass(frozen=True, eq=False)
class MadeRow:
    """The clips of one generator and adapter, in a folder.

    Attributes:
        models: files.
        prompts: by clip.
        starts: folder with pictures, see `start_of`.
        folder: of the clips.
        asks: what the models are asked for.
        held: the loaded models.
    """

    models: RowModels
    prompts: dict[str, str]
    starts: Path
    folder: Path
    asks: Callable[[BenchClip], BenchClip]
    held: HeldMaker

    def mark(self, clip: BenchClip) -> str:
        """Of everything that the clip depends on. Raises ValueError where there is nothing to start from."""
        start = (
            content_digest(clip.real)
            if clip.real is not None
            else hashlib.sha256(start_of(clip, self.starts).tobytes()).hexdigest()
        )
        parts = (self.models.mark, dumps(self.asks(clip).trajectory), self.prompts[clip.name], start)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def frames(self, clip: BenchClip) -> Frames:
        """The clip, made if it is not there. Raises ValueError where it cannot be made."""
        file, cost = self.folder / f"{clip.name}.mkv", self.folder / COSTS / f"{clip.name}.json"
        mark = self.mark(clip)
        if file.is_file() and _read(cost).get("mark") == mark:
            return read_clip(file, clip.trajectory.frames, clip.trajectory.size)
        made = self.held.of(self.models, set(self.prompts.values())).make(
            self.asks(clip), start_of(clip, self.starts), self.prompts[clip.name]
        )
        started = time.perf_counter()
        write_lossless(file, made.frames_THWC, clip.trajectory.fps)
        seconds = {**made.seconds, "write": time.perf_counter() - started}
        write_whole(cost, json.dumps({"mark": mark, "seconds": seconds, "peak_gb": made.peak_gb}) + "\n")
        return made.frames_THWC


def made_rows(
    name: str, models: RowModels, bench_set: BenchSet, folder: Path, starts: Path, held: HeldMaker
) -> list[BenchRow]:
    """The row of a generator, and with an adapter also that of the same models asked for other boxes.

    Args:
        name: of the row.
        models: files.
        bench_set: its clips.
        folder: gets a folder of clips for each row.
        starts: the set's folder, with prompts (NAME.txt) and, for clips that are not real, pictures (NAME.png).
        held: of all rows.
    """
    prompts = {clip.name: prompt_of(clip, starts) for clip in bench_set.clips}
    wanted: list[tuple[str, str, Callable[[BenchClip], BenchClip], bool]] = [(name, name, lambda clip: clip, True)]
    if models.adapter is not None:
        wanted.append((f"{name}_{TURNED}", f"{name}, counterfactual boxes", turned, False))
    rows = []
    for row_name, title, asks, follows_set in wanted:
        made = MadeRow(models, prompts, starts, folder / row_name, asks, held)
        rows.append(
            BenchRow(
                row_name, title, made.frames, made.mark, made.folder, asks=asks, follows_set=follows_set, made=True
            )
        )
    return rows


def with_costs(row: BenchRow, clips: Sequence[BenchClip]) -> BenchRow:
    """A made row with its cost per clip: mean seconds by stage and peak memory. Another row, or one without costs, is left as it is."""
    if row.folder is None or row.seconds is not None:
        return row
    found = [cost for clip in clips if "seconds" in (cost := _read(row.folder / COSTS / f"{clip.name}.json"))]
    if not found:
        return row
    seconds = {f"{stage} s": sum(cost["seconds"][stage] for cost in found) / len(found) for stage in STAGES}
    peaks = [cost["peak_gb"] for cost in found if cost["peak_gb"] is not None]
    return replace(row, seconds={**seconds, **({"peak GB": max(peaks)} if peaks else {})})


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
