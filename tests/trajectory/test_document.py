"""Parsing, canonical text, migrations, and the sentence of every error."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import (
    FirstShape,
    Keyframe,
    TrackedObject,
    Trajectory,
    TrajectoryError,
    dumps,
    from_cells,
    parse,
    to_cells,
    validate,
)
from flashmotion_core.trajectory import document as document_module

from ..support.sentences import refuses

KEY: dict[str, Any] = {"frame": 0, "x": 0.5, "y": 0.5, "w": 0.2, "h": 0.3}
OBJECT: dict[str, Any] = {"id": "cat", "keyframes": [KEY]}
SMALLEST: dict[str, Any] = {"version": 1, "size": [1280, 704], "frames": 121}


def with_object(**changes: Any) -> dict[str, Any]:
    return {**SMALLEST, "objects": [{**OBJECT, **changes}]}


def with_key(**changes: Any) -> dict[str, Any]:
    return with_object(keyframes=[{**KEY, **changes}])


def message(source: Any) -> str:
    with pytest.raises(TrajectoryError) as caught:
        parse(source)
    return str(caught.value)


def test_defaults_may_be_left_out() -> None:
    assert parse(SMALLEST) == Trajectory(size=(1280, 704), frames=121, fps=24.0, objects=())
    (tracked,) = parse(with_object()).objects
    assert tracked == TrackedObject("cat", (Keyframe(0, 0.5, 0.5, 0.2, 0.3, "linear"),), "", None, "linear", ())


def test_the_canonical_text() -> None:
    source = with_object(color="#FF8800", hidden=[[7, 9], [1, 2], [3, 3], [8, 20]], label="a cat", path="smooth")
    source["objects"][0]["keyframes"] = [{**KEY, "x": 1.0, "ease": [0.25, 0.0, 1, 1.5]}, {**KEY, "frame": 5.0}]
    assert dumps(parse(source)) == (
        '{"version":1,"size":[1280,704],"frames":121,"fps":24,"objects":[{"id":"cat","label":"a cat","color":"#ff8800",'
        '"path":"smooth","hidden":[[1,3],[7,20]],"keyframes":['
        '{"frame":0,"x":1,"y":0.5,"w":0.2,"h":0.3,"ease":[0.25,0,1,1.5]},'
        '{"frame":5,"x":0.5,"y":0.5,"w":0.2,"h":0.3,"ease":"linear"}]}]}'
    )


def test_text_and_mapping_give_the_same() -> None:
    assert parse(json.dumps(with_object())) == parse(with_object())


def test_the_largest_document_can_be_written_and_read_back() -> None:
    long = 0.12345678901234567 - 4
    keys = tuple(
        Keyframe(513 + k, long, long, 0.1234567890123456, 1 / 3, (1 / 3, -1.2345678901234567, 2 / 3, 2.9))
        for k in range(512)
    )
    label = "\N{GRINNING FACE}" * 120
    shape = FirstShape(512, 512, (64,) * 4096)
    objects = tuple(
        TrackedObject(f"{n:064}", keys, label, "#ffffff", "linear", tuple((2 * k, 2 * k) for k in range(512)), shape)
        for n in range(64)
    )
    largest = Trajectory((4096, 4096), 1025, objects, 23.976023976023978)
    text = dumps(largest)
    assert len(text) < document_module.MAX_TEXT
    assert parse(text) == largest


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", "trajectory is empty: draw a box in the editor, or paste a document such as {"),
        ("  \n", "trajectory is empty: "),
        ("{", "trajectory is not valid JSON (Expecting property name"),
        ('{"version": 1} x', "trajectory is not valid JSON (Extra data: line 1 column 16 (char 15)): paste the whole"),
        ("[" * 200_000, "trajectory is nested too deeply: paste a trajectory document"),
        ('{"a":' * 200_000, "trajectory is nested too deeply: "),
        ("[1]", "trajectory is a list of 1 items: give a JSON object with the fields version, size, frames"),
        ("null", "trajectory is null: give a JSON object"),
        (7, "trajectory is 7: give a JSON object"),
        ('{"version": 1, "version": 1}', 'trajectory has the field "version" twice in one object: keep one.'),
        ('{"version": NaN}', "trajectory contains the number NaN: replace it with a finite one."),
        ('{"version": -Infinity}', "trajectory contains the number -Infinity: "),
        (" " * 10_000_001, "trajectory is a text of 10000001 characters: give at most 10000000 "),
        ({}, "version is missing: add it (2 is the current one)."),
        ({**SMALLEST, "version": 3}, "version is 3: update FlashMotion, this one reads up to 2, or save it as version 2."),
        ({**with_object(shape={}), "version": 2}, "objects[0].shape.columns is missing: add it (columns, rows, runs are"),
        (with_object(shape={}), "objects[0].shape is an object with 0 fields: set version to 2, version 1 knows no shapes."),
        (
            {**with_object(shape={"columns": 2, "rows": 2, "runs": [1, 2]}), "version": 2},
            "objects[0].shape.runs is a list of 2 items: make them add up to columns * rows, 4, they are 3.",
        ),
        ({**SMALLEST, "version": 0}, "version is 0: give a whole number from 1 to "),
        ({**SMALLEST, "version": "1"}, 'version is "1": give a whole number'),
        ({"version": 1, "frames": 3}, "size is missing: add it (version, size, frames are required)."),
        ({**SMALLEST, "size": [1280]}, "size is a list of 1 items: give a list of 2 whole numbers"),
        ({**SMALLEST, "size": [16, 704]}, "size[0] is 16: give a whole number from 32 to 4096 (width in pixels)."),
        ({**SMALLEST, "size": [1280, 704.5]}, "size[1] is 704.5: give a whole number from 32 to 4096 (height in pixels)."),
        ({**SMALLEST, "frames": 0}, "frames is 0: give a whole number from 1 to 1025 (length of the clip)."),
        ({**SMALLEST, "frames": True}, "frames is true: give a whole number"),
        ({**SMALLEST, "frames": 10**6000}, "frames is an integer of 19932 bits: give a whole number"),
        ('{"version":1,"size":[64,64],"frames":1' + "0" * 5000 + "}", "frames is inf: give a whole number"),
        ({**SMALLEST, "fps": 0}, "fps is 0: give a finite number above 0 and at most 240 (frames per second)."),
        ({**SMALLEST, "fps": float("nan")}, "fps is nan: give a finite number above 0"),
        ({**SMALLEST, "fps": False}, "fps is false: give a finite number"),
        ({**SMALLEST, "framez": 3}, 'trajectory."framez" is not a known field: remove or rename it (did you mean "frames"?);'),
        ({**SMALLEST, 3: 3}, "trajectory.3 is not a known field: remove or rename it; known fields are version, size"),
        ({**SMALLEST, "objects": {}}, "objects is an object with 0 fields: give a list of 0 to 64 objects."),
        ({**SMALLEST, "objects": [OBJECT] * 65}, "objects is a list of 65 items: give a list of 0 to 64 objects."),
        ({**SMALLEST, "objects": [3]}, "objects[0] is 3: give a JSON object with the fields id, keyframes, label,"),
        ({**SMALLEST, "objects": [OBJECT, OBJECT]}, 'objects[1].id is "cat": give it another id than objects[0].'),
        (with_object(id=""), 'objects[0].id is "": give a text of 1 to 64 characters (unique in the document).'),
        (with_object(id="x" * 65), f'objects[0].id is "{"x" * 40}...": give a text of 1 to 64 characters'),
        (with_object(id=5), "objects[0].id is 5: give a text"),
        (with_object(id="\ud800"), 'objects[0].id is "\\ud800": replace the lone surrogate in it with a real character.'),
        (with_object(label="x" * 121), "objects[0].label is "),
        (with_object(color="red"), 'objects[0].color is "red": give a colour such as "#ff4040", or leave it out.'),
        (with_object(color="#ff4040\n"), 'objects[0].color is "#ff4040\\n": give a colour'),
        (with_object(color=None), "objects[0].color is null: give a colour"),
        (with_object(path="smoth"), 'objects[0].path is "smoth": give "linear" or "smooth" (did you mean "smooth"?).'),
        (with_object(hidden=[3]), "objects[0].hidden[0] is 3: give a list of 2 frames, [first, last]."),
        (with_object(hidden=[[3, 2]]), "objects[0].hidden[0][1] is 2: give a frame not before the interval's first, 3."),
        (with_object(hidden=[[0, 121]]), "objects[0].hidden[0][1] is 121: give a whole number from 0 to 120"),
        (with_object(keys=[]), 'objects[0]."keys" is not a known field: remove or rename it (did you mean "keyframes"?);'),
        ({**SMALLEST, "objects": [{"id": "a"}]}, "objects[0].keyframes is missing: add it (id, keyframes are required)."),
        (with_object(keyframes=[]), "objects[0].keyframes is a list of 0 items: give a list of 1 to 512 keyframes."),
        (with_object(keyframes=[KEY, KEY]), "objects[0].keyframes[1].frame is 0: give a frame after the previous keyframe's 0."),
        (with_key(frame=121), "objects[0].keyframes[0].frame is 121: give a whole number from 0 to 120 (0-based, in a clip of"),
        (with_key(frame=-1), "objects[0].keyframes[0].frame is -1: give a whole number from 0 to 120"),
        (with_key(x=5.5), "objects[0].keyframes[0].x is 5.5: give a finite number from -4 to 5 (box centre over the"),
        (with_key(y=float("inf")), "objects[0].keyframes[0].y is inf: give a finite number from -4 to 5"),
        (with_key(w=0), "objects[0].keyframes[0].w is 0: give a finite number from 1e-06 to 4 (box width over"),
        (with_key(h="0.5"), 'objects[0].keyframes[0].h is "0.5": give a finite number'),
        (with_key(ease="ease-in"), 'objects[0].keyframes[0].ease is "ease-in": give "linear", "hold", "in", "out" or "in-out"'),
        (with_key(ease=[0, 0, 1]), "objects[0].keyframes[0].ease is a list of 3 items: give a list of 4 numbers"),
        (with_key(ease=[0, 0, 1.1, 1]), "objects[0].keyframes[0].ease[2] is 1.1: give a finite number from 0 to 1 (x2 of"),
        (with_key(ease=[0, -2.5, 1, 1]), "objects[0].keyframes[0].ease[1] is -2.5: give a finite number from -2 to 3 (y1 of"),
        (with_key(ease=None), "objects[0].keyframes[0].ease is null: give "),
        (with_object(label=object()), "objects[0].label is a Python object: give a text"),
    ],
)  # fmt: skip
def test_every_error_names_field_value_and_remedy_in_one_sentence(source: Any, sentence: str) -> None:
    found = message(source)
    assert found.startswith(sentence)
    assert found.endswith((".", "}."))
    assert "\n" not in found
    assert len(found) < 300


def test_the_error_carries_its_field() -> None:
    with pytest.raises(TrajectoryError) as caught:
        parse(with_key(x=9))
    assert caught.value.field == "objects[0].keyframes[0].x"
    assert isinstance(caught.value, ValueError)


def test_a_list_that_contains_itself_is_only_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert message({**SMALLEST, "objects": loop}).startswith("objects[0] is a list of 1 items")


def test_older_versions_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "VERSION", 3)
    monkeypatch.setitem(
        document_module.MIGRATIONS, 1, lambda old: {**old, "frames": old["length"] + 1, "fps": old["rate"]}
    )
    monkeypatch.setitem(
        document_module.MIGRATIONS, 2, lambda old: {k: old[k] for k in ("version", "size", "frames", "fps")}
    )
    assert parse({"version": 1, "size": [64, 64], "length": 4, "rate": 8}) == Trajectory((64, 64), 5, (), 8.0)
    assert parse({"version": 3, "size": [64, 64], "frames": 4}).frames == 4
    assert message({"version": 1, "size": [64, 64]}) == (
        "version is 1: repair the document or draw it again; it cannot be migrated (KeyError on the way to version 2)."
    )
    assert message({"version": 4}).startswith("version is 4: update FlashMotion, this one reads up to 3")


def test_a_shape_makes_it_version_2_and_nothing_else_does() -> None:
    shape = {"columns": 3, "rows": 2, "runs": [1, 2, 3]}
    with_shape = {**with_object(shape=shape), "version": 2}
    text = dumps(parse(with_shape))
    assert text.startswith('{"version":2,')
    assert '"hidden":[],"shape":{"columns":3,"rows":2,"runs":[1,2,3]},"keyframes"' in text
    assert parse(text) == parse(with_shape)
    assert parse(text).objects[0].shape == FirstShape(3, 2, (1, 2, 3))
    assert to_cells(FirstShape(3, 2, (1, 2, 3))).tolist() == [[False, True, True], [False, False, False]]
    assert from_cells(np.array([[False, True, True], [False, False, False]])) == FirstShape(3, 2, (1, 2, 3))
    assert from_cells(np.ones((2, 3), dtype=bool)).runs == (0, 6)
    assert dumps(parse({**with_object(), "version": 2})) == dumps(parse(with_object()))


def test_a_document_built_by_hand_is_checked_before_it_is_written() -> None:
    bad = Trajectory((1280, 704), 5, (TrackedObject("a", (Keyframe(9, 0.5, 0.5, 0.1, 0.1),)),))
    with refuses(TrajectoryError, key="objects[0].keyframes[0].frame", value=9, remedy="whole number from 0 to 4"):
        dumps(bad)
    with refuses(TrajectoryError, key="objects[0].keyframes[0].x", value="nan", remedy="finite number"):
        validate(Trajectory((1280, 704), 5, (TrackedObject("a", (Keyframe(0, float("nan"), 0.5, 0.1, 0.1),)),)))
