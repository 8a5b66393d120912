"""Prepare the videos of a folder, each once, all ranks together.

    pool/NAME.mp4/        the clips, pictures and record of one video; moved there when it is whole
    pool/NAME.mp4.part/   a video that is in work; what of its clips is done is not done again

It may be killed at any moment: run again, it continues. A video whose name, content, sidecar files or rules changed is prepared again, alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path
from typing import Any, overload

from ..config.data_settings import Data
from ..data.folder_clips import FolderClips
from ..data.rank_results import on_all_ranks
from ..data.video_files import find_videos
from ..data.worker_pool import worker_pool
from ..errors import TrainError
from ..files import digest
from ..parallel import ONE, World, broadcast_object
from .clip_record import PreparedVideo, read_record
from .cuts import detector_name
from .parts import forget_parts, open_part
from .prepare_video import VideoWork
from .video_marks import VideoMarks
from .weights_folder import folder_hash

PART = ".part"


def clip_settings(data: Data) -> list[object]:
    """The settings that clips and their pictures depend on, beside the rules."""
    names = ("size", "frames", "fps", "buckets", "max_crop", "repeat_frames", "thickness", "opacity", "first_frame")
    return [data.model_dump(mode="json", include=set(names))]


def work_settings(work: VideoWork) -> list[object]:
    """What the clips depend on beside the videos, with hashes of the models' weights."""
    data = work.data
    rules = work.rules.model_dump(mode="json", exclude={"detector", "tracker", "captioner"})
    shape = clip_settings(data)
    captioner = None if work.rules.captioner is None else folder_hash(work.rules.captioner)
    return [detector_name(), rules, shape, work.finder.settings(), captioner, work.text_encoder]


class PreparedVideos(Sequence[PreparedVideo]):
    """The records of videos that are prepared, in order of names. They are read when they are asked for, as there may be many."""

    def __init__(self, pool: Path, names: Sequence[str]) -> None:
        self.pool, self.names = pool, names

    def __len__(self) -> int:
        """How many videos."""
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> PreparedVideo: ...
    @overload
    def __getitem__(self, index: slice) -> list[PreparedVideo]: ...
    def __getitem__(self, index: int | slice) -> PreparedVideo | list[PreparedVideo]:
        """The record of a video, or of several.

        Raises:
            TrainError: it was damaged since it was prepared.
        """
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        name = self.names[index]
        record = read_record(self.pool / name)
        if record is None:
            raise TrainError(f"the record of {name} in {self.pool} is gone or damaged; run the command again.")
        return record


def prepare_videos(
    folder: Path,
    pool: Path,
    work: VideoWork,
    marks: VideoMarks,
    *,
    workers: int,
    report: Callable[[int, int], None],
    world: World = ONE,
) -> PreparedVideos:
    """Prepare what is not prepared yet, and forget videos that are gone; all ranks must call this.

    Args:
        folder: of the maker's videos.
        pool: where each video's clips go.
        work: what is done with a video.
        marks: knows what of the videos changed.
        workers: processes of each rank that do it; 0 for the rank itself, as for models on a GPU.
        report: called with (videos done, videos in all); the other ranks' are estimated.
        world: the ranks that share the videos.

    Raises:
        TrainError: there are no videos, or one could not be prepared on this or another rank.
    """
    videos = broadcast_object(world, find_videos(folder) if world.is_main else [])
    if not videos:
        raise TrainError(f"{folder} holds no videos; put some there.")
    settings = on_all_ranks(world, pool, lambda: {"of": work_settings(work)} if world.is_main else {})[0]["of"]
    keys = [digest(mark, settings) for mark in marks.of(videos)]

    def not_yet() -> dict[str, Any]:
        pool.mkdir(parents=True, exist_ok=True)
        if world.is_main:
            marks.keep()
            _forget_others(pool, {video.name for video in videos})
        share = range(world.rank, len(videos), world.size)
        return {"missing": [number for number in share if not _is_done(pool / videos[number].name, keys[number])]}

    missing = [number for found in on_all_ranks(world, pool, not_yet) for number in found["missing"]]
    # The largest first and dealt out in turn, so that the end does not wait for one long film.
    missing.sort(key=lambda number: (-_size(videos[number]), number))
    own = missing[world.rank :: world.size]
    report(len(videos) - len(missing), len(videos))

    def own_share() -> dict[str, Any]:
        with closing(_prepared([(videos[number], keys[number]) for number in own], pool, work, workers)) as done:
            for left, _ in zip(range(len(own) - 1, -1, -1), done, strict=True):
                report(len(videos) - min(left * world.size, len(missing)), len(videos))
        return {}

    on_all_ranks(world, pool, own_share)
    return PreparedVideos(pool, [video.name for video in videos])


def _forget_others(pool: Path, names: set[str]) -> None:
    """Remove what belongs to videos that are gone."""
    for old in pool.iterdir():
        if old.is_dir() and old.name not in names and old.name.removesuffix(PART) not in names:
            shutil.rmtree(old)


def _is_done(place: Path, key: str) -> bool:
    record = read_record(place)
    return record is not None and record.key == key


def _size(video: Path) -> int:
    try:
        return video.stat().st_size
    except OSError:
        return 0


def _prepared(
    missing: Sequence[tuple[Path, str]], pool: Path, work: VideoWork, workers: int
) -> Generator[None, None, None]:
    clips = FolderClips()
    if not workers or len(missing) < 2:
        for video, key in missing:
            _one(work, video, key, pool, clips.of(video))
            yield
        return
    processes: ProcessPoolExecutor = worker_pool(min(workers, len(missing)))
    try:
        futures: list[Future[None]] = [
            processes.submit(_one, work, video, key, pool, clips.of(video)) for video, key in missing
        ]
        for future in futures:
            future.result()
            yield
    except BrokenProcessPool as error:
        raise TrainError(
            "a data worker died while it prepared a video, probably because memory ran out; lower data.workers."
        ) from error
    finally:
        processes.shutdown(wait=False, cancel_futures=True)
        for child in active_children():  # after Ctrl+C, a long video would hold up the end
            child.terminate()


def _one(work: VideoWork, video: Path, key: str, pool: Path, own_clips: Mapping[Path, int]) -> None:
    """Prepare a video beside its place, from where it was stopped, and move it there when it is whole."""
    part, place = pool / f"{video.name}{PART}", pool / video.name
    open_part(part, key)
    work(video, key, part, own_clips)
    forget_parts(part)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(part, place)
