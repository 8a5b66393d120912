"""Trackers without weights: they find what is there, say when nothing is, and refuse what they cannot read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.metrics import control_scores, mean_of_clip
from flashmotion_core.tracking import ObjectTracker, Tracked
from flashmotion_core.tracking.appearance import AppearanceTracker
from flashmotion_core.tracking.label_masks import LabelMasks, boxes_of_masks
from flashmotion_core.tracking.optical_flow import FlowTracker, moved_box
from flashmotion_core.tracking.points import carried, followed, points_protocol
from train.world import synthetic
from train.world.synthetic import Clip

from ...support.sentences import refuses

SIZE = (128, 128)


def world(index: int, difficulty: str = "simple") -> Clip:
    return synthetic.clip(3, index, difficulty, SIZE, 9, "eval_a")


def iou_of(tracker: ObjectTracker, clip: Clip) -> float:
    found = tracker(clip.frames_THWC, clip.boxes_TN4[0])
    return mean_of_clip(control_scores(found.boxes_TN4, clip.boxes_TN4, clip.visible_TN, SIZE).box_iou_N) or 0.0


@pytest.fixture(params=["appearance", "flow"])
def tracker(request: pytest.FixtureRequest) -> ObjectTracker:
    if request.param == "appearance":
        return AppearanceTracker()
    pytest.importorskip("cv2")
    return FlowTracker()


def test_sprites_are_followed(tracker: ObjectTracker) -> None:
    assert min(iou_of(tracker, world(index)) for index in range(3)) > 0.85
    assert np.mean([iou_of(tracker, world(index, "normal")) for index in range(3)]) > 0.7


def test_a_still_is_found_where_it_was(tracker: ObjectTracker) -> None:
    clip = world(0)
    frozen = np.repeat(clip.frames_THWC[:1], 5, axis=0)
    found = tracker(frozen, clip.boxes_TN4[0])
    np.testing.assert_allclose(found.boxes_TN4[4], clip.boxes_TN4[0], atol=1.5)
    assert found.sure_TN[4].min() > 0.7


def test_an_object_that_vanishes_is_lost_and_one_that_frame_0_hides_stays_lost() -> None:
    clip = world(1)
    ground = np.random.default_rng(0).integers(0, 255, clip.frames_THWC.shape, dtype=np.uint8)
    ground[:4] = clip.frames_THWC[:4]
    first = np.concatenate([clip.boxes_TN4[0], [[np.nan] * 4]])
    found = AppearanceTracker()(ground, first)
    assert np.isfinite(found.boxes_TN4[3, :-1]).all()
    assert np.isnan(found.boxes_TN4[4:, :-1]).all()
    assert np.isnan(found.boxes_TN4[:, -1]).all()
    assert (found.sure_TN[np.isnan(found.boxes_TN4[..., 0])] == 0).all()


def test_an_object_that_comes_back_elsewhere_is_found_again() -> None:
    ground = np.full((9, 128, 128, 3), 90, dtype=np.uint8)
    places = {0: 10, 1: 12, 2: 14, 6: 80, 7: 82, 8: 84}
    for t, x in places.items():
        ground[t, 40:70, x : x + 30] = (220, 30, 20)
        ground[t, 50:60, x + 5 : x + 25] = (20, 30, 220)
    found = AppearanceTracker()(ground, np.array([[10.0, 40, 30, 30]]))
    assert np.isnan(found.boxes_TN4[3:6]).all()
    np.testing.assert_allclose(found.boxes_TN4[8, 0], [84, 40, 30, 30], atol=4)


def test_a_moved_box_in_closed_form() -> None:
    points = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    box = np.array([0.0, 0, 5, 5])
    np.testing.assert_allclose(moved_box(box, points, points + np.array([3.0, -2])), [3, -2, 5, 5])
    centre = np.array([2.5, 2.5])
    np.testing.assert_allclose(moved_box(box, points, centre + 2 * (points - centre)), [-2.5, -2.5, 10, 10], atol=1e-9)


def test_flow_without_opencv_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with refuses(key="cv2", value="cannot be imported", remedy="install opencv-python-headless"):
        FlowTracker()


def test_masks_from_files(tmp_path: Path) -> None:
    clip = world(2)
    for t, owner in enumerate(clip.owner_THW):
        Image.fromarray(owner).save(tmp_path / f"{t:05d}.png")
    found = LabelMasks(tmp_path)(clip.frames_THWC, clip.boxes_TN4[0])
    assert found.masks_TNHW is not None
    np.testing.assert_array_equal(found.masks_TNHW, clip.masks_TNHW)
    assert mean_of_clip(control_scores(found.boxes_TN4, clip.boxes_TN4, clip.visible_TN, SIZE).box_iou_N) > 0.85
    with refuses(key="masks", value="[9, 128, 128]", remedy="one mask per frame"):
        LabelMasks(tmp_path)(clip.frames_THWC[:5], clip.boxes_TN4[0])
    with refuses(key="PNG", value="nowhere", remedy="one picture of labels per frame"):
        LabelMasks(tmp_path / "nowhere")(clip.frames_THWC, clip.boxes_TN4[0])


def test_boxes_of_masks_in_closed_form() -> None:
    masks = np.zeros((2, 8, 10), dtype=np.bool_)
    masks[0, 2:5, 3:9] = True
    np.testing.assert_array_equal(boxes_of_masks(masks), [[3, 2, 6, 3], [np.nan] * 4])


def test_bad_input_is_one_sentence(tracker: ObjectTracker) -> None:
    clip = world(0)
    with refuses(key="frames", value="float64", remedy="give uint8"):
        tracker(clip.frames_THWC / 255, clip.boxes_TN4[0])  # type: ignore[arg-type]
    with refuses(key="first boxes", value="[4]", remedy="[N, 4]"):
        tracker(clip.frames_THWC, clip.boxes_TN4[0, 0])


def test_points_are_followed_or_carried_by_their_object() -> None:
    clip = world(0)
    objects_K = np.arange(len(clip.boxes_TN4[0]))
    centres_TN2 = clip.boxes_TN4[..., :2] + clip.boxes_TN4[..., 2:] / 2 - 0.5
    exact = Tracked(clip.boxes_TN4, np.ones(clip.boxes_TN4.shape[:2]))
    tracker = AppearanceTracker()
    assert "carried" in points_protocol(tracker)
    found = followed(tracker, clip.frames_THWC, exact, centres_TN2[0], objects_K)
    np.testing.assert_allclose(found, centres_TN2, atol=1e-9)
    grown = np.array([[[10.0, 20, 4, 8]], [[30, 40, 8, 4]], [[np.nan] * 4]])
    np.testing.assert_allclose(carried(grown, np.array([[10.5, 23.5]]))[:2, 0], [[10.5, 23.5], [31.5, 41.5]])
    assert np.isnan(carried(grown, np.array([[10.5, 23.5]]))[2]).all()


def test_flow_follows_points_themselves() -> None:
    pytest.importorskip("cv2")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    ground = np.asarray(Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC))
    frames = np.stack([np.roll(ground, 2 * t, axis=1) for t in range(5)])
    tracker, points = FlowTracker(), np.array([[40.0, 40.0], [50.0, 30.0]])
    nothing = Tracked(np.full((5, 1, 4), np.nan), np.zeros((5, 1)))
    found = followed(tracker, frames, nothing, points, np.zeros(2, np.int64))
    np.testing.assert_allclose(found[4], points + np.array([8.0, 0.0]), atol=0.3)
    frames[3:] = np.random.default_rng(1).integers(0, 256, frames[3:].shape)
    assert np.isnan(tracker.follow(frames, points)[4]).all()
    assert "optical flow" in points_protocol(tracker)
