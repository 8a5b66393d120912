"""Prepare the videos of a folder, each once, and lay out the clips that are kept for training and for evaluation.

    pool/NAME.mp4/       the clips, pictures and record of one video; moved there when it is whole
    train/  eval/        the clips that are kept, in the layout of a maker's own folder (hard links where the disk has them)

It may be killed at any moment: run again, it continues. A video whose name, content, sidecar files or rules changed is prepared again, alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path

from ..config.settings import Data
from ..data.video_files import TRACK_SUFFIXES, clip_files, find_videos, identity
from ..data.worker_pool import worker_pool
from ..errors import TrainError
from ..files import digest
from .clip_record import PreparedVideo, read_record
from .cuts import detector_name
from .prepare_video import VideoWork
from .weights_folder import folder_hash

VERSION = 1


def video_key(video: Path, settings: Sequence[object]) -> str:
    """A hash of everything that a video's clips depend on: the video, what stands beside it, and the settings."""
    beside = [[path.name, sha256(path.read_bytes()).hexdigest()] for path in clip_files(video)]
    return digest(VERSION, detector_name(), identity(video), beside, list(settings))


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
    return [rules, shape, work.finder.settings(), captioner, work.text_encoder]


def prepare_videos(
    folder: Path, pool: Path, work: VideoWork, *, workers: int, report: Callable[[int, int], None]
) -> list[PreparedVideo]:
    """Prepare what is not prepared yet, and forget videos that are gone. Returns the records in order of names.

    Args:
        folder: of the maker's videos.
        pool: where each video's clips go.
        work: what is done with a video.
        workers: processes that do it; 0 for this one, as for models on a GPU.
        report: called with (videos done, videos in all).

    Raises:
        TrainError: there are no videos.
    """
    videos = find_videos(folder)
    if not videos:
        raise TrainError(f"{folder} holds no videos; put some there.")
    settings = work_settings(work)
    keys = {video.name: video_key(video, settings) for video in videos}
    pool.mkdir(parents=True, exist_ok=True)
    for old in pool.iterdir():
        if old.name not in keys:
            shutil.rmtree(old)
    records: dict[str, PreparedVideo] = {}
    for video in videos:
        record = read_record(pool / video.name)
        if record is not None and record.key == keys[video.name]:
            records[video.name] = record
    missing = [video for video in videos if video.name not in records]
    report(len(records), len(videos))
    for record in _prepared(missing, keys, pool, work, workers):
        records[record.video] = record
        report(len(records), len(videos))
    return [records[video.name] for video in videos]


def _prepared(
    missing: Sequence[Path], keys: dict[str, str], pool: Path, work: VideoWork, workers: int
) -> Iterator[PreparedVideo]:
    if not workers or len(missing) < 2:
        for video in missing:
            yield _one(work, video, keys[video.name], pool)
        return
    processes: ProcessPoolExecutor = worker_pool(min(workers, len(missing)))
    try:
        futures: list[Future[PreparedVideo]] = [
            processes.submit(_one, work, video, keys[video.name], pool) for video in missing
        ]
        for future in futures:
            yield future.result()
    except BrokenProcessPool as error:
        raise TrainError(
            "a data worker died while it prepared a video, probably because memory ran out; lower data.workers."
        ) from error
    finally:
        processes.shutdown(wait=False, cancel_futures=True)
        for child in active_children():  # after Ctrl+C, a long video would keep everybody waiting
            child.terminate()


def _one(work: VideoWork, video: Path, key: str, pool: Path) -> PreparedVideo:
    """Prepare a video beside its place, and move it there when it is whole."""
    part, place = pool / f"{video.name}.part", pool / video.name
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    record = work(video, key, part)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(part, place)
    return record


def lay_out(
    records: Sequence[PreparedVideo], folder: Path, pool: Path, place: Path, names: set[str] | None = None
) -> None:
    """Make `place` hold exactly the kept clips of these records (of these `names`, if given), without copying where links work."""
    wanted: dict[str, Path] = {}
    for record in records:
        source = folder / record.video
        for clip in record.kept:
            if names is not None and clip.name not in names:
                continue
            made = pool / record.video
            if clip.name == source.stem:  # a video with a document of the maker's
                own = [source, *(path for path in map(source.with_suffix, TRACK_SUFFIXES) if path.is_file())]
                wanted |= {path.name: path for path in own}
                wanted[f"{clip.name}.txt"] = made / f"{clip.name}.txt"
                masks = source.with_suffix(".masks")
            else:
                wanted |= {f"{clip.name}{end}": made / f"{clip.name}{end}" for end in (".mp4", ".json", ".txt")}
                masks = made / f"{clip.name}.masks"
            if masks.is_dir():
                wanted |= {f"{masks.name}/{path.name}": path for path in masks.iterdir()}
    place.mkdir(parents=True, exist_ok=True)
    for path in sorted(place.rglob("*"), reverse=True):
        name = path.relative_to(place).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif name not in wanted or not path.samefile(wanted[name]):
            path.unlink()
    for name, source in wanted.items():
        target = place / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        part = target.with_name(f"{target.name}.part")
        shutil.copy2(source, part)
        os.replace(part, target)


def part_names(records: Sequence[PreparedVideo], share: float, shape: tuple[int, int, int]) -> set[str]:
    """The names of the clips to hold back for evaluation, all of the same shape.

    Whole videos, chosen by a hash of their names; if that leaves one side empty, the last clips of each video with more than one.

    Raises:
        TrainError: there are fewer than two clips.
    """
    fit = [replace(record, clips=[clip for clip in record.kept if clip.shape == shape]) for record in records]
    given = [record for record in fit if record.kept]
    total = sum(len(record.kept) for record in given)
    if total < 2:
        raise TrainError(
            f"data.evaluation.kind is part, but only {total} clips of the shape {shape[0]} x {shape[1]} x {shape[2]} can be used, "
            "which cannot be parted; add videos, or name others with "
            "data.evaluation.folder."
        )
    away = [one for one in given if int(sha256(one.video.encode()).hexdigest()[:8], 16) / 2**32 < share]
    if away and len(away) < len(given):
        return {clip.name for one in away for clip in one.kept}
    ends: set[str] = set()
    for one in given:
        count = min(len(one.kept) - 1, max(1, round(share * len(one.kept))))
        ends |= {clip.name for clip in one.kept[len(one.kept) - count :]} if count > 0 else set()
    if not ends:  # several videos of one clip each
        ends = {min(given, key=lambda one: sha256(one.video.encode()).hexdigest()).kept[0].name}
    return ends
