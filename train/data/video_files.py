"""Find, check and read the files of a clip in a maker's folder. Every problem is a ValueError of one sentence."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES
from flashmotion_core.files.texts import read_text
from flashmotion_core.trajectory import Trajectory, from_boxes, pixel_boxes, read_tracks, sample
from flashmotion_core.trajectory import cover as cover_boxes
from flashmotion_core.video.frames import Frames, cover
from flashmotion_core.video.pictures import read_labels as read_label_numbers
from flashmotion_core.video.pictures import read_mask
from flashmotion_core.video.video_reader import Shown, pictures

from .video_timing import timing

TRACK_SUFFIXES = (".json", ".csv", ".xml")
FASTEST = 240.0  # the largest frame rate of a trajectory document


def find_videos(folder: Path) -> list[Path]:
    """The videos of a folder, sorted by name: files with a known suffix in upper or lower case that are not hidden."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


@dataclass(frozen=True)
class Entry:
    """A usable clip.

    Attributes:
        shown: what a player shows of the video.
        taken: the numbers of the video's frames that make up the clip, ascending.
        fps: the clip's frames per second.
        prompt: may be empty.
        trajectory: for the clip's frames, scaled to the clip's size.
        masks: the label pictures of all taken frames, of frame 0 only, or none.
        notes: what was recognised or left out in tracks of a tool, cropped or repeated, one sentence each.
        lost: the share of the picture that is cropped.
    """

    shown: Shown
    taken: tuple[int, ...]
    fps: float
    prompt: str
    trajectory: Trajectory
    masks: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    lost: float = 0.0

    @property
    def source_size(self) -> tuple[int, int]:
        """(width, height) of the video in pixels, as it is shown."""
        return self.shown.size


def cropped(shown: tuple[int, int], size: tuple[int, int]) -> float:
    """The share of a picture that is lost where it is scaled to cover a size and cropped."""
    shapes = sorted((shown[0] / shown[1], size[0] / size[1]))
    return 1 - shapes[0] / shapes[1]


def inspect(
    video: Path,
    size: tuple[int, int],
    frames: int,
    fps: float | None,
    *,
    max_crop: float = 1.0,
    repeat_frames: bool = False,
) -> Entry:
    """Everything about a clip except its pixels.

    Args:
        video: the file.
        size: (width, height) of the clip.
        frames: of the clip.
        fps: see `video_timing.timing`.
        max_crop: the share of the picture that may be lost.
        repeat_frames: see `video_timing.timing`.

    Raises:
        ValueError: the clip cannot be used; says what is wrong with it.
    """
    shown, taken, rate = timing(video, frames, fps, repeat_frames=repeat_frames)
    source_size = shown.size
    lost = cropped(source_size, size)
    if lost > max_crop:
        raise ValueError(
            f"it would lose {lost:.0%} of its picture, as {source_size[0]} x {source_size[1]} pixels are cut to the shape of {size[0]} x {size[1]}; "
            "add a shape to data.buckets, crop it yourself, or raise data.max_crop"
        )
    document, notes = _document(video, source_size, rate, taken[-1] + 1)
    sampled = sample(document)
    trajectory = cover_boxes(
        from_boxes(
            sampled.boxes_TN4[list(taken)],
            sampled.visible_TN[list(taken)],
            size=document.size,
            fps=min(rate, FASTEST),
            ids=[tracked.id for tracked in document.objects],
            labels=[tracked.label for tracked in document.objects],
        ),
        size,
    )
    masks = _masks(video.with_suffix(".masks"), taken)
    if masks:
        drawn_N = pixel_boxes(sampled)[1][0]
        present = np.unique(_labels(masks[0], source_size, len(drawn_N)))
        missing = [n + 1 for n in np.flatnonzero(drawn_N).tolist() if n + 1 not in present]
        if missing:
            raise ValueError(
                f"{masks[0].parent.name}/{masks[0].name} has no pixel of value {missing[0]}, but object {missing[0]} is visible on frame 0; paint it."
            )
    if lost >= 0.01:
        notes += (
            f"{video.name}: {lost:.0%} of the picture is cropped, {source_size[0]} x {source_size[1]} to the shape of {size[0]} x {size[1]}.",
        )
    if repeated := len(taken) - len(set(taken)):
        notes += (f"{video.name}: {repeated} of {len(taken)} frames are repeated.",)
    return Entry(shown, taken, rate, _prompt(video.with_suffix(".txt")), trajectory, masks, notes, lost)


def read_frames(video: Path, entry: Entry, size: tuple[int, int]) -> Frames:
    """The clip's frames ``[T, H, W, 3]``; later frames are not decoded.

    Raises:
        ValueError: the file is damaged.
    """
    wanted, found = Counter(entry.taken), list[Frames]()
    with closing(pictures(video, entry.shown)) as shown:
        for number, picture in shown:
            found += [cover(picture, *size)] * wanted[number]
            if len(found) == len(entry.taken):
                return np.stack(found)
    raise ValueError(f"it is damaged, as {len(found)} of {len(entry.taken)} frames can be decoded; repair or remove it")


def read_labels(entry: Entry, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """The label pictures ``[1 or T, H, W]``, scaled and cropped like the frames; None if there are none.

    Raises:
        ValueError: a picture cannot be read, has another size, or has a value that is not an object.
    """
    if not entry.masks:
        return None
    objects = len(entry.trajectory.objects)
    labels_THW = np.zeros((len(entry.masks), size[1], size[0]), dtype=np.uint8)
    for labels_HW, path in zip(labels_THW, entry.masks, strict=True):
        source_HW = _labels(path, entry.source_size, objects)
        for label in range(1, objects + 1):
            labels_HW[cover(source_HW == label, *size)] = label
    return labels_THW


def _document(video: Path, size: tuple[int, int], fps: float, frames: int) -> tuple[Trajectory, tuple[str, ...]]:
    """The trajectory beside a video: a document, or tracks of a tool, whose pixels are the video's; and notes on it."""
    found = [path for path in map(video.with_suffix, TRACK_SUFFIXES) if path.is_file()]
    if not found:
        raise ValueError(f"it has no trajectory; save one as {video.with_suffix('.json').name}")
    if len(found) > 1:
        raise ValueError(f"it has {len(found)} trajectories, {' and '.join(path.name for path in found)}; keep one")
    path = found[0]
    try:
        document, notices = read_tracks(read_text(path), size=size, frames=frames, fps=min(fps, FASTEST))
    except UnicodeError as error:
        raise ValueError(str(error).rstrip(".")) from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not document.objects:
        raise ValueError(f"{path.name} has 0 objects and leaves nothing to follow; add one")
    if document.size != size:
        raise ValueError(
            f"{path.name} is for {document.size[0]} x {document.size[1]} pixels, but the video has {size[0]} x {size[1]}; draw it on the video"
        )
    if document.frames < frames:
        raise ValueError(f"{path.name} has {document.frames} frames, but {frames} of the video are used; extend it")
    return document, tuple(f"{path.name}: {notice}" for notice in notices)


def _prompt(path: Path) -> str:
    try:
        return read_text(path).strip() if path.is_file() else ""
    except UnicodeError as error:
        raise ValueError(str(error).rstrip(".")) from error


def _masks(folder: Path, taken: tuple[int, ...]) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    needed = [folder / f"{number:05d}.png" for number in taken]
    missing = [path for path in needed if not path.is_file()]
    if not missing:
        return tuple(needed)
    if len(missing) == len(set(needed)) - 1 and needed[0].is_file():
        return (needed[0],)
    raise ValueError(
        f"{folder.name} has no {missing[0].name}; give masks for frame 0 only, or for all {len(needed)} frames"
    )


def _labels(path: Path, size: tuple[int, int], objects: int) -> NDArray[np.uint8]:
    """A label picture ``[H, W]``; for a palette picture, its indices. With one object, any mask that shows its shape."""
    name = f"{path.parent.name}/{path.name}"
    try:
        labels = read_label_numbers(path)
        if objects == 1 and (labels is None or int(labels.max()) > 127):
            labels = read_mask(path)
    except ValueError as error:
        raise ValueError(f"{path.parent.name}/{str(error).rstrip('.')}") from error
    if labels is None:
        raise ValueError(f"{name} is a colour picture; save labels as a grey or palette PNG")
    if labels.shape[::-1] != size:
        raise ValueError(
            f"{name} has {labels.shape[1]} x {labels.shape[0]} pixels, but the video has {size[0]} x {size[1]}; save it at the video's size"
        )
    if int(labels.max()) > objects or int(labels.min()) < 0:
        value = int(labels.max()) if int(labels.max()) > objects else int(labels.min())
        raise ValueError(
            f"{name} has the value {value}, but the trajectory has {objects} objects; use values from 0 to {objects}"
        )
    return labels.astype(np.uint8)
