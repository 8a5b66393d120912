"""The files of a prepared clip, in the layout of a maker's own folder, and the documents that a maker wrote for clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flashmotion_core.files.texts import read_text
from flashmotion_core.files.whole_file import write_whole
from flashmotion_core.trajectory import Trajectory, dumps, from_boxes, read_tracks, resize, rounded, sample, trim
from flashmotion_core.video.frames import Frames
from flashmotion_core.video.mp4 import write_mp4

from .found_objects import FoundObjects, Labels

CRF = 8
"""Quality of the prepared videos; hardly to be told from the original."""
TOLERANCE = 0.002
"""How far a box between keyframes may be from the one that was found, as a share of the frame's diagonal."""
ASPECT_SLACK = 0.01
SOLID = 0.25
"""Least share of a box that moving pixels must fill to stand for the object inside."""


def to_document(found: FoundObjects, fps: float) -> Trajectory:
    """A document in the editor's format, with few keyframes."""
    height, width = found.labels_THW.shape[1:]
    tolerance = TOLERANCE * float(np.hypot(width, height))
    return from_boxes(
        found.boxes_TN4, found.seen_TN, size=(width, height), fps=fps, tolerance=tolerance, labels=found.names
    )


def read_own_document(path: Path, size: tuple[int, int], frames: int, fps: float) -> Trajectory:
    """What a maker wrote for one clip, at the clip's size and length.

    Raises:
        ValueError: it cannot be read, has no objects, is too short, or has another aspect than the clip.
    """
    try:
        document, _ = read_tracks(read_text(path), size=size, frames=frames, fps=fps)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not document.objects:
        raise ValueError(f"{path.name} has 0 objects and leaves nothing to follow; add one, or remove the file")
    if document.frames < frames:
        raise ValueError(f"{path.name} has {document.frames} frames, but the clip has {frames}; extend it")
    if abs(document.size[0] / document.size[1] / (size[0] / size[1]) - 1) > ASPECT_SLACK:
        raise ValueError(
            f"{path.name} is for {document.size[0]} x {document.size[1]} pixels, but the clip has {size[0]} x {size[1]}; draw it on the clip "
            "that the preview shows"
        )
    same = document if document.size == size else resize(document, size)
    return same if same.frames == frames else trim(same, frames)


def in_boxes(document: Trajectory, moving: Labels) -> FoundObjects:
    """The objects of a maker's document; their masks are what moves in their boxes, or all of a box where too little does."""
    sampled = sample(document)
    boxes_TN4 = np.where(sampled.visible_TN[..., None], sampled.boxes_TN4, np.nan)
    labels_THW = np.zeros_like(moving)
    height, width = moving.shape[1:]
    for t in range(len(moving)):
        for n in reversed(range(boxes_TN4.shape[1])):
            if np.isfinite(boxes_TN4[t, n, 0]):
                x, y, w, h = boxes_TN4[t, n]
                rows = slice(max(0, round(y)), min(height, max(round(y) + 1, round(y + h))))
                columns = slice(max(0, round(x)), min(width, max(round(x) + 1, round(x + w))))
                inside = moving[t, rows, columns] > 0
                solid = inside.size > 0 and inside.mean() >= SOLID
                labels_THW[t, rows, columns][inside if solid else slice(None)] = n + 1
    labels = tuple(tracked.label for tracked in document.objects)
    return FoundObjects(boxes_TN4, labels_THW, labels)


def write_clip(
    folder: Path, name: str, frames_THWC: Frames, fps: float, document: Trajectory, labels_THW: Labels, prompt: str
) -> None:
    """Write ``name.mp4``, ``.json``, ``.txt`` and the label pictures of all frames into a folder."""
    from PIL import Image

    write_mp4(folder / f"{name}.mp4", frames_THWC, fps, CRF, same_bytes=True)
    write_document(folder / f"{name}.json", document)
    (folder / f"{name}.txt").write_text(prompt, encoding="utf-8")
    masks = folder / f"{name}.masks"
    masks.mkdir()
    for number, labels_HW in enumerate(labels_THW):
        Image.fromarray(labels_HW).save(masks / f"{number:05d}.png")


def write_document(path: Path, document: Trajectory) -> None:
    """Write a document in the editor's format."""
    write_whole(path, dumps(rounded(document)))


def no_objects(size: tuple[int, int], frames: int, fps: float) -> Trajectory:
    """A document to draw into, for a clip in which nothing was found."""
    return Trajectory(size, frames, (), fps)
