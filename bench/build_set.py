"""Make a set for the benchmark from any folder of videos, with the rules and models that training prepares videos with.

    python bench/build_set.py VIDEOS --out sets/mine                                  # 121 frames of 1280 x 704 at 24 a second
    python bench/build_set.py VIDEOS --out sets/small --size 128 128 --frames 17 --fps 12
    python -m flashmotion_core.bench mine=out/mine --set sets/mine                    # measure clips of a model on it

Shots and windows are found; objects by what moves, without weights, or with --detector (OWLv2 or Grounding DINO for transformers) and --tracker
(SAM 2). A video with a document of yours (NAME.json) gives one clip with its boxes. What is rejected, and why, is on a page in OUT_prepared/.
set.json groups the clips by number of objects (1, 2, 3, 4, 5, more) and holds two checksums; `python -m flashmotion_core.bench check-set` compares
them. A stopped run continues. Nothing is fetched: models are folders that you have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.benchmark.clip_set import spread
from flashmotion_core.cli.endings import finish
from flashmotion_core.cli.set_commands import SentenceParser, add_allow_broken, check_allow_broken, set_line
from flashmotion_core.files.texts import read_text
from flashmotion_core.metrics import group_of
from flashmotion_core.sets.go_through import ClipShape, import_clips
from flashmotion_core.sets.read_clip import GivenClip, ReadClip
from train.config.data_settings import Data, Prepare, Videos
from train.config.sentences import sentence
from train.data.video_files import find_videos
from train.data.video_folder import VideoFolder
from train.data.video_identity import identity
from train.files import digest
from train.prepare.clip_record import PreparedVideo
from train.prepare.lay_out import lay_out
from train.prepare.prepare_folder import prepare_videos
from train.prepare.prepare_video import VideoWork
from train.prepare.preview_page import summary_of, write_page
from train.prepare.video_marks import VideoMarks

POOL, KEPT = "pool", "kept"


def build(options: argparse.Namespace) -> dict[str, Any]:
    """Prepare the videos, choose clips, write the set; what set.json says. Raises ValueError (TrainError too): see `finish`."""
    try:
        work = _work(options)
    except ValidationError as error:
        raise ValueError(sentence(error, Prepare if error.title == Prepare.__name__ else Data)) from error
    videos, out = options.videos, options.out
    if not videos.is_dir():
        raise ValueError(f"there is no folder {videos}; check the name.")
    prepared = out.with_name(f"{out.name}_prepared")
    records = prepare_videos(
        videos,
        prepared / POOL,
        work,
        VideoMarks(prepared / "videos.txt"),
        workers=0 if options.detector else options.workers,
        report=lambda done, total: print(f"prepared {done} of {total} videos", flush=True),
    )
    page = write_page(prepared, {POOL: records}, set(), summary_of(records))
    names = chosen(records, options.per_group)
    if not names:
        first = next((clip.reason for one in records for clip in one.clips), records[0].reason)
        raise ValueError(f"{videos} gave no clip that can be used, such as: {first}; {page} names all reasons.")
    lay_out(records, videos, prepared / POOL, prepared / KEPT, names)
    data = work.data
    source = VideoFolder(
        prepared / KEPT, data.size, data.frames, data.fps, max_crop=data.max_crop, repeat_frames=data.repeat_frames
    )
    clips = [
        GivenClip(video.stem, read_text(video.with_suffix(".txt")), partial(read_prepared, source, number))
        for number, video in enumerate(source.videos)
    ]
    made_of = {
        "videos": [[video.name, digest(identity(video))] for video in find_videos(videos)],
        "data": {key: getattr(data, key) for key in ("frames", "fps", "max_crop")} | {"size": list(data.size)},
        "rules": work.rules.model_dump(mode="json"),
        "per_group": options.per_group,
    }
    return import_clips(clips, out, made_of, ClipShape(), options.allow_broken, _said)


def chosen(records: Sequence[PreparedVideo], per_group: int | None) -> set[str]:
    """The kept clips, at most so many with the same number of objects, evenly spaced."""
    groups: dict[str, list[str]] = {}
    for record in records:
        for clip in record.kept:
            count = sum(1 for one in clip.objects if one["used"]) or 1  # a maker's own boxes are counted later
            groups.setdefault(group_of(count), []).append(clip.name)
    return {name for names in groups.values() for name in spread(names, per_group)}


def read_prepared(source: VideoFolder, number: int, frames: int | None) -> ReadClip:
    """A prepared clip in the benchmark's terms. It has its frames already."""
    assert frames is None
    clip = source.clip(number)
    return ReadClip(clip.frames_THWC, clip.trajectory, clip.labels_THW)


def _work(options: argparse.Namespace) -> VideoWork:
    rules = Prepare(
        detector=options.detector,
        tracker=options.tracker,
        captioner=options.captioner,
        words=tuple(options.words) if options.words else Prepare().words,
        objects=(options.objects[0], options.objects[1]),
        motion=options.motion,
        area=(options.area[0], options.area[1]),
    )
    data = Data(
        size=(options.size[0], options.size[1]),
        frames=options.frames,
        fps=options.fps,
        max_crop=options.max_crop,
        train=Videos(folder=str(options.videos)),
        prepare=rules,
    )
    return VideoWork(data, None, options.device)


def _said(done: int, count: int, name: str, fault: str) -> None:
    if fault:
        print(f"{name}: {fault}")


def read_build_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises ValueError for an unknown, missing or malformed option."""
    rules = Prepare()
    parser = SentenceParser(
        prog="python bench/build_set.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, help="folder of videos")
    parser.add_argument("--out", type=Path, required=True, help="folder of the set to write")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 704), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, default=121, help="of a clip, 4k + 1 (default: 121)")
    parser.add_argument("--fps", type=float, default=24.0, help="of a clip (default: 24)")
    parser.add_argument(
        "--max-crop", type=float, default=0.5, help="share of a picture that may be lost (default: 0.5)"
    )
    parser.add_argument("--objects", type=int, nargs=2, default=(1, 6), metavar=("FEWEST", "MOST"), help="default: 1 6")
    parser.add_argument(
        "--area", type=float, nargs=2, default=rules.area, metavar=("LEAST", "MOST"), help="share of the frame"
    )
    parser.add_argument(
        "--motion",
        type=float,
        default=rules.motion,
        help="least, in pixels per frame of 1280 pixels and 24 frames a second",
    )
    parser.add_argument("--per-group", type=int, help="at most so many clips with the same number of objects")
    parser.add_argument("--detector", help="folder of a detector; none to take what moves")
    parser.add_argument("--words", nargs="+", help="what the detector looks for")
    parser.add_argument("--tracker", help="folder of SAM 2")
    parser.add_argument("--captioner", help="folder of a model that describes pictures")
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    parser.add_argument("--workers", type=int, default=0, help="processes, without a detector (default: 0)")
    add_allow_broken(parser)
    options = parser.parse_args(arguments)
    if options.per_group is not None and options.per_group < 1:
        raise ValueError(f"--per-group is {options.per_group}, but must be at least 1.")
    check_allow_broken(options)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every error that a user can cause is one sentence on stderr."""

    def work() -> None:
        options = read_build_options(arguments)
        print(set_line(options.out, build(options)))

    remedy = "make smaller clips, or close other programs"
    return finish(work, {"GPU": remedy, "computer": remedy}, "finished clips are kept, and the same command continues")


if __name__ == "__main__":
    sys.exit(main())
