"""Intersection over union."""

from __future__ import annotations

import numpy as np
import pytest

from flashmotion_core.metrics import box_iou, mask_iou

from ...support.sentences import refuses

BOX = np.array([10.0, 20.0, 8.0, 4.0])


def test_a_box_with_itself_and_with_one_far_away() -> None:
    assert box_iou(BOX, BOX) == 1.0
    assert box_iou(BOX, BOX + np.array([8, 0, 0, 0])) == 0.0


def test_half_a_box_over_is_a_third() -> None:
    assert box_iou(BOX, BOX + np.array([4, 0, 0, 0])) == pytest.approx(1 / 3, abs=1e-15)


def test_order_and_unit_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 2.0, (2, 5, 3, 4))
    assert box_iou(a, b).shape == (5, 3)
    np.testing.assert_array_equal(box_iou(a, b), box_iou(b, a))
    np.testing.assert_allclose(box_iou(a * 64, b * 64), box_iou(a, b), rtol=1e-14)


def test_what_was_not_found_scores_nothing() -> None:
    np.testing.assert_array_equal(box_iou(np.stack([BOX * np.nan, BOX]), np.stack([BOX, BOX])), [0.0, 1.0])
    assert box_iou(np.zeros(4), np.zeros(4)) == 0.0


def test_masks_of_boxes_score_as_the_boxes() -> None:
    a, b = np.zeros((2, 30, 30), dtype=bool)
    a[4:10, 5:12] = True
    b[6:14, 8:20] = True
    assert mask_iou(a, b) == box_iou(np.array([5, 4, 7, 6]), np.array([8, 6, 12, 8]))
    assert mask_iou(a, a) == 1.0
    assert mask_iou(a, np.zeros_like(a)) == 0.0


def test_two_empty_masks_have_no_score() -> None:
    empty = np.zeros((2, 4, 4), dtype=bool)
    assert np.isnan(mask_iou(empty, empty)).all()


@pytest.mark.parametrize(
    ("a", "b", "key", "value", "remedy"),
    [
        (np.zeros((3, 4)), np.zeros((2, 4)), "boxes", "[3, 4] and [2, 4]", "give two equal ones"),
        (np.zeros(3), np.zeros(3), "boxes", "[3] and [3]", "that end in 4"),
        (np.array([0.0, 0, -1, 1]), np.zeros(4), "width or height", -1, "give (x, y, w, h), not two corners"),
        (np.zeros(4), np.array([np.nan, 0, 1, -2]), "width or height", -2, "give (x, y, w, h), not two corners"),
    ],
)
def test_bad_boxes(a: np.ndarray, b: np.ndarray, key: str, value: object, remedy: str) -> None:
    with refuses(key=key, value=value, remedy=remedy):
        box_iou(a, b)


def test_bad_masks() -> None:
    with refuses(key="masks", value="[2, 2] and [3, 3]", remedy="give two equal ones"):
        mask_iou(np.zeros((2, 2), dtype=bool), np.zeros((3, 3), dtype=bool))
    with refuses(key="mask", value="float64", remedy="give bool"):
        mask_iou(np.zeros((2, 2)), np.zeros((2, 2)))  # type: ignore[arg-type]
