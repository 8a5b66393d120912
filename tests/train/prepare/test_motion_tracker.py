"""Moving things are found and followed by their motion alone; what stands still is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flashmotion_core.metrics.iou import box_iou
from tests.support.filmed import film
from train.prepare.found_objects import FoundObjects
from train.prepare.motion_measures import speeds
from train.prepare.motion_tracker import MotionTracker

TWO = ((10.0, 12.0, 24.0, 28.0, 5.0, 0.5), (110.0, 56.0, 30.0, 24.0, -4.0, 0.0))


def overlaps(found: FoundObjects, boxes_TN4: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each true object the mean overlap with the found object that fits it best."""
    count = found.boxes_TN4.shape[1]
    return np.array(
        [
            max(float(np.nan_to_num(box_iou(found.boxes_TN4[:, k], boxes_TN4[:, n])).mean()) for k in range(count))
            for n in range(boxes_TN4.shape[1])
        ]
    )


@pytest.mark.parametrize("pan", [0.0, 2.0])
def test_things_that_move_are_found_whether_the_camera_stands_or_pans(pan: float) -> None:
    frames, boxes = film(TWO, pan=pan)
    found = MotionTracker().find(frames, frames[:0])
    assert found.boxes_TN4.shape[:2] == (17, found.boxes_TN4.shape[1])
    assert found.boxes_TN4.shape[1] == 2
    assert (overlaps(found, boxes) > 0.7).all()
    assert found.seen_TN.all()
    # masks lie in the boxes and fill them
    assert set(np.unique(found.labels_THW)) == {0, 1, 2}
    _, camera = speeds(frames, found.labels_THW, 2, 10.0)
    assert camera == pytest.approx(pan * 10 / np.hypot(160, 96), abs=0.01)


def test_speeds_are_those_of_the_blocks() -> None:
    frames, _ = film(TWO)
    found = MotionTracker().find(frames, frames[:0])
    speed_N, _ = speeds(frames, found.labels_THW, 2, 10.0)
    order = np.argsort([np.nanmean(found.boxes_TN4[:, n, 1]) for n in range(2)])
    expected = np.array([np.hypot(5.0, 0.5), 4.0]) * 1280 / 160 * 10 / 24
    assert speed_N[order] == pytest.approx(expected, rel=0.35)


def test_two_that_touch_at_first_are_told_apart_later() -> None:
    frames, boxes = film(((60.0, 30.0, 20.0, 30.0, -3.0, 0.0), (80.0, 30.0, 20.0, 30.0, 3.0, 0.0)))
    found = MotionTracker().find(frames, frames[:0])
    assert (overlaps(found, boxes) > 0.6).all()


def test_nothing_is_found_where_nothing_moves() -> None:
    frames, _ = film(((40.0, 30.0, 30.0, 30.0, 0.0, 0.0),))
    grain = np.random.default_rng(1).normal(0, 2, frames.shape)
    found = MotionTracker().find(np.clip(frames + grain, 0, 255).astype(np.uint8), frames[:0])
    assert found.boxes_TN4.shape == (17, 0, 4)


def test_more_of_the_shot_shows_what_hides_behind_a_slow_thing() -> None:
    # It moves by less than its width, so within the clip nothing says what is behind its middle.
    frames, boxes = film(((50.0, 20.0, 60.0, 50.0, 0.6, 0.0),))
    ground, _ = film(())
    found = MotionTracker().find(frames, ground[:1].repeat(25, axis=0))
    assert overlaps(found, boxes)[0] > 0.85


def test_boxes_that_are_given_are_followed_in_their_order() -> None:
    frames, boxes = film(TWO)
    found = MotionTracker().follow(frames, boxes[0, ::-1])
    overlap = box_iou(found.boxes_TN4, boxes[:, ::-1]).mean(axis=0)
    assert (overlap > 0.7).all()


def test_what_leaves_the_picture_is_lost() -> None:
    frames, boxes = film(((100.0, 30.0, 24.0, 24.0, 8.0, 0.0),))
    found = MotionTracker().follow(frames, boxes[0])
    assert found.seen_TN[:7].all()
    assert not found.seen_TN[12:].any()
