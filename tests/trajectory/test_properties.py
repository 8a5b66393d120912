"""Random and mutated documents: nothing but TrajectoryError gets out, and what parses samples to finite boxes."""

from __future__ import annotations

import json
import random
import shutil
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import fuzz_documents
from flashmotion_core.trajectory import (
    SCHEMA_PATH,
    TrajectoryError,
    dumps,
    from_bounding_boxes,
    from_boxes,
    from_csv,
    parse,
    pixel_boxes,
    render,
    retime,
    sample,
    to_bounding_boxes,
    to_csv,
    to_mapping,
    trim,
)

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
relaxed = settings(deadline=None, max_examples=75, suppress_health_check=[HealthCheck.too_slow])


def real(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


NAMED_EASES = st.sampled_from(["linear", "hold", "in", "out", "in-out"])
EASES = NAMED_EASES | st.tuples(real(0, 1), real(-2, 3), real(0, 1), real(-2, 3)).map(list)


@st.composite
def documents(draw: st.DrawFn, *, tame: bool = False) -> dict[str, Any]:
    """Valid documents; tame ones keep their boxes near the frame and do not overshoot."""
    centre, extent, ease = (real(0, 1), real(0.01, 1), NAMED_EASES) if tame else (real(-4, 5), real(1e-6, 4), EASES)
    frames = draw(st.integers(1, 40))
    objects = []
    for n in range(draw(st.integers(0, 3))):
        keyframes = [
            {
                "frame": frame,
                **{axis: draw(centre) for axis in "xy"},
                **{side: draw(extent) for side in "wh"},
                "ease": draw(ease),
            }
            for frame in sorted(draw(st.sets(st.integers(0, frames - 1), min_size=1, max_size=6)))
        ]
        hidden = draw(st.lists(st.tuples(*[st.integers(0, frames - 1)] * 2).map(sorted), max_size=3))
        tracked = {
            "id": f"o{n}",
            "keyframes": keyframes,
            "hidden": hidden,
            "path": draw(st.sampled_from(["linear", "smooth"])),
        }
        if draw(st.booleans()):
            tracked |= {
                # No surrogates (documents refuse them), no NUL (the csv module of Python 3.10 cannot read it).
                "label": draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=120)),
                "color": "#A0b1C2",
            }
        if draw(st.booleans()):
            columns, rows, inside = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
            outside = draw(st.integers(0, columns * rows - 1))
            rest = columns * rows - outside - min(inside, columns * rows - outside)
            runs = [outside, columns * rows - outside - rest, *([rest] if rest else [])]
            tracked["shape"] = {"columns": columns, "rows": rows, "runs": runs}
        objects.append(tracked)
    size = [draw(st.integers(32, 4096)), draw(st.integers(32, 4096))]
    return {"version": 2, "size": size, "frames": frames, "fps": draw(real(1e-3, 240)), "objects": objects}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, "linear"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid document with some of its values replaced, removed or added."""
    document = draw(documents())
    for _ in range(draw(st.integers(1, 3))):
        parent: Any = document
        while parent:
            key = draw(st.sampled_from(sorted(parent) if isinstance(parent, dict) else range(len(parent))))
            if isinstance(parent[key], (dict, list)) and parent[key] and draw(st.booleans()):
                parent = parent[key]
                continue
            action = draw(st.sampled_from(["replace", "remove", "add"]))
            if action == "replace":
                parent[key] = draw(JSON)
            elif action == "remove":
                del parent[key]
            elif isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = draw(JSON)
            else:
                parent.insert(key, draw(JSON))
            break
    return document


@relaxed
@given(documents(), st.integers(1, 60), st.sampled_from(["retime", "trim"]))
def test_valid_documents_parse_and_sample_to_finite_boxes(document: dict[str, Any], frames: int, fit: Any) -> None:
    trajectory = parse(document)
    assert VALIDATOR.is_valid(document)
    sampled = sample(trajectory, frames, fit=fit)
    assert sampled.boxes_TN4.shape == (frames, len(document["objects"]), 4)
    assert np.isfinite(sampled.boxes_TN4).all()
    assert (sampled.boxes_TN4[..., 2:] > 0).all()


@relaxed
@given(documents())
def test_the_canonical_text_reads_back_the_same(document: dict[str, Any]) -> None:
    trajectory = parse(document)
    text = dumps(trajectory)
    assert parse(text) == trajectory
    assert dumps(parse(text)) == text
    assert VALIDATOR.is_valid(json.loads(text))


@relaxed
@given(documents(), st.integers(1, 60))
def test_transforms_give_valid_documents(document: dict[str, Any], frames: int) -> None:
    trajectory = parse(document)
    for changed in (retime(trajectory, frames), trim(trajectory, frames)):
        assert changed.frames == frames
        assert parse(to_mapping(changed)) == changed
    linear = parse({**document, "objects": [{**tracked, "path": "linear"} for tracked in document["objects"]]})
    cut, expected = sample(trim(linear, frames)), sample(linear, frames, fit="trim")
    np.testing.assert_array_equal(cut.visible_TN, expected.visible_TN)
    scale = np.array([*linear.size, *linear.size])
    if within_limits(expected.boxes_TN4 / scale):
        np.testing.assert_allclose(cut.boxes_TN4 / scale, expected.boxes_TN4 / scale, rtol=0, atol=1e-9)


def within_limits(boxes_TN4: np.ndarray) -> bool:
    """Whether keyframes could hold these normalised boxes (trim clamps an overshoot beyond)."""
    centres = boxes_TN4[..., :2] + boxes_TN4[..., 2:] / 2
    return bool((centres >= -4).all() and (centres <= 5).all() and (boxes_TN4[..., 2:] <= 4).all())


@relaxed
@given(documents(tame=True))
def test_what_is_exported_comes_back(document: dict[str, Any]) -> None:
    trajectory = parse(document)
    tracked, sampled = trajectory.objects, sample(trajectory)
    if not tracked:
        return
    for back in (
        sample(from_boxes(sampled.boxes_TN4, sampled.visible_TN, size=sampled.size)),
        sample(from_csv(to_csv(sampled, tracked), size=sampled.size)),
    ):
        np.testing.assert_array_equal(back.visible_TN, sampled.visible_TN)
        np.testing.assert_allclose(back.boxes_TN4, sampled.boxes_TN4, rtol=0, atol=3e-9 * max(sampled.size))
    # Boxes of hidden frames are not exported; an object that is never seen is gone, the others come as they appear.
    first_seen = [np.flatnonzero(seen_T) for seen_T in sampled.visible_TN.T]
    order = sorted((n for n in range(len(tracked)) if len(first_seen[n])), key=lambda n: (first_seen[n][0], n))
    if order:
        back = sample(from_bounding_boxes(to_bounding_boxes(sampled, tracked), size=sampled.size))
        visible_TN = sampled.visible_TN[:, order]
        np.testing.assert_array_equal(back.visible_TN, visible_TN)
        difference = np.abs(back.boxes_TN4 - sampled.boxes_TN4[:, order])[visible_TN]
        assert difference.max() <= 3e-9 * max(sampled.size)


@relaxed
@given(mutated())
def test_mutated_documents_fail_with_one_sentence_or_work(document: Any) -> None:
    for source in (document, json.dumps(document)):
        trajectory, sentence = None, ""
        try:
            trajectory = parse(source)
        except TrajectoryError as error:
            sentence = str(error)
        if trajectory is None:
            assert sentence.endswith(".")
            assert sentence.isascii()
            assert len(sentence) < 400
        else:
            assert np.isfinite(sample(trajectory).boxes_TN4).all()
            assert parse(dumps(trajectory)) == trajectory
            assert VALIDATOR.is_valid(to_mapping(trajectory))


@relaxed
@given(JSON | st.text())
def test_anything_else_fails_with_one_sentence(value: Any) -> None:
    with pytest.raises(TrajectoryError):
        parse(value)


@settings(relaxed, max_examples=40)
@given(documents(), st.sampled_from(["box", "mask"]))
def test_every_document_can_be_drawn(document: dict[str, Any], mode: Any) -> None:
    sampled = sample(parse(document), min(document["frames"], 5), (96, 64))
    pictures = render(sampled, mode=mode)
    assert pictures.shape == (min(document["frames"], 5), 64, 96, 3)
    _, drawn_TN = pixel_boxes(sampled)
    painted, drawn = pictures.any(axis=(1, 2, 3)).tolist(), drawn_TN.any(axis=1).tolist()
    # A moved shape, as a moved mask, may shrink below a pixel.
    sure = 1 if mode == "mask" and any(sampled.shapes) else len(drawn)
    assert painted[:sure] == drawn[:sure]
    assert all(was <= may for was, may in zip(painted, drawn, strict=True))


def test_the_fuzzer_finds_no_crash_and_reaches_both_ends() -> None:
    outcomes = [fuzz_documents.try_python(fuzz_documents.make_text(random.Random(seed))) for seed in range(500)]
    assert not [outcome for outcome in outcomes if "crash" in outcome]
    assert 50 < sum("canonical" in outcome for outcome in outcomes) < 450


def test_python_and_javascript_read_the_same_documents(capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")
    assert fuzz_documents.main(["300", "--node", program]) == 0
    assert "Python and JavaScript were compared" in capsys.readouterr().out
