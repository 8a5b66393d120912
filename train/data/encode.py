"""Encode the clips of a source, each once. It may be killed at any moment: run again, it continues and ends with the same files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import asdict
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
from flashmotion_core.weights import save_whole
from flashmotion_core.whole_file import write_whole

from ..errors import TrainError
from ..files import writing
from .control import FirstFrame, control_maps, inside_map
from .encoded import COMPLETE, FORMAT, INDEX, LATENTS, ClipRecord, file_of, is_whole, read_index
from .sources import Source, SourceClip, check_clip_size
from .worker_pool import Unusable, clips_ahead


def fingerprint(
    settings: Mapping[str, Any], codec: str, style: MapStyle, text: str = "none", first_frame: FirstFrame = "masks"
) -> str:
    """A hash of everything that all encoded clips of a folder depend on: sha256 as 64 hex digits. It does not cover which clips they are.

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
) -> None:
    """Encode the clips that are missing, in the source's order, and list those of the source.

    Clips that cannot be read do not stop the others: `Source.leave_out` decides about them at the end, or once they are more than MOST and 1 %.

    Args:
        source: the clips.
        vae: the codec, on its device.
        folder: where the encoded clips go; it is made if it is missing.
        style: the style of the control maps (both modes are encoded).
        fingerprint: see the function `fingerprint`.
        text: turns a prompt into its true tokens ``[M, T]``; None for a generator without text.
        report: called with (clips done, clips in total), first with those that were there already.
        workers: processes that make clips while this one encodes; 0 for none. The files do not depend on it.
        encode_in_workers: the workers encode too, each on one thread; for a codec on the CPU.
        first_frame: see `control_maps`.

    Raises:
        TrainError: the source has no clips, clips cannot be used and are needed, the folder cannot be written or holds clips of another
            fingerprint, or a latent does not fit into float16.
    """
    folder, total = Path(folder), len(source)
    if not total:
        raise TrainError(
            f"the source has 0 clips to encode into {folder}; check the settings data.train and data.evaluation."
        )
    done = _open(folder, fingerprint)
    files = [file_of(source.identity(index)) for index in range(total)]
    missing = [index for index, file in enumerate(files) if file not in done]
    report(total - len(missing), total)
    if missing:
        with _writing(folder):
            (folder / COMPLETE).unlink(missing_ok=True)
    latents_of = partial(_latents, vae=vae, style=style, first_frame=first_frame)
    work = partial(_with_latents, latents_of) if encode_in_workers else _without_latents
    problems: dict[int, str] = {}
    with closing(clips_ahead(source, missing, workers, work)) as clips:
        for seen, (index, made) in enumerate(zip(missing, clips, strict=True), start=1):
            if isinstance(made, Unusable):
                problems[index] = made.problem
                if len(problems) > max(MOST, total // 100):
                    break
            else:
                clip, latents = made
                _write(folder / files[index], clip, _tensors(clip, latents or latents_of(clip), text))
            report(total - len(missing) + seen, total)
    if problems:
        source.leave_out(problems)
    listed = [(index, file) for index, file in enumerate(files) if index not in problems]
    content = json.dumps({"fingerprint": fingerprint, "clips": listed}) + "\n"
    if not (folder / COMPLETE).is_file() or (folder / COMPLETE).read_text(encoding="utf-8") != content:
        with _writing(folder):
            write_whole(folder / COMPLETE, content)


MOST = 10
"""Clips that cannot be read before the others are given up, however few there are."""


def _open(folder: Path, fingerprint: str) -> set[str]:
    """Make or open the index, cut off a torn last line, and return the files of clips that are there and whole."""
    index = folder / INDEX
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        found, records, whole = read_index(folder) if index.exists() else (fingerprint, {}, 0)
        if index.exists() and index.stat().st_size > whole:
            os.truncate(index, whole)
        if not whole:
            _append(folder, {"format": FORMAT, "fingerprint": fingerprint})
            return set()
    if found != fingerprint:
        raise TrainError(
            f"{folder} holds clips encoded with other settings or another codec (fingerprint {found[:12]}, not {fingerprint[:12]}); remove "
            "that folder, or choose another run folder."
        )
    return {file for file, record in records.items() if is_whole(folder, record)}


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


def _write(path: Path, clip: SourceClip, tensors: Mapping[str, Tensor]) -> None:
    """Write the clip's file, and once it is whole and on the disk, its line in the index."""
    folder = path.parent
    frames, height, width, _ = clip.frames_THWC.shape
    with _writing(folder):
        save_whole(path, tensors, {})
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        record = ClipRecord(
            name=clip.name,
            file=path.name,
            bytes=path.stat().st_size,
            frames=frames,
            width=width,
            height=height,
            fps=clip.fps,
            objects=len(clip.trajectory.objects),
            prompt=clip.prompt,
            text=(tensors["text"].shape[0], tensors["text"].shape[1]),
            origin=clip.origin,
        )
        _append(folder, asdict(record))


def _append(folder: Path, line: Mapping[str, Any]) -> None:
    with (folder / INDEX).open("ab") as file:
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _writing(folder: Path) -> AbstractContextManager[None]:
    remedy = "free some space there or choose another run folder, then run the command again: it continues"
    return writing("encoded clips", folder, remedy)
