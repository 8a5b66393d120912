"""`schema.json` and the parser agree."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest

from flashmotion_core.trajectory import SCHEMA_PATH, TrajectoryError, dumps, parse
from flashmotion_core.trajectory import model as limits

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FULL: dict[str, Any] = {
    "version": 2,
    "size": [1280, 704],
    "frames": 121,
    "fps": 24,
    "objects": [
        {
            "id": "o1",
            "label": "cat",
            "color": "#ff8800",
            "path": "smooth",
            "hidden": [[3, 9], [20, 20]],
            "shape": {"columns": 3, "rows": 2, "runs": [1, 2, 3]},
            "keyframes": [
                {"frame": 0, "x": 0.5, "y": 0.5, "w": 0.2, "h": 0.3, "ease": "in-out"},
                {"frame": 9, "x": -4, "y": 5, "w": 4, "h": 0.000001, "ease": [0, -2, 1, 3]},
            ],
        }
    ],
}
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 0.5, 1.5, 9.0, 31, 32, 4096, 4097, 1024, 1025, 1026, 240, 240.5, 1e-7, 1e300),
    *("", "x", "x" * 64, "x" * 65, "x" * 120, "x" * 121, "#ff8800", "#FF8800", "#ff88", "#ff8800\n", "linear", "smooth"),
    *("hold", "in", "out", [], {}, [0, 0], [5, 121], [9, 3], [0, 0, 1, 1], [0, 0, 1, 1, 1], [2, 0, 1, 1], [[0, 1]], [[1]]),
    *([{}], [64, 64], [64.0, 64], [1280, "704"]),
]  # fmt: skip
# What JSON Schema cannot say; `$comment` of the schema lists the same.
ONLY_THE_PARSER_SEES = (
    *("give it an id that", "give a frame after", "give a frame not before", "0-based"),
    *("make them add up to", "cells outside, inside, outside"),
)


def agree(document: Any) -> bool:
    """Whether both accept or both refuse; a refusal that only the parser can make counts as agreement."""
    valid = VALIDATOR.is_valid(document)
    try:
        parse(json.dumps(document))
    except TrajectoryError as error:
        return not valid or any(remedy in str(error) for remedy in ONLY_THE_PARSER_SEES)
    return valid


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document, the document itself included."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_both_accept_a_full_and_a_canonical_document() -> None:
    VALIDATOR.validate(FULL)
    VALIDATOR.validate(json.loads(dumps(parse(FULL))))
    VALIDATOR.validate({"version": 1, "size": [32, 4096], "frames": 1})


@pytest.mark.parametrize("place", [place for place in places(FULL) if place], ids=str)
def test_both_judge_every_replaced_value_alike(place: tuple[Any, ...]) -> None:
    for value in VALUES:
        document = copy.deepcopy(FULL)
        parent = document
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = value
        assert agree(document), (place, value)


@pytest.mark.parametrize("place", [place for place in places(FULL) if place and isinstance(place[-1], str)], ids=str)
def test_both_judge_every_missing_and_every_unknown_field_alike(place: tuple[Any, ...]) -> None:
    document = copy.deepcopy(FULL)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    value = parent.pop(place[-1])
    assert agree(document), place
    parent[place[-1] + "x"] = value
    assert not VALIDATOR.is_valid(document)
    assert agree(document), place


def test_both_have_the_same_limits() -> None:
    top = SCHEMA["properties"]
    tracked, key, shape = (SCHEMA["$defs"][name]["properties"] for name in ("object", "keyframe", "shape"))
    assert top["objects"]["maxItems"] == limits.MAX_OBJECTS
    assert top["frames"]["maximum"] == limits.MAX_FRAMES
    assert top["fps"]["default"] == limits.DEFAULT_FPS
    assert shape["runs"]["maxItems"] == limits.MAX_RUNS
    assert shape["columns"]["maximum"] == shape["rows"]["maximum"] == limits.MAX_SHAPE_SIDE
    assert top["version"]["enum"] == list(range(1, limits.VERSION + 1))
    assert tracked["keyframes"]["maxItems"] == tracked["hidden"]["maxItems"] == limits.MAX_KEYFRAMES
    assert (key["w"]["minimum"], key["w"]["maximum"]) == (limits.MIN_EXTENT, limits.MAX_EXTENT)
    assert (key["x"]["minimum"], key["x"]["maximum"]) == (limits.MIN_CENTRE, limits.MAX_CENTRE)
    assert tuple(key["ease"]["anyOf"][0]["enum"]) == limits.EASE_NAMES
    assert tuple(tracked["path"]["enum"]) == limits.PATHS
