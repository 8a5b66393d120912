"""Trajectories in words: what each kind of motion is called, who is named and how, and that anything can be told."""
# ruff: noqa: RUF001 - Chinese commas

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flashmotion_core.trajectory
from flashmotion_core.trajectory import describe, language_of, parse

from .test_properties import documents, relaxed

Key = tuple[Any, ...]


def thing(label: str, *keys: Key, **fields: Any) -> dict[str, Any]:
    names = ("frame", "x", "y", "w", "h", "ease")
    return {"label": label, "keyframes": [dict(zip(names, key, strict=False)) for key in keys], **fields}


def told(*things: dict[str, Any], language: Any = None, frames: int = 121) -> str:
    objects = [{"id": f"o{n}", **given_} for n, given_ in enumerate(things)]
    return describe(
        parse({"version": 1, "size": [1280, 704], "frames": frames, "fps": 24, "objects": objects}), language
    )


def at(*points: tuple[float, float, float], w: float = 0.2, h: float = 0.3) -> list[Key]:
    """Keyframes of one size."""
    return [(frame, x, y, w, h) for frame, x, y in points]


def orbit(turns: int) -> list[Key]:
    angles = [(15 * k, turns * k * math.pi / 4) for k in range(9)]
    return at(*((f, 0.5 - 0.2 * math.cos(a), 0.5 - 0.3 * math.sin(a)) for f, a in angles), w=0.1, h=0.1)


RIGHT, THERE = at((0, 0.2, 0.5), (120, 0.8, 0.5)), at((0, 0.2, 0.5))
NEARER = [(0, 0.5, 0.5, 0.1, 0.1), (120, 0.5, 0.5, 0.4, 0.4)]
MOTIONS: dict[str, tuple[list[Key], dict[str, Any], str, str]] = {
    "across": (RIGHT, {}, "moves from left to right", "从左向右移动"),
    "slow ends": ([(*RIGHT[0], "in-out"), RIGHT[1]], {}, "moves from left to right", "从左向右移动"),
    "stops": (
        at((0, 0.2, 0.5), (80, 0.8, 0.5)),
        {},
        "moves from left to right, then stops",
        "从左向右移动，然后停下",
    ),
    "waits": (
        at((30, 0.2, 0.5), (90, 0.4, 0.3)),
        {},
        "stays still at first, moves up and to the right, then stops",
        "先静止片刻，接着向右上方移动，最后停下",
    ),
    "pause": (
        at((0, 0.2, 0.5), (40, 0.5, 0.5), (70, 0.5, 0.5), (120, 0.8, 0.5)),
        {},
        "moves to the right, pauses, then continues to the right",
        "向右移动，接着停顿片刻，最后继续向右移动",
    ),
    "returns": (
        at((0, 0.2, 0.5), (60, 0.8, 0.5), (120, 0.2, 0.5)),
        {},
        "moves from left to right, then back to the left",
        "从左向右移动，然后向左返回",
    ),
    "still": (THERE, {}, "stays still", "静止不动"),
    "hardly": (at((0, 0.2, 0.5), (120, 0.22, 0.51)), {}, "stays still", "静止不动"),
    "up": (at((0, 0.5, 0.6), (120, 0.5, 0.4)), {}, "moves up", "向上移动"),
    "to the corner": (
        at((0, 0.8, 0.2), (120, 0.2, 0.8)),
        {},
        "moves from the top right to the bottom left",
        "从右上角向左下角移动",
    ),
    "nearer": (NEARER, {}, "comes towards the camera", "靠近镜头"),
    "farther": (
        [(0, 0.3, 0.5, 0.4, 0.4), (120, 0.6, 0.5, 0.1, 0.1)],
        {},
        "moves to the right away from the camera",
        "向右移动并远离镜头",
    ),
    "nearer and back": (
        [(0, 0.5, 0.5, 0.1, 0.1), (60, 0.5, 0.5, 0.4, 0.4), (120, 0.5, 0.5, 0.1, 0.1)],
        {},
        "comes towards the camera, then moves away from the camera again",
        "靠近镜头，然后重新远离镜头",
    ),
    "wider only": ([(0, 0.5, 0.5, 0.1, 0.3), (120, 0.5, 0.5, 0.3, 0.3)], {}, "stays still", "静止不动"),
    "crosses": (at((0, -0.3, 0.3), (120, 1.3, 0.3)), {}, "crosses the frame from left to right", "从左向右穿过画面"),
    "enters": (
        at((0, 0.5, 1.4), (80, 0.5, 0.7)),
        {},
        "enters the frame from the bottom, then stops",
        "从下方进入画面，然后停下",
    ),
    "leaves": (at((0, 0.3, 0.3), (80, 0.3, -0.5)), {}, "leaves the frame at the top", "从上方离开画面"),
    "comes back": (
        at((0, 0.7, 0.5), (40, 1.3, 0.5), (60, 1.3, 0.5), (110, 0.7, 0.5)),
        {},
        "leaves the frame to the right, then comes back into the frame from the right",
        "从右侧离开画面，然后从右侧回到画面中",
    ),
    "hidden": (
        RIGHT,
        {"hidden": [[50, 70]]},
        "moves to the right, disappears, reappears, then continues to the right",
        "向右移动，接着消失，随后再次出现，最后继续向右移动",
    ),
    "missed": (RIGHT, {"hidden": [[50, 52]]}, "moves from left to right", "从左向右移动"),
    "hidden at first": (THERE, {"hidden": [[0, 40]]}, "appears", "出现"),
    "bend": (
        at((0, 0.2, 0.8), (60, 0.5, 0.3), (120, 0.8, 0.8)),
        {"path": "smooth"},
        "moves up and to the right, then down and to the right",
        "向右上方移动，然后向右下方移动",
    ),
    "bounces": (
        at(*((15 * k, 0.1 + 0.1 * k, 0.8 - 0.3 * (k % 2)) for k in range(9)), w=0.1, h=0.1),
        {},
        "moves to the right, bobbing up and down",
        "上下起伏着向右移动",
    ),
    "to and fro": (
        at(*((20 * k, 0.2 + 0.5 * (k % 2), 0.5) for k in range(7))),
        {},
        "moves back and forth between left and right",
        "左右来回移动",
    ),
    "trembles": (at(*((5 * k, 0.5 + 0.01 * (k % 2), 0.5) for k in range(25))), {}, "stays still", "静止不动"),
    "circle": (orbit(1), {"path": "smooth"}, "circles clockwise", "顺时针绕圈"),
    "other way round": (orbit(-1), {"path": "smooth"}, "circles anticlockwise", "逆时针绕圈"),
}


@pytest.mark.parametrize("name", MOTIONS)
def test_motions(name: str) -> None:
    keys, fields, english, chinese = MOTIONS[name]
    assert told(thing("the brown dog", *keys, **fields)) == f"The brown dog {english}."
    assert told(thing("棕色的狗", *keys, **fields)) == f"棕色的狗{chinese}。"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("the brown dog", "The brown dog"),
        ("dog", "The dog"),
        ("  red\n ball. ", "The red ball"),
        ("a car", "A car"),
        ("Anna", "Anna"),
        ("dog 2", "Dog 2"),
        ("{label} {to}", "The {label} {to}"),
    ],
)
def test_names(label: str, name: str) -> None:
    assert told(thing(label, *THERE)) == f"{name} stays still."


@pytest.mark.parametrize(
    "label",
    [
        *(
            "the two dogs",
            "two dogs",
            "3 dogs",
            "the dogs",
            "dogs",
            "my dogs",
            "these sheep",
            "people in red shirts",
            "the children",
        ),
        *("the girl and the boy", "a few leaves", "taxis", "all the cats", "both of them", "pandas"),
    ],
)
def test_several_things_take_a_plural_verb(label: str) -> None:
    assert told(thing(label, *THERE)).endswith(" stay still.")
    assert "moves" not in told(thing(label, *RIGHT))


@pytest.mark.parametrize(
    "label",
    [
        *(
            "the bus",
            "the girl in red shoes",
            "the man with two dogs",
            "one of the dogs",
            "a group of people",
            "James",
            "Mercedes",
        ),
        *(
            "a glass",
            "this series",
            "the octopus",
            "a black and white dog",
            "the five-year-old girl",
            "dog 2",
            "1 dog",
            "tennis",
        ),
    ],
)
def test_one_thing_takes_a_singular_verb(label: str) -> None:
    assert told(thing(label, *THERE)).endswith(" stays still.")


@pytest.mark.parametrize("label", ["", "object 3", "Object 3", "物体 3", "o12", "17", " ... "])
def test_objects_without_a_name_are_left_out(label: str) -> None:
    assert told(thing(label, *THERE)) == ""
    assert told(thing(label, *THERE), thing("dog", *THERE)) == "The dog stays still."


def test_objects_never_seen_are_left_out() -> None:
    outside, hidden = thing("cat", *at((0, 2, 2))), thing("bird", *THERE, hidden=[[0, 120]])
    assert told(outside, hidden, thing("dog", *THERE)) == "The dog stays still."


def test_objects_that_do_the_same_share_a_sentence() -> None:
    others = [thing("cat", *at((0, 0.3, 0.3), (120, 0.8, 0.3))), thing("ball", *at((0, 0.1, 0.9), (120, 0.5, 0.9)))]
    assert told(thing("dog", *RIGHT), *others[:1]) == "The dog and the cat move from left to right."
    # Not all of them go across.
    assert told(thing("dog", *RIGHT), *others) == "The dog, the cat and the ball move to the right."
    assert told(thing("狗", *RIGHT), thing("猫", *THERE), *others) == "狗、cat 和 ball 向右移动。猫静止不动。"


def test_objects_of_one_label_are_counted() -> None:
    people = [thing("a person", *RIGHT), thing("A person", *THERE), thing("dog", *THERE)]
    assert told(*people) == "The first person moves from left to right. The second person and the dog stay still."
    assert told(*[thing("人", *THERE)] * 2) == "第一个人和第二个人静止不动。"
    assert "第十个人、人 11 和人 12 静止" in told(*[thing("人", *THERE)] * 12)


def test_the_language_is_that_of_the_labels_unless_given() -> None:
    def document(*labels: str) -> Any:
        objects = [{"id": f"o{n}", **thing(label, *THERE)} for n, label in enumerate(labels)]
        return parse({"version": 1, "size": [64, 64], "frames": 5, "objects": objects})

    assert language_of(document("dog", "the caf\u00e9")) == "en"
    assert language_of(document("dog", "猫")) == "zh"
    assert language_of(document("dog", "物体 2")) == "en"
    assert language_of(document()) == "en"
    assert describe(document("狗"), "en") == "狗 stays still."
    assert describe(document("the dog"), "zh") == "dog 静止不动。"


def test_many_objects_are_told_in_fewer_words_but_none_is_dropped() -> None:
    stairs = at((0, 0.1, 0.6), (30, 0.4, 0.6), (60, 0.4, 0.4), (90, 0.6, 0.4), (100, 0.6, 0.8))
    few = told(thing("dog", *stairs))
    assert few == "The dog moves to the right, up, to the right, down, then stops."
    names = [f"thing {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(64)]
    text = told(*(thing(name, *stairs, path=("linear", "smooth")[n % 2]) for n, name in enumerate(names)))
    assert all(name in text for name in names)
    assert len(text) < 64 * 30


def test_the_languages_have_the_same_phrases_with_the_same_places() -> None:
    path = Path(flashmotion_core.trajectory.__file__).with_name("words") / "phrases.json"
    english, chinese = json.loads(path.read_text(encoding="utf-8")).values()
    assert set(english) == set(chinese)
    assert set(english["motions"]) == set(chinese["motions"])
    for words in (english, chinese):
        assert [len(words[name]) for name in ("to", "across", "side", "out", "ordinals")] == [8, 8, 8, 8, 10]


@settings(relaxed, max_examples=60)
@given(documents() | documents(tame=True), st.sampled_from([None, "en", "zh"]))
def test_any_document_is_told_and_who_is_seen_is_named(document: dict[str, Any], language: Any) -> None:
    for n, tracked in enumerate(document["objects"]):
        if tracked.get("label") or n == 0:
            tracked["label"] = f"dog{n} \u72d7" if n == 2 else f"dog{n} x"
    trajectory = parse(document)
    text = describe(trajectory, language)
    assert text == describe(trajectory, language)
    assert "{" not in text
    assert len(text) <= 2000
    for n, tracked in enumerate(trajectory.objects):
        hidden = {frame for first, last in tracked.hidden for frame in range(first, last + 1)}
        keys = [key for key in tracked.keyframes if key.frame not in hidden]
        if tracked.label and any(0 <= key.x <= 1 and 0 <= key.y <= 1 for key in keys):
            assert f"dog{n}" in text.lower()


@settings(relaxed, max_examples=60)
@given(st.lists(st.text(max_size=120), max_size=6), st.sampled_from([None, "en", "zh"]))
def test_any_label_is_told(labels: list[str], language: Any) -> None:
    labels = [label.encode("utf-8", "ignore").decode() for label in labels]
    text = told(*(thing(label, *THERE) for label in labels), language=language)
    assert text.isprintable()
