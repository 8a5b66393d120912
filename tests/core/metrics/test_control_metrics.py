"""Control metrics in closed form: which frames and objects count, and what each figure is."""

from __future__ import annotations

import numpy as np
import pytest

from flashmotion_core.metrics import (
    control_scores,
    endpoint_errors,
    group_of,
    mask_scores,
    mean_interval,
    mean_of_clip,
    paired_difference,
)
from flashmotion_core.metrics.keeping import clipped, counting

from ...support.sentences import refuses

SIZE = (300, 400)  # its diagonal is 500


def boxes(*per_frame: list[tuple[float, float, float, float]]) -> np.ndarray:
    return np.array(per_frame, dtype=np.float64)


STILL = boxes(*[[(100, 100, 40, 20)]] * 5)
SHOWN = np.ones((5, 1), dtype=np.bool_)
LOST = (np.nan,) * 4


def test_equal_boxes_are_perfect() -> None:
    found = control_scores(STILL, STILL, SHOWN, SIZE)
    assert (found.box_iou_N.item(), found.centre_error_N.item(), found.lost_N.item()) == (1, 0, 0)
    assert found.frames_N.item() == 4
    assert found.lost_objects == 0


def test_a_shift_in_closed_form() -> None:
    # Half a box to the side: IoU 1/3, and 20 pixels of a diagonal of 500.
    found = control_scores(STILL + np.array([20, 0, 0, 0]), STILL, SHOWN, SIZE)
    assert found.box_iou_N.item() == pytest.approx(1 / 3)
    assert found.centre_error_N.item() == pytest.approx(20 / 500)


def test_frame_0_does_not_count() -> None:
    moved = STILL.copy()
    moved[0] = LOST
    assert control_scores(moved, STILL, SHOWN, SIZE).box_iou_N.item() == 1


def test_a_lost_frame_is_0_and_has_no_centre_error() -> None:
    gone = STILL.copy()
    gone[3:] = LOST
    found = control_scores(gone, STILL, SHOWN, SIZE)
    assert (found.box_iou_N.item(), found.lost_N.item(), found.centre_error_N.item()) == (0.5, 0.5, 0)
    assert found.lost_objects == 0  # half is not more than half
    gone[2] = LOST
    assert control_scores(gone, STILL, SHOWN, SIZE).lost_objects == 1
    gone[:] = LOST
    all_lost = control_scores(gone, STILL, SHOWN, SIZE)
    assert all_lost.box_iou_N.item() == 0
    assert np.isnan(all_lost.centre_error_N.item())


def test_hidden_frames_do_not_count_wherever_the_object_is() -> None:
    shown = SHOWN.copy()
    shown[2:4] = False
    wrong = STILL.copy()
    wrong[2] = LOST
    wrong[3] += 50
    found = control_scores(wrong, STILL, shown, SIZE)
    assert (found.box_iou_N.item(), found.frames_N.item(), found.lost_N.item()) == (1, 2, 0)


def test_an_object_that_frame_0_hides_does_not_count_at_all() -> None:
    shown = SHOWN.copy()
    shown[0] = False
    found = control_scores(STILL, STILL, shown, SIZE)
    assert np.isnan(found.box_iou_N).all()
    assert mean_of_clip(found.box_iou_N) is None
    assert np.isnan(found.lost_objects)


def test_boxes_are_clipped_before_they_are_compared() -> None:
    # Asked for half outside; found as what can be seen of it: equal.
    asked = boxes([(100, 100, 40, 20)], [(280, 100, 40, 20)])
    seen = boxes([(100, 100, 40, 20)], [(280, 100, 20, 20)])
    found = control_scores(seen, asked, SHOWN[:2], SIZE)
    assert (found.box_iou_N.item(), found.centre_error_N.item()) == (1, 0)
    np.testing.assert_array_equal(clipped(boxes([(-10, 390, 40, 20)]), SIZE)[0, 0], [0, 390, 30, 10])


def test_a_box_counts_from_a_fifth_inside() -> None:
    inside = [300 - 8.0, 300 - 7.9, 300.0]  # 8 of 40 pixels, just under, none
    asked = boxes([(100, 100, 40, 20)] * 3, [(x, 100, 40, 20) for x in inside])
    np.testing.assert_array_equal(
        counting(asked, np.ones((2, 3), dtype=np.bool_), SIZE), [[False] * 3, [True, False, False]]
    )


def test_means_are_over_frames_then_objects() -> None:
    asked = boxes(*[[(100, 100, 40, 20), (200, 200, 40, 20)]] * 5)
    shown = np.ones((5, 2), dtype=np.bool_)
    shown[1:4, 1] = False  # one frame of object 1 counts as much as four of object 0
    wrong = asked.copy()
    wrong[:, 1] = LOST
    found = control_scores(wrong, asked, shown, SIZE)
    assert mean_of_clip(found.box_iou_N) == 0.5
    assert found.lost_objects == 0.5


def test_masks_in_closed_form() -> None:
    asked = np.zeros((4, 2, 4, 4), dtype=np.bool_)
    asked[:3, 0, :2] = True  # empty on frame 3
    asked[1:, 1] = True  # not on frame 0: does not count
    found = asked.copy()
    found[1, 0] = False
    found[1, 0, 1:3] = True  # a row of three: 1/3
    scores = mask_scores(found, asked)
    assert scores[0] == pytest.approx((1 / 3 + 1) / 2)
    assert np.isnan(scores[1])
    found[3, 0, 0, 0] = True  # something where nothing should be: 0
    assert mask_scores(found, asked)[0] == pytest.approx((1 / 3 + 1 + 0) / 3)
    shown = np.array([[True, True], [True, True], [True, True], [False, True]])
    assert mask_scores(found, asked, shown)[0] == pytest.approx((1 / 3 + 1) / 2)


def test_endpoint_errors_in_closed_form() -> None:
    asked = np.zeros((3, 2, 2))
    found = asked + np.array([3.0, 4.0])
    found[2, 0] = np.nan
    visible = np.array([[True, False], [True, True], [True, True]])
    pixels, share = endpoint_errors(found, asked, visible, SIZE)
    assert (pixels[0], share[0]) == (5, 5 / 500)
    assert np.isnan(pixels[1])


def test_groups() -> None:
    assert [group_of(count) for count in (1, 5, 6, 40)] == ["1", "5", "more", "more"]


def test_intervals_hold_the_mean_and_pairs_cancel_what_is_common() -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(0, 1, 60)
    a, b = hard + 0.05, hard + rng.normal(0, 0.01, 60)
    low, high = mean_interval(a) or (1, 0)
    assert low < a.mean() < high
    difference, (low, high) = paired_difference(a, b) or (0, (0, 0))
    assert 0 < low < difference < high < 0.1
    assert high - low < 0.01 < 0.1 < np.ptp(mean_interval(a) or 0)
    assert mean_interval(np.array([np.nan, 0.5])) == (0.5, 0.5)
    assert mean_interval(np.array([np.nan])) is None
    assert paired_difference(np.array([np.nan, 1.0]), np.array([1.0, np.nan])) is None
    assert paired_difference(np.array([np.nan, 1.0]), np.array([1.0, 0.5])) == (0.5, (0.5, 0.5))


def test_bad_shapes_are_one_sentence() -> None:
    with refuses(key="boxes found", value="[4, 1, 4]", remedy="give the same frames and objects"):
        control_scores(STILL[1:], STILL, SHOWN, SIZE)
    with refuses(key="tracks found", value="[2, 1, 2]", remedy="give equal ones"):
        endpoint_errors(np.zeros((2, 1, 2)), np.zeros((3, 1, 2)), SHOWN[:3], SIZE)
    with refuses(key="rows", value="2 and 3 clips", remedy="same clips"):
        paired_difference(np.zeros(2), np.zeros(3))
