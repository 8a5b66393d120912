"""MagicData's layout, which FlashBench is taken to share: ``videos/ID.mp4``, ``masks/ID/annotated_frame_00000.png`` ..., ``boxs/ID/`` alike,
and a .csv with the columns path, text and num_frames. In masks and boxs each object keeps a colour; boxs are filled or outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..metrics import box_iou
from ..video.pictures import picture_files
from .clip_lists import magic_list, read_magic_list
from .colored_masks import boxes_document, boxes_of_labels, read_colors
from .listed_names import check_listed
from .read_clip import GivenClip, ReadClip, video_frames

MASKS, BOXES = "masks", "boxs"
AGREE = 0.4
"""Least IoU of a drawn box and the box of its mask; an outline's thickness alone makes it 0.5 for an object of three thicknesses."""

BoxesByLabel = dict[int, tuple[int, int, int, int]]


def is_magic(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / "videos").is_dir() and ((folder / MASKS).is_dir() or (folder / BOXES).is_dir())


def magic_clips(folder: Path) -> list[GivenClip]:
    """The clips of the list, in its order; without a list, all of ``videos/``.

    Raises:
        ValueError: the list cannot be read, or names two videos alike.
    """
    found: dict[str, GivenClip] = {}
    paths: dict[str, Path] = {}
    for path, prompt, frames in _listed(folder):
        name = path.stem
        if name in paths:
            if paths[name] == path:
                continue
            raise ValueError(f"{folder} names two videos {name}, {paths[name]} and {path}; rename one and its masks.")
        paths[name] = path
        found[name] = GivenClip(name, prompt, partial(_read, folder, path, frames), partial(_files_of, folder, path))
    return list(found.values())


def _listed(folder: Path) -> Iterator[tuple[Path, str, int | None]]:
    listed = magic_list(folder)
    if listed is None:
        lists = sorted(folder.glob("*.csv"))
        if lists:
            raise ValueError(
                f"{folder} holds {len(lists)} lists, {' and '.join(path.name for path in lists)}; keep one."
            )
        videos = sorted(path for path in (folder / "videos").glob("*.mp4") if not path.name.startswith("."))
        yield from ((path.absolute(), "", None) for path in videos)
        return
    for row in read_magic_list(listed):
        check_listed(row.video, f"{listed}, row {row.number}")
        path = folder / row.video
        path = path if path.exists() else folder / "videos" / row.video
        yield path.absolute(), row.prompt, row.frames


def _read(folder: Path, video: Path, stated: int | None, frames: int | None) -> ReadClip:
    frames_THWC, fps, whole = video_frames(video, frames)
    count, (height, width) = len(frames_THWC), frames_THWC.shape[1:3]
    if whole and stated is not None and stated > count:
        raise ValueError(f"it has {count} frames, but its list says {stated}")
    masks, boxes = (_pictures(folder / kind / video.stem, count) for kind in (MASKS, BOXES))
    if not masks and not boxes:
        raise ValueError(f"it has neither {MASKS} nor {BOXES}")
    drawn = [boxes_of_labels(labels_HW) for labels_HW in read_colors(boxes, (width, height))]
    source = video if whole else None
    if not masks:
        return ReadClip(frames_THWC, boxes_document(drawn, (width, height), fps), source=source)
    labels_THW = np.stack(list(read_colors(masks, (width, height))))
    around = [boxes_of_labels(labels_HW) for labels_HW in labels_THW]
    if drawn:
        _check_agreement(around, drawn)
    return ReadClip(frames_THWC, boxes_document(around, (width, height), fps), labels_THW, source=source)


def _files_of(folder: Path, video: Path) -> list[Path]:
    pictures = [path for kind in (MASKS, BOXES) for path in picture_files(folder / kind / video.stem)]
    return [path for path in (video, *pictures) if path.is_file()]


def _pictures(folder: Path, frames: int) -> list[Path]:
    files = picture_files(folder)
    if files and len(files) < frames:
        raise ValueError(f"its {folder.parent.name} are {len(files)} pictures for {frames} frames")
    return files[:frames]


def _check_agreement(around: Sequence[BoxesByLabel], drawn: Sequence[BoxesByLabel]) -> None:
    """Raise ValueError where masks and drawn boxes are not of the same objects. Colours may differ, so they are paired where they first meet."""
    of_masks, of_boxes = (len({label for boxes in kind for label in boxes}) for kind in (around, drawn))
    if of_masks != of_boxes:
        raise ValueError(f"its masks show {of_masks} objects, its boxes {of_boxes}")
    pairs: dict[int, int] = {}
    for t, (masks, boxes) in enumerate(zip(around, drawn, strict=True)):
        for label, box in masks.items():
            if label not in pairs:
                free = {other: _iou(box, there) for other, there in boxes.items() if other not in pairs.values()}
                if not free:
                    continue
                pairs[label] = max(free, key=lambda other: free[other])
            there = boxes.get(pairs[label])
            if there is not None and _iou(box, there) < AGREE:
                raise ValueError(
                    f"on frame {t}, the mask of object {label} is in {list(box)}, but its box is {list(there)} (x, y, width, height)"
                )


def _iou(box: Sequence[int], other: Sequence[int]) -> float:
    return float(box_iou(np.array(box, np.float64), np.array(other, np.float64)))
