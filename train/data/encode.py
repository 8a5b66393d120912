"""Encode the clips of a source, each once, all ranks together.

A clip's file is named by everything that its content depends on, so a changed, added or removed clip concerns its own file only. It may be
killed at any moment: run again, it continues and ends with the same files.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.codec.vae import Vae
from flashmotion_core.trajectory import sample

from ..errors import TrainError
from ..files import writing
from ..parallel import ONE, World, barrier
from .clip_file import LATENTS, ClipRecord, file_of, file_size, number_of, read_clip, read_record, write_clip
from .clip_index import FORMAT, ClipIndex, write_index
from .clips_ahead import Unusable, clips_ahead
from .control import FirstFrame, control_maps, inside_map
from .rank_results import held_by_all, on_all_ranks
from .sources import Source, SourceClip, check_clip_size


def fingerprint(
    settings: Mapping[str, Any], codec: str, style: MapStyle, text: str = "none", first_frame: FirstFrame = "masks"
) -> str:
    """A hash of everything that all encoded clips of a source depend on: sha256 as 64 hex digits. It does not cover which clips they are.

    Args:
        settings: the settings of the source (`Source.settings`), with the size and length of its clips.
        codec: `content_hash` of the VAE's file or folder.
        style: the style of the control maps; its mode does not count, as both are encoded.
        text: `content_hash` of the text encoder, or "none".
        first_frame: see `control_maps`.
    """
    look = {name: value for name, value in asdict(style).items() if name != "mode"}
    parts = {
        "format": FORMAT,
        "source": dict(settings),
        "codec": codec,
        "map": {**look, "first_frame": first_frame},
        "text": text,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


EARLIER = "earlier"
"""The subfolder for files of clips as they were before; they come back if the clips do. It may be deleted."""


def encode_clips(
    source: Source,
    vae: Vae,
    folder: str | Path,
    *,
    style: MapStyle,
    fingerprint: str,
    text: Callable[[str], Tensor] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 0,
    encode_in_workers: bool = False,
    first_frame: FirstFrame = "masks",
    world: World = ONE,
) -> None:
    """Encode the clips that are missing or damaged, in the source's order, and list those of the source.

    Each rank encodes every n-th clip. Clips that cannot be read do not stop the others: `Source.leave_out` decides about them at the end, or
    once they are more than MOST and 1 %.

    Args:
        source: the clips, the same on every rank.
        vae: the codec, on its device.
        folder: where the encoded clips go; it is made if it is missing.
        style: the style of the control maps (both modes are encoded).
        fingerprint: see the function `fingerprint`.
        text: turns a prompt into its true tokens ``[M, T]``; None for a generator without text.
        report: called with (clips done, clips in total), first with those that were there already; the other ranks' are estimated.
        workers: processes that make clips while this one encodes; 0 for none. The files do not depend on it.
        encode_in_workers: the workers encode too, each on one thread; for a codec on the CPU.
        first_frame: see `control_maps`.
        world: the ranks that encode together; all must call this.

    Raises:
        TrainError: the source has no clips, clips cannot be used and are needed, the folder cannot be written or another run encodes into it,
            or a latent does not fit into float16.
    """
    crew = partial(
        encode_some,
        source,
        vae,
        Path(folder),
        style=style,
        fingerprint=fingerprint,
        text=text,
        workers=workers,
        encode_in_workers=encode_in_workers,
        first_frame=first_frame,
    )
    encode_by(crew, source, folder, fingerprint=fingerprint, report=report, world=world)


def encode_some(
    source: Source,
    vae: Vae,
    folder: Path,
    indices: Sequence[int],
    *,
    style: MapStyle,
    fingerprint: str,
    text: Callable[[str], Tensor] | None = None,
    workers: int = 0,
    encode_in_workers: bool = False,
    first_frame: FirstFrame = "masks",
) -> Generator[tuple[int, str | None], None, None]:
    """Write the files of some clips; yields the number of each, and why it cannot be used, or None. See `encode_clips` for the arguments."""
    latents_of = partial(_latents, vae=vae, style=style, first_frame=first_frame)
    work = partial(_with_latents, latents_of) if encode_in_workers else _without_latents
    with closing(clips_ahead(source, indices, workers, work)) as clips:
        for index, made in zip(indices, clips, strict=True):
            if isinstance(made, Unusable):
                yield index, made.problem
                continue
            clip, latents = made
            try:
                tensors = _tensors(clip, latents or latents_of(clip), text)
            except TrainError:
                raise
            except ValueError as error:  # a prompt that is too long for the text encoder
                yield index, f"{clip.name}: {error}"
                continue
            with _writing(folder):
                path = folder / file_of(fingerprint, source.identity(index))
                write_clip(path, _record(clip, path.name, tensors), tensors)
            yield index, None


Crew = Callable[[Sequence[int]], Generator[tuple[int, "str | None"], None, None]]
"""Whoever writes the files of the clips with these numbers, in any order; see `encode_some`."""


def encode_by(
    crew: Crew,
    source: Source,
    folder: str | Path,
    *,
    fingerprint: str,
    report: Callable[[int, int], None],
    world: World = ONE,
) -> None:
    """Let each rank's crew encode the clips that are missing or damaged, and list those of the source; see `encode_clips`."""
    folder, total = Path(folder), len(source)
    if not total:
        raise TrainError(
            f"the source has 0 clips to encode into {folder}; check the settings data.train and data.evaluation."
        )
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)

    def own_share() -> dict[str, Any]:
        share = range(world.rank, total, world.size)
        listed = _Listed(folder)
        missing = array(
            "q", (n for n in share if not _is_there(folder, file_of(fingerprint, source.identity(n)), listed))
        )
        problems: dict[int, str] = {}
        report(total - min(len(missing) * world.size, total), total)
        with closing(crew(missing)) as done:
            for left, (index, problem) in zip(range(len(missing) - 1, -1, -1), done, strict=True):
                if problem is not None:
                    problems[index] = problem
                    if len(problems) > max(MOST, total // 100):
                        break
                report(total - min(left * world.size, total), total)
        return {str(index): problem for index, problem in problems.items()}

    with held_by_all(world, folder, f"encoding into {folder}"):
        found = on_all_ranks(world, folder, own_share)
        problems = {int(index): problem for one in found for index, problem in one.items()}
        if problems:
            source.leave_out(problems)
        if world.is_main:
            with _writing(folder):
                _list(folder, source, fingerprint, problems)
        barrier(world)


MOST = 10
"""Clips that cannot be read before the others are given up, however few there are."""


class _Listed:
    """The files of a finished index and their sizes, which need no closer look; 16 bytes each. None if there is no such index."""

    def __init__(self, folder: Path) -> None:
        try:
            index: Iterable[ClipRecord] = ClipIndex(folder)
        except TrainError:
            index = ()
        pairs = [("hash", np.uint64), ("bytes", np.int64)]
        self.found_N = np.sort(np.fromiter(((number_of(clip.file), clip.bytes) for clip in index), dtype=pairs))

    def bytes(self, file: str) -> int | None:
        """The size of a file; None if it is not listed."""
        at = int(np.searchsorted(self.found_N["hash"], np.uint64(number_of(file))))
        if at == len(self.found_N) or int(self.found_N["hash"][at]) != number_of(file):
            return None
        return int(self.found_N["bytes"][at])


def _is_there(folder: Path, file: str, listed: _Listed) -> bool:
    """Whether a clip's file is there and whole. One that no index lists may be of a run that was killed: all of it is read."""
    path = folder / file
    try:
        if not path.exists() and (folder / EARLIER / file).exists():
            (folder / EARLIER / file).replace(path)
        size = file_size(path)
        if size is not None and size == listed.bytes(file):
            return True
        read_clip(path)
    except (ValueError, OSError):
        return False
    return True


def _list(folder: Path, source: Source, fingerprint: str, problems: Mapping[int, str]) -> None:
    """Write the index, unless it is the same, and put files that it does not list aside."""

    def files() -> Iterator[tuple[int, str]]:
        for number in range(len(source)):
            if number not in problems:
                yield number, file_of(fingerprint, source.identity(number))

    if not _is_indexed(folder, fingerprint, files()):
        clips = ((number, read_record(folder / file)) for number, file in files())
        if hasattr(os, "sync"):
            os.sync()  # what an index lists must not be lost with the power
        write_index(folder, fingerprint, clips, len(source) - len(problems))
    listed = _Listed(folder)
    (folder / "complete.json").unlink(missing_ok=True)  # of format 2
    with os.scandir(folder) as entries:
        for file in (entry.name for entry in entries):
            if file.endswith((".part", ".damaged")):
                (folder / file).unlink(missing_ok=True)
            elif file.endswith(".safetensors") and listed.bytes(file) is None:
                (folder / EARLIER).mkdir(exist_ok=True)
                (folder / file).replace(folder / EARLIER / file)


def _is_indexed(folder: Path, fingerprint: str, files: Iterator[tuple[int, str]]) -> bool:
    try:
        index = ClipIndex(folder)
    except TrainError:
        return False
    pairs = zip_longest(zip(index.numbers, index, strict=True), files)
    return index.fingerprint == fingerprint and all(
        mine is not None
        and wanted is not None
        and (mine[0], mine[1].file) == wanted
        and mine[1].bytes == file_size(folder / mine[1].file)
        for mine, wanted in pairs
    )


Latents = dict[str, NDArray[np.float32]]


def _without_latents(clip: SourceClip) -> tuple[SourceClip, Latents]:
    return clip, {}


def _with_latents(latents_of: Callable[[SourceClip], Latents], clip: SourceClip) -> tuple[SourceClip, Latents]:
    return clip, latents_of(clip)


@torch.no_grad()
def _latents(clip: SourceClip, vae: Vae, style: MapStyle, first_frame: FirstFrame) -> Latents:
    """Video and control maps, encoded. Returns arrays, because tensors travel between processes by file descriptor."""
    frames, height, width, _ = clip.frames_THWC.shape
    check_clip_size(f"clip {clip.name}", (width, height), frames)
    assert clip.trajectory.size == (width, height)
    assert clip.trajectory.frames == frames
    videos = (clip.frames_THWC, *control_maps(clip, style, first_frame))
    return {name: vae.encode(video)[0].float().cpu().numpy() for name, video in zip(LATENTS, videos, strict=True)}


def _tensors(clip: SourceClip, latents: Latents, text: Callable[[str], Tensor] | None) -> dict[str, Tensor]:
    """The tensors to store for a clip."""
    tensors = {name: torch.from_numpy(latent) for name, latent in latents.items()}
    tensors["text"] = torch.zeros(0, 0) if text is None else text(clip.prompt)
    tensors = {name: value.to("cpu", torch.float16).contiguous() for name, value in tensors.items()}
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise TrainError(
                f"clip {clip.name} has a value in its {name} that is not finite in float16; check the codec and the text encoder."
            )
    return {**tensors, "inside": torch.from_numpy(inside_map(sample(clip.trajectory)))}


def _record(clip: SourceClip, file: str, tensors: Mapping[str, Tensor]) -> ClipRecord:
    frames, height, width, _ = clip.frames_THWC.shape
    return ClipRecord(
        name=clip.name,
        file=file,
        bytes=0,
        frames=frames,
        width=width,
        height=height,
        fps=clip.fps,
        objects=len(clip.trajectory.objects),
        prompt=clip.prompt,
        text=(tensors["text"].shape[0], tensors["text"].shape[1]),
        origin=clip.origin,
        checksum=0,
    )


def _writing(folder: Path) -> AbstractContextManager[None]:
    remedy = "free some space there or choose another run folder, then run the command again: it continues"
    return writing("encoded clips", folder, remedy)
