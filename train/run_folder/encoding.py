"""The data phase: clips and their control maps are encoded once, so that training needs neither videos nor the VAE."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from flashmotion_core.adapters import MapStyle
from flashmotion_core.files.weights import save_whole
from flashmotion_core.files.whole_file import write_whole

from ..config.data_settings import Videos
from ..data import encode as encoding
from ..data.control import control_maps
from ..data.encoded import EncodedClips
from ..data.gather import gather, is_plain
from ..data.listed_clips import fingerprint
from ..data.sources import Source, SourceClip, check_apart
from ..data.synthetic_source import SyntheticSource
from ..data.video_folder import VideoFolder
from ..files import content_hash
from ..parallel import barrier
from .artifacts import Artifacts
from .run import Run

FEWEST = 32
"""Clips that are encoded however long they take."""


Hire = Callable[[Source, Path, str], encoding.Crew]
"""Gives the crew for a source, the folder of its encoded clips and their fingerprint."""


def encode(run: Run, hire: Hire | None = None) -> None:
    """Encode the training and the evaluation clips, from where it stopped; called on every rank.

    All clips of both are looked at before the first one is encoded.

    Args:
        run: the run.
        hire: who encodes; None for the run's own processes.

    Raises:
        TrainError: clips cannot be used, or one is on both sides.
    """
    artifacts, models = Artifacts(run), run.config.models
    gather_videos(run, artifacts)
    sources = {split: _source(run, artifacts, split) for split in ("eval", "train")}
    check_apart(sources["train"], sources["eval"])
    if artifacts.text_encoder is not None and run.world.is_main:
        tokens_MT = artifacts.text_encoder(models.negative_prompt).cpu()
        save_whole(run.folder / "data/no_prompt.safetensors", {"text": tokens_MT[None].contiguous()}, {})
    for split, source in sources.items():
        encode_source(
            run, artifacts, source, artifacts.clips_folder(split), mark_of(artifacts, source), f"data/{split}", hire
        )
        if isinstance(source, VideoFolder) and source.skipped:
            count, first = len(source.skipped), source.skipped[0].rstrip(".")
            run.console.say(f"data/{split}: {count} clips are left out, such as {first}; all are in {source.problems}.")
        clips = EncodedClips(artifacts.clips_folder(split))
        shapes = [f"{len(group)} of {_by(clips.records[group[0]].shape)}" for group in clips.groups]
        run.console.say(f"data/{split}: {len(clips)} clips, {', '.join(shapes)}")
        if isinstance(source, VideoFolder) and max(source.lost) >= 0.01:
            cut = sum(share >= 0.01 for share in source.lost)
            run.console.say(
                f"data/{split}: {cut} clips are cropped to fit and lose up to {max(source.lost):.0%} of the picture; "
                f"{source.problems.parent} lists them."
            )


def gather_videos(run: Run, artifacts: Artifacts) -> None:
    """Make one folder of several sources, for training and for evaluation, unless the phase prepare did; every rank may call it."""
    data = run.config.data
    for split, settings in (("train", data.train), ("eval", data.evaluation)):
        if (
            isinstance(settings, Videos)
            and data.prepare is None
            and not is_plain(settings.places)
            and run.world.is_main
        ):
            gather(settings.places, artifacts.videos_folder(split, settings.places))
    barrier(run.world)


def mark_of(artifacts: Artifacts, source: Source) -> str:
    """The fingerprint of a source's clips, as this run encodes them."""
    data, encoder = artifacts.config.data, artifacts.config.models.text_encoder
    codec = content_hash(artifacts.codec_path)
    text = "none" if encoder is None else content_hash(encoder)
    return fingerprint(source.settings(), codec, data.style(), text, data.first_frame)


def encode_source(
    run: Run, artifacts: Artifacts, source: Source, folder: Path, mark: str, title: str, hire: Hire | None = None
) -> None:
    """Encode a source's clips into a folder with the fingerprint `mark`, and show progress under `title`; see `encode_clips`."""
    crew = own_crew(run, artifacts, source, folder, mark) if hire is None else hire(source, folder, mark)
    with run.console.phase(title, len(source)) as progress:
        encoding.encode_by(
            crew,
            source,
            folder,
            fingerprint=mark,
            report=lambda done, total: progress.update(done),
            world=run.world,
        )


def own_crew(run: Run, artifacts: Artifacts, source: Source, folder: Path, mark: str) -> encoding.Crew:
    """This process with its workers, which encodes as the run's configuration says."""
    data = run.config.data

    def crew(indices: Sequence[int]) -> Generator[tuple[int, str | None], None, None]:
        return encoding.encode_some(
            source,
            artifacts.vae,
            folder,
            indices,
            style=data.style(),
            fingerprint=mark,
            text=artifacts.text_encoder,
            workers=data.workers,
            encode_in_workers=run.world.device.type == "cpu",
            first_frame=data.first_frame,
        )

    return crew


def _by(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def _source(run: Run, artifacts: Artifacts, split: str) -> Source:
    if run.world.is_main:
        _settle(run, artifacts, split)
    barrier(run.world)
    return artifacts.source(split, run.world)


def _settle(run: Run, artifacts: Artifacts, split: str) -> None:
    """Under a time budget, store how many clips fit into it, but at least FEWEST; measured on three clips."""
    minutes = run.minutes(run.config.data.share)
    if minutes is None or artifacts.settled_count(split) is not None or artifacts.clips_folder(split).is_dir():
        return
    source = artifacts.source(split)
    if not isinstance(source, SyntheticSource):
        return  # your own clips are never left out
    style = run.config.data.style()
    seconds = sorted(_seconds(artifacts, source.clip(index), style) for index in range(3))[1]
    # Evaluation clips get a quarter of the time.
    part = 0.75 if split == "train" else 0.25
    count = max(FEWEST, int(part * minutes * 60 / seconds))
    file = run.phase_folder("data") / f"settled_{split}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({"count": min(count, len(source)), "minutes": minutes}))


def _seconds(artifacts: Artifacts, clip: SourceClip, style: MapStyle) -> float:
    """How long encoding a clip takes; clips are rendered in the meantime."""
    started = time.monotonic()
    for frames in (clip.frames_THWC, *control_maps(clip, style)):
        artifacts.vae.encode(frames)
    return time.monotonic() - started
