"""The numbers that are saved: those of the editor (`rounded.json`), and only where nobody wrote others."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from flashmotion_core.trajectory import dumps, from_boxes, parse, rounded
from flashmotion_core.trajectory.rounded import round_number

from .test_properties import documents, relaxed

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "rounded.json"


def test_numbers_are_the_editors() -> None:
    for value, saved in json.loads(GOLDEN.read_text(encoding="utf-8")):
        found = round_number(value)
        assert (found, math.copysign(1, found)) == (saved, math.copysign(1, saved)), value


@settings(relaxed, max_examples=40)
@given(documents())
def test_a_rounded_document_is_valid_and_stays(document: dict[str, object]) -> None:
    trajectory = parse(document)
    once = rounded(trajectory)
    assert parse(dumps(once)) == once == rounded(once)
    assert rounded(trajectory, trajectory.objects) == trajectory


def test_objects_that_somebody_wrote_keep_their_numbers() -> None:
    made = from_boxes(np.array([[[1.0, 2.0, 30.0, 40.0]]] * 2), np.ones((2, 1), dtype=bool), size=(96, 64))
    (key,) = rounded(made).objects[0].keyframes[:1]
    assert (key.x, key.y, key.w, key.h) == (0.166667, 0.34375, 0.3125, 0.625)
    assert rounded(made, made.objects).objects[0].keyframes[0].x == 16 / 96
