"""MoveBench (Wan-Move), as Wan-Move's ``generate.py`` and ``scripts/visualize.py`` (27409be) read it: ``en/single_track.txt`` with lines
"NAME.mp4,caption" and comments after #, ``en/video/NAME.mp4``, ``en/first_frame/NAME.jpg``, ``en/track/single/NAME_tracks.npy``, float32
[1, T, K, 2] in pixels of that picture, and ``NAME_visibility.npy``, bool [1, T, K]. A point outside of the picture is not asked for.

Masks of frame 0 are in ``en/first_frame_mask/``, says the data set's card; their names are not written down in public, so some are tried.
There are no boxes: an object's box is that of its first mask, and goes with the median of its visible points. Its size stays.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.texts import read_text
from ..trajectory import Trajectory, from_boxes
from ..video.pictures import read_image, read_labels, read_mask
from .array_files import load_array
from .colored_masks import boxes_of_labels, renumbered
from .listed_names import check_listed
from .point_tracks import PointTracks, inside
from .read_clip import GivenClip, ReadClip, video_frames

PART = "en/single"
VIDEOS = ("video", "videos")
FIRST, COMMENT = "first_frame", "#"
MASKS = ("first_frame_mask", "first_frame_masks", "mask", "masks")
PICTURE_ENDS = (".png", ".jpg", ".npy", ".npz")


def is_move_bench(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return bool(list(folder.glob("*/*_track.txt")))


def move_bench_clips(folder: Path, part: str | None) -> list[GivenClip]:
    """The clips of a part, ``LANGUAGE/MODE``: en or zh, single or multi; None for ``en/single``.

    Raises:
        ValueError: there is no such part, or a line of its list has no caption.
    """
    language, slash, mode = (part or PART).partition("/")
    listed = folder / language / f"{mode}_track.txt"
    if not slash or not listed.is_file():
        there = sorted(
            f"{path.parent.name}/{path.name.removesuffix('_track.txt')}" for path in folder.glob("*/*_track.txt")
        )
        raise ValueError(f"{folder} has no part {part or PART}, only {', '.join(there) or 'nothing'}; choose one.")
    found = []
    for number, line in enumerate(read_text(listed).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(COMMENT):
            continue
        video, comma, caption = line.partition(",")
        if not comma:
            raise ValueError(f"{listed}, line {number} has no comma between video and caption; correct or remove it.")
        check_listed(video.strip(), f"{listed}, line {number}")
        name = Path(video.strip()).stem
        root = folder / language
        found.append(
            GivenClip(name, caption.strip(), partial(_read, root, mode, name), partial(_files_of, root, mode, name))
        )
    return found


def _read(folder: Path, mode: str, name: str, frames: int | None) -> ReadClip:
    video = _first([folder / kind / inner / f"{name}.mp4" for kind in VIDEOS for inner in (mode, "")], "video")
    frames_THWC, fps, whole = video_frames(video, frames)
    count, (height, width) = len(frames_THWC), frames_THWC.shape[1:3]
    _check_first(folder, name, (width, height))
    points_TK2 = _unbatched(load_array(folder / "track" / mode / f"{name}_tracks.npy"), 3).astype(np.float64)
    visible_TK = _unbatched(load_array(folder / "track" / mode / f"{name}_visibility.npy"), 2) > 0.5
    if points_TK2.ndim != 3 or points_TK2.shape[2] != 2 or visible_TK.shape != points_TK2.shape[:2]:
        raise ValueError(
            f"its tracks are {list(points_TK2.shape)} and their visibility {list(visible_TK.shape)}, not [T, K, 2] and [T, K]"
        )
    if len(points_TK2) < count or (whole and len(points_TK2) > count):
        raise ValueError(f"its tracks have {len(points_TK2)} frames, the video {count}")
    points_TK2, visible_TK = points_TK2[:count], visible_TK[:count]
    lost = int((~np.isfinite(points_TK2).all(axis=2) & visible_TK).sum())
    if lost:
        raise ValueError(f"its tracks have {lost} visible points that are not finite")
    labels_HW = _first_labels(folder, mode, name, (width, height))
    objects_K = _owners(points_TK2[0], labels_HW)
    tracks = PointTracks(points_TK2.astype(np.float32), visible_TK & inside(points_TK2, (width, height)), objects_K)
    return ReadClip(frames_THWC, _document(tracks, labels_HW, fps), labels_HW[None], tracks, video if whole else None)


def _check_first(folder: Path, name: str, size: tuple[int, int]) -> None:
    """Raise ValueError where the picture that the tracks are drawn on has another size than the video."""
    picture = folder / FIRST / f"{name}.jpg"
    if picture.is_file() and (shape := read_image(picture).shape[:2]) != size[::-1]:
        raise ValueError(
            f"its {FIRST}/{picture.name}, which its tracks are drawn on, is {shape[1]} x {shape[0]} pixels, its video {size[0]} x {size[1]}"
        )


def _files_of(folder: Path, mode: str, name: str) -> list[Path]:
    """All files that a clip may be read from."""
    tracks = [folder / "track" / mode / f"{name}_{kind}.npy" for kind in ("tracks", "visibility")]
    videos = [folder / kind / inner / f"{name}.mp4" for kind in VIDEOS for inner in (mode, "")]
    roots = [folder / kind / inner for kind in MASKS for inner in (mode, "")]
    masks = [path for root in roots for path in (*_pictures(root / name), *_starting(root, name))]
    return [path for path in (*tracks, *videos, folder / FIRST / f"{name}.jpg", *masks) if path.is_file()]


def _starting(folder: Path, name: str) -> list[Path]:
    return [path for path in _pictures(folder) if path.stem == name or path.stem.startswith(f"{name}_")]


def _first(places: list[Path], what: str) -> Path:
    found = next((path for path in places if path.exists()), None)
    if found is None:
        raise ValueError(f"there is no {what} {places[0].name} in {places[0].parent.parent}")
    return found


def _first_labels(folder: Path, mode: str, name: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Labels of frame 0: of one picture or array, or of a folder or numbered files with one mask per object."""
    roots = [folder / kind / inner for kind in MASKS for inner in (mode, "") if (folder / kind / inner).is_dir()]
    for root in roots:
        whole = [root / f"{name}{mark}{end}" for mark in ("", "_mask") for end in PICTURE_ENDS]
        file = next((path for path in whole if path.is_file()), None)
        if file is not None:
            return _counted(_labels(file, size))
        parts = _numbered(root, f"{name}_") or _pictures(root / name)
        if parts:
            labels_HW = np.zeros(size[::-1], np.uint8)
            for number, path in enumerate(parts):
                labels_HW[(_labels(path, size) > 0) & (labels_HW == 0)] = number + 1
            return labels_HW
    raise ValueError(f"it has no mask of frame 0 in {' or '.join(str(folder / kind) for kind in MASKS[:1])}")


def _numbered(folder: Path, start: str) -> list[Path]:
    """Masks named by a start and a number, by their numbers: those of a clip ``a`` are not those of ``a_b``."""
    marks = {path: path.stem.removeprefix(start) for path in _pictures(folder) if path.stem.startswith(start)}
    return sorted((path for path, mark in marks.items() if mark.isdecimal()), key=lambda path: int(marks[path]))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in PICTURE_ENDS) if folder.is_dir() else []


def _labels(path: Path, size: tuple[int, int]) -> NDArray[np.int32]:
    """Whole numbers [H, W], 0 for the background."""
    if path.suffix in (".npy", ".npz"):
        found = load_array(path)
        found = found[0] if found.ndim == 3 and len(found) == 1 else found
        if found.ndim != 2:
            raise ValueError(f"{path.name} is {list(found.shape)}, not [height, width]")
        labels_HW: NDArray[np.int32] = (found > 0.5 if found.dtype.kind == "f" else found).astype(np.int32)
    else:
        numbers = None if path.suffix == ".jpg" else read_labels(path)
        is_labels = numbers is not None and len(np.unique(numbers)) > 1 and int(numbers.max()) <= 64
        labels_HW = (numbers if is_labels and numbers is not None else read_mask(path)).astype(np.int32)
    if labels_HW.shape[::-1] != size:
        raise ValueError(
            f"{path.name} has the size {labels_HW.shape[1]} x {labels_HW.shape[0]}, its video {size[0]} x {size[1]}"
        )
    return labels_HW


def _counted(ids_HW: NDArray[np.int32]) -> NDArray[np.uint8]:
    labels_HW = renumbered(ids_HW)
    if not labels_HW.any():
        raise ValueError("its mask of frame 0 is empty")
    return labels_HW


def _owners(points_K2: NDArray[np.float64], labels_HW: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The object [K], from 0, whose mask is nearest to each point on frame 0. Raises ValueError for a mask without a point."""
    height, width = labels_HW.shape
    at = np.nan_to_num(points_K2).round().astype(np.int64).clip(0, (width - 1, height - 1))
    owners_K: NDArray[np.int64] = labels_HW[at[:, 1], at[:, 0]].astype(np.int64) - 1
    boxes = boxes_of_labels(labels_HW)
    for k in np.flatnonzero(owners_K < 0).tolist():
        away = {label: _distance(points_K2[k], box) for label, box in boxes.items()}
        owners_K[k] = min(away, key=lambda label: away[label]) - 1
    without = sorted(set(boxes) - set((owners_K + 1).tolist()))
    if without:
        raise ValueError(f"object {without[0]} of its {len(boxes)} masks has no track")
    return owners_K


def _distance(point_2: NDArray[np.float64], box: tuple[int, int, int, int]) -> float:
    x, y, w, h = box
    return float(np.hypot(max(x - point_2[0], 0, point_2[0] - x - w), max(y - point_2[1], 0, point_2[1] - y - h)))


def _document(tracks: PointTracks, labels_HW: NDArray[np.uint8], fps: float) -> Trajectory:
    boxes = boxes_of_labels(labels_HW)
    frames = len(tracks.points_TK2)
    boxes_TN4 = np.full((frames, len(boxes), 4), np.nan)
    for n, label in enumerate(sorted(boxes)):
        mine_K = tracks.objects_K == n
        steps_TK2 = tracks.points_TK2[:, mine_K].astype(np.float64) - tracks.points_TK2[0, mine_K]
        seen_TK = tracks.visible_TK[:, mine_K]
        for t in range(frames):
            if seen_TK[t].any() or t == 0:
                x, y = np.median(steps_TK2[t, seen_TK[t]], axis=0) if t else (0.0, 0.0)
                left, top, wide, high = boxes[label]
                boxes_TN4[t, n] = (left + x, top + y, wide, high)
    visible_TN: NDArray[np.bool_] = np.isfinite(boxes_TN4[..., 0])
    height, width = labels_HW.shape
    return from_boxes(boxes_TN4, visible_TN, size=(width, height), fps=min(fps, 240.0))


def _unbatched(array: NDArray[Any], dimensions: int) -> NDArray[Any]:
    """Without a leading batch of one."""
    return array[0] if array.ndim == dimensions + 1 and len(array) == 1 else array
