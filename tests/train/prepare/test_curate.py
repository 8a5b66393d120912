"""MagicData's rules: every rejected clip and object has its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from train.config.data_settings import Prepare
from train.prepare.curate import Verdict, crop_of, judge
from train.prepare.found_objects import FoundObjects, boxes_of

SIZE = (100, 60)


def found(*objects: tuple[int, int, int, int], seen: int = 10, names: tuple[str, ...] = ()) -> FoundObjects:
    """Objects (x, y, w, h) that stand on the first `seen` of 10 frames."""
    labels = np.zeros((10, SIZE[1], SIZE[0]), dtype=np.uint8)
    for number, (x, y, w, h) in enumerate(objects, start=1):
        labels[:seen, y : y + h, x : x + w] = number
    return FoundObjects(boxes_of(labels, len(objects)), labels, names or ("",) * len(objects))


def verdict(
    seen: FoundObjects, /, speed: float = 5.0, camera: float = 0.0, wanted: tuple[int, int] = SIZE, **rules: Any
) -> Verdict:
    return judge(seen, np.full(len(seen.names), speed), camera, wanted, Prepare(**rules))


def test_a_good_clip_is_kept_with_its_largest_objects() -> None:
    made = verdict(found((0, 0, 10, 10), (20, 0, 20, 20), (50, 0, 15, 15), (70, 0, 12, 12)))
    assert made.reason == ""
    assert made.chosen == (1, 2, 3)
    assert made.notes == ("4 objects are fit; the 3 largest are used",)


@pytest.mark.parametrize(
    ("objects", "options", "reason"),
    [
        (found(), {}, "nothing in it moves by itself"),
        (found((0, 0, 5, 5)), {}, "covers 0.42% of the frame, below data.prepare.area (0.80%)"),
        (found((0, 0, 100, 55)), {}, "covers 92% of the frame, above data.prepare.area (83%)"),
        (found((0, 0, 30, 30)), {"speed": 0.5}, "moves 0.50 pixels per frame, below data.prepare.motion (2)"),
        (found((0, 0, 30, 30), seen=5), {}, "is seen on 50% of the frames, below data.prepare.seen (75%)"),
        (found((0, 0, 30, 30)), {"camera": 0.9}, "the camera moves 0.90 diagonals a second, above data.prepare.camera (0.5)"),
        (found((0, 0, 30, 30)), {"objects": (2, 3)}, "1 of 1 objects are fit, below data.prepare.objects (2)"),
        (found((0, 0, 12, 30)), {"wanted": (60, 60)}, "is not seen on the first frame"),
    ],
)  # fmt: skip
def test_a_bad_one_is_rejected_with_its_reason(objects: FoundObjects, options: dict[str, Any], reason: str) -> None:
    assert reason in verdict(objects, **options).reason


def test_an_object_that_comes_later_is_left_out() -> None:
    late = found((0, 0, 30, 30), (40, 0, 30, 30))
    late.labels_THW[0][late.labels_THW[0] == 2] = 0
    late = FoundObjects(boxes_of(late.labels_THW, 2), late.labels_THW, late.names)
    made = verdict(late)
    assert made.chosen == (0,)
    assert made.objects[1].problem == "is not seen on the first frame"


def test_leaves_in_the_wind_are_no_object() -> None:
    spots = found((0, 0, 60, 60))
    spots.labels_THW[:, 2::4] = spots.labels_THW[:, 3::4] = spots.labels_THW[:, 1::4] = 0
    spots.labels_THW[:, :, 1::2] = 0
    assert "spots without a shape" in verdict(spots).reason


def test_a_crowd_cannot_be_told_apart() -> None:
    many = found(*((8 * (k % 12), 10 * (k // 12), 7, 9) for k in range(13)))
    assert verdict(many).reason == "13 things move, which are too many to tell apart"


def test_the_crop_is_the_middle() -> None:
    assert crop_of((200, 100), (100, 100)) == (50, 0, 150, 100)
    assert crop_of((100, 200), (50, 50)) == (0, 50, 100, 150)
