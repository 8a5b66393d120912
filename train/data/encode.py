"""Encode the clips of a source, each once, all ranks together.

A clip's file is named by everything that its content depends on, so a changed, added or removed clip concerns its own file only. It may be
killed at any moment: run again, it continues and ends with the same files.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
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
from .clip_file import LATENTS, ClipRecord, file_of, write_clip
from .clips_ahead import Unusable, clips_ahead
from .control import FirstFrame, control_maps, inside_map
from .listed_clips import Listed, is_there, list_clips
from .rank_results import held_by_all, on_all_ranks
from .sources import Source, SourceClip, check_clip_size


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
        listed = Listed(folder)
        missing = array(
            "q", (n for n in share if not is_there(folder, file_of(fingerprint, source.identity(n)), listed))
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
                list_clips(folder, source, fingerprint, problems)
        barrier(world)


MOST = 10
"""Clips that cannot be read before the others are given up, however few there are."""


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
