"""Our form of a set, which the benchmark reads: NAME.json, the real clip, ``NAME_masks/``, NAME.txt, ``NAME_tracks.npz``, and set.json for the whole.

set.json says what the set was made of, its groups by number of objects, which clips were left out and why, and two checksums: of the documents,
and of all files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..benchmark.bench_files import ARRAY, MASKS, content_digest, find_clip, read_clip
from ..benchmark.clip_set import NOT_DOCUMENTS, RECORD, TRACKS, read_set, some_documents
from ..files.file_kinds import VIDEO_SUFFIXES
from ..files.links import link_or_copy
from ..files.texts import read_text
from ..files.whole_file import write_whole
from ..metrics import group_of
from ..tracking.label_masks import read_label_folder
from ..trajectory import dumps, parse, trim
from ..video.frames import Frames
from ..video.mp4 import write_mp4
from .first_shapes import with_shapes
from .point_tracks import read_point_tracks
from .read_clip import GivenClip, ReadClip

FORMAT = 1
CRF = 8
"""Of clips that are written again."""


def own_clips(folder: Path) -> list[GivenClip]:
    """The clips of a set in our form, by name. Raises ValueError if there are none."""
    files = some_documents(folder)
    return [
        GivenClip(file.stem, _prompt(file.with_suffix(".txt")), partial(_read, file), partial(_files_of, file))
        for file in files
    ]


def _prompt(path: Path) -> str:
    return read_text(path).strip() if path.is_file() else ""


def _read(file: Path, frames: int | None) -> ReadClip:
    folder, name = file.parent, file.stem
    document = parse(read_text(file))
    real, masks, tracks = find_clip(folder, name), folder / f"{name}{MASKS}", folder / f"{name}{TRACKS}"
    found = ReadClip(
        None if real is None else read_clip(real, document.frames, document.size),
        document,
        read_label_folder(masks) if masks.is_dir() else None,
        read_point_tracks(tracks) if tracks.is_file() else None,
        real,
    )
    if frames is None or frames == document.frames:
        return found
    if frames > document.frames:
        raise ValueError(f"it has {document.frames} frames, but {frames} are asked for")
    return _trimmed(found, frames)


def _files_of(file: Path) -> list[Path]:
    """Document, real clip, masks and tracks; the prompt is read already."""
    folder, name = file.parent, file.stem
    real, masks = find_clip(folder, name), folder / f"{name}{MASKS}"
    pictures = [path for place in (real, masks) if place is not None and place.is_dir() for path in place.iterdir()]
    found = (file, real, folder / f"{name}{TRACKS}", *sorted(pictures))
    return [path for path in found if path is not None and path.is_file()]


def _trimmed(clip: ReadClip, frames: int) -> ReadClip:
    points = clip.tracks
    return replace(
        clip,
        frames_THWC=None if clip.frames_THWC is None else clip.frames_THWC[:frames],
        trajectory=trim(clip.trajectory, frames),
        labels_THW=None if clip.labels_THW is None else clip.labels_THW[:frames],
        tracks=None
        if points is None
        else replace(points, points_TK2=points.points_TK2[:frames], visible_TK=points.visible_TK[:frames]),
        source=None,
    )


def write_clip(folder: Path, name: str, prompt: str, clip: ReadClip) -> None:
    """Write a clip, its document last: a clip with a document is whole. A video or folder of pictures is linked where it is as it was.

    What an earlier run left of a clip of this name is removed first.
    """
    remove_clip(folder, name)
    if clip.source is not None and (clip.source.is_dir() or clip.source.suffix.lower() in VIDEO_SUFFIXES):
        source = clip.source.resolve()
        link_or_copy(source, folder / (name if source.is_dir() else f"{name}{clip.source.suffix.lower()}"))
    elif clip.frames_THWC is not None:
        _write_frames(folder, name, clip.frames_THWC, clip.trajectory.fps)
    if clip.labels_THW is not None and len(clip.labels_THW) == clip.trajectory.frames:
        _write_masks(folder / f"{name}{MASKS}", clip.labels_THW)
    if clip.tracks is not None:
        arrays = io.BytesIO()
        np.savez_compressed(arrays, **vars(clip.tracks))
        write_whole(folder / f"{name}{TRACKS}", arrays.getvalue())
    if prompt:
        write_whole(folder / f"{name}.txt", prompt)
    document = clip.trajectory if clip.labels_THW is None else with_shapes(clip.trajectory, clip.labels_THW[0])
    write_whole(folder / f"{name}.json", dumps(document))


def remove_clip(folder: Path, name: str) -> None:
    """Remove all files of a clip, its document first; what links lead to stays."""
    ends = (".json", ".txt", TRACKS, MASKS, *VIDEO_SUFFIXES, ARRAY, "")
    for path in (folder / f"{name}{end}" for end in ends):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _write_frames(folder: Path, name: str, frames_THWC: Frames, fps: float) -> None:
    if frames_THWC.shape[1] % 2 or frames_THWC.shape[2] % 2:  # which h264 does not have
        array = io.BytesIO()
        np.save(array, frames_THWC)
        write_whole(folder / f"{name}.npy", array.getvalue())
    else:
        write_mp4(folder / f"{name}.mp4", frames_THWC, fps, CRF, same_bytes=True)


def _write_masks(folder: Path, labels_THW: NDArray[np.uint8]) -> None:
    from PIL import Image

    part = folder.with_name(f"{folder.name}.part")
    for old in (part, folder):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir()
    for t, labels_HW in enumerate(labels_THW):
        Image.fromarray(labels_HW).save(part / f"{t:05d}.png")
    os.replace(part, folder)


def describe_set(folder: Path, made_of: dict[str, Any], broken: dict[str, str]) -> dict[str, Any]:
    """What set.json says of the clips in a folder."""
    found = read_set(folder)
    groups: dict[str, list[str]] = {}
    for clip in found.clips:
        groups.setdefault(group_of(len(clip.trajectory.objects)), []).append(clip.name)
    return {
        "format": FORMAT,
        "made_of": made_of,
        "clips": len(found.clips),
        "groups": dict(sorted(groups.items(), key=lambda item: (not item[0].isdecimal(), item[0]))),
        "left_out": broken,
        "documents": found.checksum,
        "files": content_checksum(folder),
    }


def content_checksum(folder: Path) -> str:
    """SHA-256 of the names and contents of all clips' files."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name not in NOT_DOCUMENTS and not path.name.startswith(".") and not path.name.endswith(".part"):
            total.update(f"{path.name} {content_digest(path)}\n".encode())
    return total.hexdigest()


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write set.json."""
    write_whole(folder / RECORD, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any] | None:
    """What set.json says; None if there is none. Raises ValueError if it cannot be read."""
    file = folder / RECORD
    if not file.is_file():
        return None
    try:
        found = json.loads(read_text(file))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}); remove it.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{file} is not a record of the format {FORMAT}; remove it.")
    return found


def changed(folder: Path, record: dict[str, Any]) -> str:
    """One sentence on what is not as set.json says; "" if all is."""
    for what, found in (("documents", read_set(folder).checksum), ("files", content_checksum(folder))):
        if record.get(what) != found:
            return f"the {what} have the SHA-256 {found[:12]}, but set.json says {str(record.get(what))[:12]}: this is not the set that it describes"
    return ""
