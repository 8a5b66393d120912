"""What is known of each video of a folder before it is decoded: found once, by all ranks together, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.video.video_reader import look

from ..files import clip_problem, digest
from ..parallel import World, broadcast_object
from .rank_results import on_all_ranks
from .video_files import TRACK_SUFFIXES, Entry, cropped, inspect
from .video_identity import content, identity
from .worker_pool import worker_pool

Shape = tuple[int, int, int]
"""(width, height, frames)."""
FEW = 64
"""Videos that one process looks at sooner than others have started."""


@dataclass(frozen=True)
class Look:
    """What is known of a video.

    Attributes:
        identity: see `video_identity.identity`.
        content: see `video_identity.content`.
        shape: what it becomes a clip of.
        lost: the share of its picture that is cropped.
        notes: what is worth saying of it.
        problem: why it cannot be used; None if it can.
    """

    identity: tuple[Any, ...] = ()
    content: str = ""
    shape: Shape = (0, 0, 0)
    lost: float = 0.0
    notes: tuple[str, ...] = ()
    problem: str | None = None


def stamp(video: Path) -> str:
    """Changes with the name, size or time of a video or of what belongs to it."""
    folder = video.with_suffix(".masks")
    beside = [video.with_suffix(suffix) for suffix in (".txt", *TRACK_SUFFIXES)]
    files = [video, *beside, *(sorted(folder.glob("*.png")) if folder.is_dir() else ())]
    found = [(file.name, file.stat()) for file in files if file.exists()]
    return digest(*([name, stat.st_size, stat.st_mtime_ns] for name, stat in found))


def identities(videos: Sequence[Path], kept: Path | None) -> list[list[Any]]:
    """See `video_identity.identity`; those of videos that have not changed since a look was kept are not worked out again."""
    known = {key.partition("/")[2]: found.identity for key, found in _read(kept).items() if found.identity}
    return [list(known.get(stamp(video)) or identity(video)) for video in videos]


def look_over(
    videos: Sequence[Path],
    see: Callable[[Path], Look],
    asked: str,
    kept: Path | None,
    world: World,
    workers: int,
) -> list[Look]:
    """What is known of the videos, in their order; several ranks must all call it.

    Args:
        videos: their files.
        see: looks at one of them; picklable.
        asked: a hash of the settings that `see` depends on.
        kept: the file that keeps what was found; None for none.
        world: the ranks that look together.
        workers: processes of each rank.
    """
    found = (_read(kept), [f"{asked}/{stamp(video)}" for video in videos]) if world.is_main else None
    told = broadcast_object(world, found)  # so that all agree on what is missing
    assert told is not None
    known, keys = told
    missing = [number for number, key in enumerate(keys) if key not in known]
    if missing:
        own = missing[world.rank :: world.size]

        def own_share() -> dict[str, Any]:
            chosen = [videos[number] for number in own]
            return {keys[number]: asdict(found) for number, found in zip(own, _seen(chosen, see, workers), strict=True)}

        for share in on_all_ranks(world, videos[0].parent if kept is None else kept.parent, own_share):
            known |= {key: _look(values) for key, values in share.items()}
        if kept is not None and world.is_main:
            lines = [json.dumps({"key": key, **asdict(known[key])}) for key in keys]
            write_whole(kept, "".join(f"{line}\n" for line in lines))
    return [known[key] for key in keys]


def _seen(videos: Sequence[Path], see: Callable[[Path], Look], workers: int) -> Iterator[Look]:
    if not workers or len(videos) < FEW:
        yield from map(see, videos)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(see, videos, chunksize=8)


def see_video(video: Path, *, shapes: Sequence[Shape], fps: float | None, max_crop: float, repeat_frames: bool) -> Look:
    """Look at a video; see `fit`."""
    try:
        shape, entry = fit(video, shapes, fps, max_crop=max_crop, repeat_frames=repeat_frames)
        return Look(tuple(identity(video)), content(video), shape, entry.lost, entry.notes)
    except (ValueError, OSError) as error:
        return Look(problem=clip_problem(error))


def fit(
    video: Path, known: Sequence[Shape], fps: float | None, *, max_crop: float, repeat_frames: bool
) -> tuple[Shape, Entry]:
    """The shape of `known` that a video becomes a clip of, and what it is then.

    Raises:
        ValueError: it fits none; says why not the best one.
    """
    problem: ValueError | None = None
    for width, height, frames in best_first(known, look(video, frames=1).size if len(known) > 1 else None):
        try:
            return (width, height, frames), inspect(
                video, (width, height), frames, fps, max_crop=max_crop, repeat_frames=repeat_frames
            )
        except ValueError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def best_first(known: Sequence[Shape], shown: tuple[int, int] | None) -> list[Shape]:
    """Shapes (width, height, frames) by what a picture of size `shown` loses to their crop, and then by their length."""
    if shown is None:
        return list(known)
    return sorted(known, key=lambda shape: (round(cropped(shown, shape[:2]), 2), -shape[2]))


def _read(kept: Path | None) -> dict[str, Look]:
    """What a file keeps; what of it is damaged is looked at again."""
    if kept is None or not kept.is_file():
        return {}
    found = {}
    try:
        for line in kept.read_text(encoding="ascii").splitlines():
            values = json.loads(line)
            found[str(values.pop("key"))] = _look(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return found


def _look(values: dict[str, Any]) -> Look:
    width, height, frames = values["shape"]
    notes, known = tuple(map(str, values["notes"])), tuple(values["identity"])
    return Look(known, str(values["content"]), (width, height, frames), float(values["lost"]), notes, values["problem"])
