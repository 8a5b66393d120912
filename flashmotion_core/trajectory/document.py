"""The trajectory document (version 2): its types, its parser and its canonical text.

One JSON document describes where objects go: keyframes only, never sampled boxes. `schema.json` beside this file says
the same to editors and other languages. Units and conventions:

* `frame` is 0-based; coordinates are fractions of the frame (x, w of its width, y, h of its height), y pointing down;
* `x`, `y` are the **centre** of the box, `w`, `h` its size. (`sample` returns the top-left corner in pixels.)
* `ease` belongs to the segment that **starts** at its keyframe; before the first and after the last one the box holds;
* `hidden` lists inclusive frame intervals; the hidden frames are their union;
* `color` is the editor's colour only: the control map always uses the adapter's palette by object order;
* `shape` (since version 2) is what the object fills of its box in frame 0: see `first_shape`.

A document is untrusted input: every size is bounded, every number finite, and what goes wrong is a `TrajectoryError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

from ..files.reasons import first_line
from ..files.texts import without_mark
from .field_checks import TrajectoryError, choice, fail, fields, items, number, shorten, text, whole
from .first_shape import parse_shape
from .model import (
    DEFAULT_FPS,
    EASE_NAMES,
    MAX_CENTRE,
    MAX_EXTENT,
    MAX_FRAMES,
    MAX_KEYFRAMES,
    MAX_OBJECTS,
    MAX_SIDE,
    MIN_CENTRE,
    MIN_EXTENT,
    MIN_SIDE,
    PATHS,
    VERSION,
    Ease,
    Interval,
    Keyframe,
    TrackedObject,
    Trajectory,
    merge_intervals,
    to_mapping,
)
from .python_text import is_python_text, json_of

MAX_DIGITS = 400  # of a whole number; longer ones are infinite, as they are in JavaScript
MAX_TEXT = 10_000_000  # characters; above the longest text that `dumps` can write
SCHEMA_PATH = Path(__file__).with_name("schema.json")


def _without_shapes(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 is version 2 without shapes."""
    objects = data.get("objects", ())
    for index, entry in enumerate(objects if isinstance(objects, (list, tuple)) else ()):
        if isinstance(entry, Mapping) and "shape" in entry:
            fail(f"objects[{index}].shape", entry["shape"], "set version to 2, version 1 knows no shapes")
    return data


# From version v to v + 1, on the plain JSON object; `parse` applies them one after the other and sets "version" itself.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _without_shapes}
_COLOR = re.compile(r"#[0-9a-f]{6}")


def parse(source: str | Mapping[str, Any]) -> Trajectory:
    """Read a document from JSON text or from an already decoded JSON object.

    `label` (""), `path` ("linear"), `hidden` ([]), `ease` ("linear"), `fps` (24), `objects` ([]), `color` and `shape` (none)
    may be left out. Older versions are migrated first.

    Raises `TrajectoryError` (a `ValueError`), and nothing else, for anything that is wrong.
    """
    migrated = _migrate(decode(source) if isinstance(source, str) else source)
    data = fields(migrated, "trajectory", ("version", "size", "frames"), ("fps", "objects"))
    width, height = items(data["size"], "size", 2, 2, "whole numbers, [width, height] in pixels")
    frames = whole(data["frames"], "frames", 1, MAX_FRAMES, "length of the clip")
    trajectory = Trajectory(
        size=(
            whole(width, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels"),
            whole(height, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels"),
        ),
        frames=frames,
        fps=number(data.get("fps", DEFAULT_FPS), "fps", 0, 240, "frames per second", above=True),
        objects=tuple(
            _parse_object(entry, f"objects[{index}]", frames)
            for index, entry in enumerate(items(data.get("objects", ()), "objects", 0, MAX_OBJECTS, "objects"))
        ),
    )
    first_use: dict[str, int] = {}
    for index, tracked in enumerate(trajectory.objects):
        if tracked.id in first_use:
            fail(f"objects[{index}].id", tracked.id, f"give it another id than objects[{first_use[tracked.id]}]")
        first_use[tracked.id] = index
    return trajectory


def dumps(trajectory: Trajectory) -> str:
    """The canonical text: compact JSON, fixed field order, all defaults written out, whole numbers without a decimal point.

    `parse(dumps(t))` equals `t` for every parsed `t`. Raises `TrajectoryError` when `t` was built by hand and is wrong.
    """
    return json.dumps(to_mapping(validate(trajectory)), separators=(",", ":"), allow_nan=False)


def validate(trajectory: Trajectory) -> Trajectory:
    """The same trajectory as `parse` would return it. Raises `TrajectoryError` where a limit is broken."""
    return parse(to_mapping(trajectory))


def decode(source: str) -> object:
    """The JSON value of a text, or of what Python's str() makes of one (see `python_text`), without any check of a document.

    Raises `TrajectoryError` for a text that is too long, empty, or not such a text.
    """
    source = without_mark(source)
    if len(source) > MAX_TEXT:
        raise TrajectoryError(
            f"trajectory is a text of {len(source)} characters: give at most {MAX_TEXT} (remove keyframes or objects)."
        )
    if not source.strip():
        smallest = '{"version": 1, "size": [1280, 704], "frames": 121, "objects": []}'
        raise TrajectoryError(f"trajectory is empty: draw a box in the editor, or paste a document such as {smallest}.")

    return decode_json(json_of(source) if is_python_text(source) else source, "trajectory")


def decode_json(source: str, name: str) -> object:
    """A JSON text's value: finite numbers, no field twice in one object. Raises `TrajectoryError` that says `name`."""

    def refuse_constant(constant: str) -> NoReturn:
        raise TrajectoryError(f"{name} contains the number {constant}: replace it with a finite one.")

    def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for field, value in pairs:
            if field in result:
                raise TrajectoryError(f"{name} has the field {shorten(field)} twice in one object: keep one.")
            result[field] = value
        return result

    def whole_number(digits: str) -> int | float:
        # As JavaScript reads it. Python refuses more than 4,300 digits, in words for programmers.
        return int(digits) if len(digits) <= MAX_DIGITS else float(digits)

    try:
        return json.loads(
            source, parse_int=whole_number, parse_constant=refuse_constant, object_pairs_hook=unique_fields
        )
    except TrajectoryError:
        raise
    except RecursionError:
        raise TrajectoryError(f"{name} is nested too deeply: paste a trajectory document, it has 6 levels.") from None
    except ValueError as error:
        reason = first_line(error)
        raise TrajectoryError(f"{name} is not valid JSON ({reason}): paste the whole document again.") from None


def _migrate(data: object) -> object:
    first = data
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(data, list) and isinstance(first, Mapping) and {"x", "y"} <= first.keys():
        fail(
            "trajectory",
            data,
            "give it to DrawTrajectory, which makes boxes of points, and take the document from there",
        )
    if not isinstance(data, Mapping):
        fail("trajectory", data, "give a JSON object with the fields version, size, frames, fps, objects")
    if "version" not in data:
        raise TrajectoryError(f"version is missing: add it ({VERSION} is the current one).", "version")
    version = whole(data["version"], "version", 1, 10**9, f"{VERSION} is the current version")
    if version > VERSION:
        fail("version", version, f"update FlashMotion, this one reads up to {VERSION}, or save it as version {VERSION}")
    migrated = dict(data)
    for step in range(version, VERSION):
        try:
            migrated = MIGRATIONS[step](migrated)
        except TrajectoryError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            reason = f"{type(error).__name__} on the way to version {step + 1}"
            fail("version", version, f"repair the document or draw it again; it cannot be migrated ({reason})")
        migrated["version"] = step + 1
    return migrated


def _parse_object(entry: object, field: str, frames: int) -> TrackedObject:
    data = fields(entry, field, ("id", "keyframes"), ("label", "color", "path", "hidden", "shape"))
    color = data.get("color")
    if "color" in data and not (isinstance(color, str) and _COLOR.fullmatch(color.lower())):
        fail(f"{field}.color", color, 'give a colour such as "#ff4040", or leave it out')
    keyframes: list[Keyframe] = []
    for index, key in enumerate(items(data["keyframes"], f"{field}.keyframes", 1, MAX_KEYFRAMES, "keyframes")):
        path = f"{field}.keyframes[{index}]"
        keyframes.append(_parse_keyframe(key, path, frames))
        if index and keyframes[index].frame <= keyframes[index - 1].frame:
            before = keyframes[index - 1].frame
            fail(f"{path}.frame", keyframes[index].frame, f"give a frame after the previous keyframe's {before}")
    return TrackedObject(
        id=text(data["id"], f"{field}.id", 1, 64, "unique in the document"),
        keyframes=tuple(keyframes),
        label=text(data.get("label", ""), f"{field}.label", 0, 120, "shown in the editor"),
        color=color.lower() if isinstance(color, str) else None,
        path=cast(Literal["linear", "smooth"], choice(data.get("path", "linear"), f"{field}.path", PATHS)),
        hidden=_parse_hidden(data.get("hidden", ()), f"{field}.hidden", frames),
        shape=parse_shape(data["shape"], f"{field}.shape") if "shape" in data else None,
    )


def _parse_keyframe(entry: object, field: str, frames: int) -> Keyframe:
    data = fields(entry, field, ("frame", "x", "y", "w", "h"), ("ease",))
    return Keyframe(
        frame=whole(data["frame"], f"{field}.frame", 0, frames - 1, f"0-based, in a clip of {frames} frames"),
        x=number(data["x"], f"{field}.x", MIN_CENTRE, MAX_CENTRE, "box centre over the frame's width"),
        y=number(data["y"], f"{field}.y", MIN_CENTRE, MAX_CENTRE, "box centre over the frame's height"),
        w=number(data["w"], f"{field}.w", MIN_EXTENT, MAX_EXTENT, "box width over the frame's width"),
        h=number(data["h"], f"{field}.h", MIN_EXTENT, MAX_EXTENT, "box height over the frame's height"),
        ease=_parse_ease(data.get("ease", "linear"), f"{field}.ease"),
    )


def _parse_ease(value: object, field: str) -> Ease:
    if not isinstance(value, (list, tuple)):
        return cast(Ease, choice(value, field, EASE_NAMES))
    x1, y1, x2, y2 = items(value, field, 4, 4, "numbers [x1, y1, x2, y2] of a cubic-bezier")
    return (
        number(x1, f"{field}[0]", 0, 1, "x1 of a cubic-bezier"),
        number(y1, f"{field}[1]", -2, 3, "y1 of a cubic-bezier"),
        number(x2, f"{field}[2]", 0, 1, "x2 of a cubic-bezier"),
        number(y2, f"{field}[3]", -2, 3, "y2 of a cubic-bezier"),
    )


def _parse_hidden(value: object, field: str, frames: int) -> tuple[Interval, ...]:
    intervals: list[Interval] = []
    for index, entry in enumerate(items(value, field, 0, MAX_KEYFRAMES, "[first, last] frame intervals")):
        first, last = items(entry, f"{field}[{index}]", 2, 2, "frames, [first, last]")
        first = whole(first, f"{field}[{index}][0]", 0, frames - 1, "first hidden frame, 0-based")
        last = whole(last, f"{field}[{index}][1]", 0, frames - 1, "last hidden frame, 0-based")
        if last < first:
            fail(f"{field}[{index}][1]", last, f"give a frame not before the interval's first, {first}")
        intervals.append((first, last))
    return merge_intervals(intervals)
