"""A clip of a set as its reader gives it, and how it is brought to another size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..trajectory import Trajectory
from ..trajectory import cover as cover_boxes
from ..trajectory.model import MAX_FRAMES
from ..video.frames import LARGEST_CLIP, Frames, cover
from ..video.pictures import read_image
from ..video.video_reader import look, pictures
from .point_tracks import PointTracks, inside

FPS = 24.0
"""Of sets of pictures, which have no rate of their own."""


@dataclass(frozen=True, eq=False)
class ReadClip:
    """Everything about a clip.

    Attributes:
        frames_THWC: the real clip; None if the set has none.
        trajectory: boxes of its objects, in its size and length.
        labels_THW: object n, from 1, has the value n; [1, H, W] where only those of frame 0 are known, None where none are.
        tracks: of points, if there are any.
        source: the file or folder that holds just these frames; None if they are a part of it or were changed.
    """

    frames_THWC: Frames | None
    trajectory: Trajectory
    labels_THW: NDArray[np.uint8] | None = None
    tracks: PointTracks | None = None
    source: Path | None = None


@dataclass(frozen=True, eq=False)
class GivenClip:
    """A clip that a set names.

    Attributes:
        name: of its files in our form.
        prompt: may be empty.
        read: gives the clip, or its first so many frames; raises ValueError or OSError where it is broken.
        files: that it is read from, to notice later whether they changed.
    """

    name: str
    prompt: str
    read: Callable[[int | None], ReadClip]
    files: Callable[[], list[Path]] = list


def video_frames(path: Path, frames: int | None) -> tuple[Frames, float, bool]:
    """The first frames of a video (all for None), its frames per second, and whether these are all.

    Raises ValueError if it is damaged or has fewer.
    """
    if not path.is_file():
        raise ValueError(f"there is no video {path.name}")
    shown = look(path, frames=None if frames is None else frames + 1)
    check_amount(len(shown.ticks) if frames is None else frames, shown.size)
    found: list[Frames] = []
    with closing(pictures(path, shown)) as decoded:
        for _, picture_HWC in decoded:
            found.append(picture_HWC)
            if len(found) == frames:
                break
    _enough(len(found), frames)
    times = shown.times
    fps = (len(times) - 1) / float(times[-1]) if len(times) > 1 else FPS
    return np.stack(found), fps, len(found) == len(times)


def picture_frames(files: list[Path], frames: int | None) -> Frames:
    """The first frames of a clip of pictures (all for None). Raises ValueError for damage, several sizes, or fewer pictures."""
    _enough(len(files), frames)
    found: list[Frames] = []
    for file in files[:frames]:
        found.append(read_image(file))
        if len(found) == 1:
            check_amount(len(files[:frames]), (found[0].shape[1], found[0].shape[0]))
        if found[-1].shape != found[0].shape:
            raise ValueError(f"{file.name} has the size {_by(found[-1])}, the first picture {_by(found[0])}")
    return np.stack(found)


def covered(clip: ReadClip, size: tuple[int, int]) -> ReadClip:
    """The clip scaled to cover `size` (width, height) and cropped around the centre: pictures by Lanczos, masks by the nearest pixel."""
    if clip.trajectory.size == size:
        return clip
    return replace(
        clip,
        frames_THWC=None if clip.frames_THWC is None else np.stack([cover(frame, *size) for frame in clip.frames_THWC]),
        trajectory=cover_boxes(clip.trajectory, size),
        labels_THW=None if clip.labels_THW is None else _covered_labels(clip.labels_THW, size),
        tracks=None if clip.tracks is None else _covered_tracks(clip.tracks, clip.trajectory.size, size),
        source=None,
    )


def _covered_labels(labels_THW: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    found = np.zeros((len(labels_THW), size[1], size[0]), np.uint8)
    for new_HW, labels_HW in zip(found, labels_THW, strict=True):
        for label in np.unique(labels_HW).tolist():
            if label:
                new_HW[cover(labels_HW == label, *size)] = label
    return found


def _covered_tracks(tracks: PointTracks, old: tuple[int, int], size: tuple[int, int]) -> PointTracks:
    scale = max(size[0] / old[0], size[1] / old[1])
    old_2, new_2 = np.array(old, np.float64), np.array(size, np.float64)
    points = (tracks.points_TK2 + 0.5 - old_2 / 2) * scale + new_2 / 2 - 0.5
    seen_TK = tracks.visible_TK & inside(points, size)
    return replace(tracks, points_TK2=points.astype(np.float32), visible_TK=seen_TK)


def check_amount(frames: int, size: tuple[int, int]) -> None:
    """Raise ValueError for more frames than a document may have, or more bytes than are read; none of them are in memory yet."""
    if frames > MAX_FRAMES:
        raise ValueError(f"it has {frames} frames, but a document at most {MAX_FRAMES}; take only its first ones")
    amount = frames * size[0] * size[1] * 3
    if amount > LARGEST_CLIP:
        raise ValueError(
            f"its {frames} frames of {size[0]} x {size[1]} take {amount / 1e9:.1f} GB, more than the {LARGEST_CLIP / 1e9:.1f} GB that are read; take "
            "only its first ones"
        )


def _enough(count: int, frames: int | None) -> None:
    if not count:
        raise ValueError("it has 0 frames that can be decoded")
    if frames is not None and count < frames:
        raise ValueError(f"it has {count} frames, but {frames} are asked for")


def _by(picture_HWC: Frames) -> str:
    return f"{picture_HWC.shape[1]} x {picture_HWC.shape[0]}"
