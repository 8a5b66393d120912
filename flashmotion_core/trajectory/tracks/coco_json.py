"""COCO JSON of a video: images in order, annotations with a bbox (x, y, w, h in pixels) and a track_id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from ..field_checks import TrajectoryError, fail, number
from ..model import MAX_SIDE, MIN_SIDE
from .track_table import Notice, TrackRow, TrackTable, counted

_FRAME_FIELDS = ("frame_index", "frame_id", "frame_number", "frame", "frame_idx")
_TRACK_FIELDS = ("track_id", "instance_id", "object_id", "tracking_id")
_DIGITS = re.compile(r"([0-9]+)")


def is_coco(data: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a decoded JSON value has COCO's lists."""
    return isinstance(data, Mapping) and "images" in data and "annotations" in data


def read_coco(data: Mapping[str, Any]) -> TrackTable:
    """The annotations of a decoded file.

    Frames are numbered by a field of the images (`frame_index`, `frame_id` ...), else by the order of their file names or
    ids. Without a track id, each category is one object, if no picture has it twice.

    Raises `TrajectoryError` naming the entry.
    """
    notices: list[Notice] = []
    frames, size = _images(_list(data, "images"), notices)
    labels = _categories(data.get("categories", []))
    rows: list[TrackRow] = []
    missing, crowds = [], []
    tracked: list[str | None] = []
    occluded = 0
    for index, entry in enumerate(_list(data, "annotations")):
        place = f"annotations[{index}]"
        part = _object(entry, place)
        image = _key(part.get("image_id"), f"{place}.image_id")
        if image not in frames:
            fail(f"{place}.image_id", part.get("image_id"), "give the id of one of the images")
        more = part.get("attributes")
        attributes: Mapping[str, Any] = more if isinstance(more, Mapping) else {}
        if part.get("iscrowd") == 1:
            crowds.append(place)
            continue
        box = _box(part.get("bbox"), f"{place}.bbox")
        if box is None:
            missing.append(place)
            continue
        fields = (source.get(key) for source in (part, attributes) for key in _TRACK_FIELDS)
        name = next((value for value in fields if value is not None), None)
        tracked.append(None if name is None else _key(name, f"{place}.track_id")[1:])
        category = part.get("category_id")
        label = "" if category is None else labels.get(_key(category, f"{place}.category_id"), "")
        named = label or ("object" if category is None else f"category {category}")
        hidden = attributes.get("outside") is True
        occluded += not hidden and attributes.get("occluded") is True
        rows.append(TrackRow(place, frames[image], named, label, box, not hidden))
    if not rows:
        raise TrajectoryError(
            "annotations has no box: give each annotation a bbox [x, y, width, height].", "annotations"
        )
    without = [row.place for row, name in zip(rows, tracked, strict=True) if name is None]
    if without and len(without) < len(rows):
        raise TrajectoryError(f"{without[0]} has no track_id, but others have: give it one or remove it.", without[0])
    if without:
        _check_alone(rows)
    else:
        rows = [row._replace(id=name or "") for row, name in zip(rows, tracked, strict=True)]
    counted(notices, "left_out", missing)
    counted(notices, "ignored", crowds)
    if occluded:
        notices.append(Notice("occluded", (str(occluded),)))
    return TrackTable(
        "COCO JSON",
        tuple(rows),
        counted_from=int(min(frames.values()) == 1),
        size=size,
        last_frame=max(frames.values()),
        notices=tuple(notices),
    )


def _images(images: Sequence[Any], notices: list[Notice]) -> tuple[dict[str, int], tuple[int, int] | None]:
    """The frame of each image by its id, and the size that all share."""
    if not images:
        fail("images", images, "give one entry per frame")
    parts = [_object(entry, f"images[{index}]") for index, entry in enumerate(images)]
    keys = [_key(part.get("id"), f"images[{index}].id") for index, part in enumerate(parts)]
    videos: dict[str, None] = {}
    sizes: dict[tuple[int, int], None] = {}
    for index, part in enumerate(parts):
        if "video_id" in part:
            videos[_key(part["video_id"], f"images[{index}].video_id")] = None
        if "width" in part and "height" in part:
            w, h = (_whole(part[side], f"images[{index}].{side}", MIN_SIDE, MAX_SIDE) for side in ("width", "height"))
            sizes[w, h] = None
    if len(videos) > 1:
        raise TrajectoryError(
            f"images has {len(videos)} videos ({', '.join(key[1:] for key in list(videos)[:8])}): give a file of one.",
            "images",
        )
    if len(sizes) > 1:
        shown = ", ".join(f"{w} x {h}" for w, h in list(sizes)[:4])
        raise TrajectoryError(f"images has {len(sizes)} sizes ({shown}): give pictures of one size.", "images")
    numbers = _frame_numbers(parts, keys, notices)
    frames: dict[str, int] = {}
    seen: dict[int, int] = {}
    for index, (key, frame) in enumerate(zip(keys, numbers, strict=True)):
        if key in frames:
            fail(f"images[{index}].id", parts[index]["id"], "give each image its own id")
        if frame in seen:
            raise TrajectoryError(
                f"images[{index}] has frame {frame}, as images[{seen[frame]}] has: number each frame once.", "images"
            )
        frames[key] = frame
        seen[frame] = index
    return frames, next(iter(sizes), None)


def _frame_numbers(parts: Sequence[Mapping[str, Any]], keys: Sequence[str], notices: list[Notice]) -> list[int]:
    for field in _FRAME_FIELDS:
        if all(field in part for part in parts):
            return [_whole(part[field], f"images[{n}].{field}", 0, 10**9 - 1) for n, part in enumerate(parts)]
    names = [part.get("file_name") for part in parts]
    if all(isinstance(name, str) for name in names):
        notices.append(Notice("by_name"))
        order = sorted(range(len(parts)), key=lambda index: _natural(str(names[index])))
    elif all(key.startswith("n") for key in keys):
        notices.append(Notice("by_id"))
        order = sorted(range(len(parts)), key=lambda index: int(keys[index][1:]))
    else:
        fail("images", parts, "give each a whole frame_index, or a file_name")
    numbers = [0] * len(parts)
    for frame, index in enumerate(order):
        numbers[index] = frame
    return numbers


def _natural(name: str) -> list[tuple[int, int, bytes]]:
    """A key that sorts frame_9 before frame_10; texts by their UTF-16 units, as JavaScript compares them."""
    parts = []
    for index, piece in enumerate(_DIGITS.split(name[:1000])):
        digits = piece.lstrip("0") if index % 2 else ""
        parts.append((index % 2, len(digits), (digits if index % 2 else piece).encode("utf-16-be", "surrogatepass")))
    return parts


def _check_alone(rows: Sequence[TrackRow]) -> None:
    seen: dict[tuple[int, str], str] = {}
    for row in rows:
        if (row.frame, row.id) in seen:
            raise TrajectoryError(
                f"{row.place} has no track_id, and its picture has two of its category: give each object a track_id.",
                row.place,
            )
        seen[row.frame, row.id] = row.place


def _categories(categories: object) -> dict[str, str]:
    labels: dict[str, str] = {}
    for index, entry in enumerate(categories if isinstance(categories, list) else []):
        part = _object(entry, f"categories[{index}]")
        name = part.get("name")
        labels[_key(part.get("id"), f"categories[{index}].id")] = name.strip() if isinstance(name, str) else ""
    return labels


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data[name]
    if not isinstance(value, list):
        fail(name, value, "give a list")
    return value


def _object(entry: object, place: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        fail(place, entry, "give a JSON object")
    return entry


def _key(value: object, field: str) -> str:
    """An id as a key: "n7" for the number 7, "t7" for the text "7"."""
    if isinstance(value, str) and value.strip():
        return f"t{value.strip()}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e15 <= value <= 1e15 or value % 1:
        fail(field, value, "give a whole number or a text")
    return f"n{int(value)}"


def _whole(value: object, field: str, low: int, high: int) -> int:
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high and not value % 1
    if not valid:
        fail(field, value, f"give a whole number from {low} to {high}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _box(value: object, field: str) -> tuple[float, float, float, float] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 4:
        fail(field, value, "give [x, y, width, height] in pixels")
    x, y = (number(value[index], f"{field}[{index}]", -1e6, 1e6, "pixels") for index in (0, 1))
    w, h = (number(value[index], f"{field}[{index}]", 0, 1e6, "pixels") for index in (2, 3))
    return (x, y, w, h) if w > 0 and h > 0 else None
