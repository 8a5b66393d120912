"""Find, check and read the files of a clip in a maker's folder. Every problem is a ValueError of one sentence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.pictures import read_labels as read_label_numbers
from flashmotion_core.pictures import read_mask
from flashmotion_core.texts import read_text
from flashmotion_core.trajectory import Trajectory, from_boxes, pixel_boxes, read_tracks, sample
from flashmotion_core.trajectory import cover as cover_boxes
from flashmotion_core.video import Frames, cover

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv")
TRACK_SUFFIXES = (".json", ".csv", ".xml")
FPS_SLACK = 0.99  # 23.976 counts as 24: a frame is shown twice every 40 seconds
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
        source_size: (width, height) of the video in pixels.
        taken: the numbers of the video's frames that make up the clip, ascending.
        fps: the clip's frames per second.
        prompt: may be empty.
        trajectory: for the clip's frames, scaled to the clip's size.
        masks: the label pictures of all taken frames, of frame 0 only, or none.
        notes: what was recognised or left out in tracks of a tool, one sentence each.
    """

    source_size: tuple[int, int]
    taken: tuple[int, ...]
    fps: float
    prompt: str
    trajectory: Trajectory
    masks: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def inspect(video: Path, size: tuple[int, int], frames: int, fps: float | None) -> Entry:
    """Everything about a clip except its pixels.

    Raises:
        ValueError: the clip cannot be used; says what is wrong with it.
    """
    source_size, rate, count = _probe(video)
    taken = _taken(frames, rate, fps, count)
    document, notes = _document(video, source_size, fps or rate, taken[-1] + 1)
    sampled = sample(document)
    trajectory = cover_boxes(
        from_boxes(
            sampled.boxes_TN4[list(taken)],
            sampled.visible_TN[list(taken)],
            size=document.size,
            fps=min(fps or rate, FASTEST),
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
    return Entry(source_size, taken, fps or rate, _prompt(video.with_suffix(".txt")), trajectory, masks, notes)


def read_frames(video: Path, entry: Entry, size: tuple[int, int]) -> Frames:
    """The clip's frames ``[T, H, W, 3]``; later frames are not decoded.

    Raises:
        ValueError: the file is damaged.
    """
    import av

    pictures: list[Frames] = []
    try:
        with av.open(video) as container:
            stream: Any = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                repeats = entry.taken.count(number)
                if repeats:
                    picture = frame.to_ndarray(format="rgb24")
                    if picture.shape[1::-1] != entry.source_size:
                        raise ValueError(
                            f"{video.name} has {picture.shape[1]} x {picture.shape[0]} pixels from frame {number} on, but {entry.source_size[0]} x "
                            f"{entry.source_size[1]} before; convert it to one size."
                        )
                    pictures += [cover(picture, *size)] * repeats
                if len(pictures) == len(entry.taken):
                    break
    except av.error.FFmpegError as error:
        raise ValueError(
            f"{video.name} cannot be decoded ({error.strerror}) and is probably damaged; repair or remove it."
        ) from error
    if len(pictures) < len(entry.taken):
        raise ValueError(
            f"{video.name} has {len(pictures)} of {len(entry.taken)} frames and is cut off; repair or remove it."
        )
    return np.stack(pictures)


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


def identity(video: Path) -> list[Any]:
    """Name and size of a video and a hash of its small files, as plain JSON values."""
    digest = hashlib.sha256()
    for suffix in (*TRACK_SUFFIXES, ".txt"):
        path = video.with_suffix(suffix)
        content = path.read_bytes() if path.is_file() else b""
        digest.update(len(content).to_bytes(8, "big") + content)
    folder = video.with_suffix(".masks")
    pictures = sorted(folder.glob("*.png")) if folder.is_dir() else []
    digest.update(repr([(path.name, path.stat().st_size) for path in pictures]).encode())
    return [video.name, video.stat().st_size, digest.hexdigest()]


def _probe(video: Path) -> tuple[tuple[int, int], float, int]:
    """Size, frames per second and number of frames, which is counted in packets if the container does not say it."""
    import av

    try:
        with av.open(video) as container:
            if not container.streams.video:
                raise ValueError("it has no video stream; repair or remove it")
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            size = (stream.width, stream.height)
            count = stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
    except av.error.FFmpegError as error:
        raise ValueError(f"it cannot be read as a video ({error.strerror}); repair, convert or remove it") from error
    if not rate or not all(size):
        raise ValueError(
            f"its header has the frame rate {rate} and the size {size[0]} x {size[1]} and is damaged; repair or remove it"
        )
    return size, float(rate), int(count)


def _taken(frames: int, rate: float, fps: float | None, count: int) -> tuple[int, ...]:
    if fps is not None and rate < fps * FPS_SLACK:
        raise ValueError(
            f"it has {rate:g} frames per second, but data.fps is {fps:g}; lower data.fps, as frames are not invented"
        )
    step = 1.0 if fps is None else rate / fps
    taken = np.floor(np.arange(frames) * step + 0.5).astype(int).tolist()
    if taken[-1] >= count:
        raise ValueError(f"it has {count} frames, but {taken[-1] + 1} are needed; remove it, or lower data.frames")
    return tuple(taken)


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
