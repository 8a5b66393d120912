"""The tracker's own error, on real clips of the world and on clips that went wrong in known ways."""

from __future__ import annotations

import numpy as np
import pytest

from flashmotion_core.metrics import box_iou, mask_iou
from train.world import synthetic
from train.world.paint import paint, patch
from train.world.sprite_tracker import Tracks, pose_box, track
from train.world.synthetic import Clip

from ..support.sentences import refuses


def tracked(clip: Clip, frames_THWC: np.ndarray | None = None) -> Tracks:
    frames = clip.frames_THWC if frames_THWC is None else frames_THWC
    return track(frames, clip.sprites, clip.poses_TN4[0])


def scores(clip: Clip, tracks: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """(box IoU, mask IoU) after frame 0, where the sprite is visible."""
    visible = clip.visible_TN[1:]
    boxes = box_iou(tracks.boxes_TN4, clip.boxes_TN4)[1:][visible]
    return boxes, mask_iou(tracks.masks_TNHW, clip.masks_TNHW)[1:][visible]


@pytest.mark.parametrize(("level", "box_bar", "mask_bar"), [("easy", 0.98, 0.97), ("normal", 0.95, 0.94)])
def test_real_clips(level: str, box_bar: float, mask_bar: float) -> None:
    found = [scores(clip, tracked(clip)) for clip in (synthetic.clip(31, i, level, (128, 128), 17) for i in range(4))]
    boxes, masks = (np.concatenate(values) for values in zip(*found, strict=True))
    assert boxes.mean() > box_bar
    assert masks.mean() > mask_bar
    assert (boxes == 0).mean() < 0.03  # lost


def test_soft_and_noisy_clips() -> None:
    rng = np.random.default_rng(0)
    for index in range(3):
        clip = synthetic.clip(32, index, "easy", (128, 128), 9)
        small = clip.frames_THWC.reshape(9, 64, 2, 64, 2, 3).mean(axis=(2, 4))
        soft = small.repeat(2, axis=1).repeat(2, axis=2) + rng.normal(0, 8, clip.frames_THWC.shape)
        boxes, masks = scores(clip, tracked(clip, np.clip(soft, 0, 255).astype(np.uint8)))
        assert boxes.mean() > 0.9
        assert masks.mean() > 0.75


def test_a_frozen_clip_is_found_where_it_stands_not_where_it_should_go() -> None:
    clip = synthetic.clip(33, 0, "easy", (128, 128), 9)
    tracks = tracked(clip, np.repeat(clip.frames_THWC[:1], 9, axis=0))
    still_TN4 = np.broadcast_to(clip.boxes_TN4[0], clip.boxes_TN4.shape)
    assert box_iou(tracks.boxes_TN4, still_TN4).min() > 0.97
    assert box_iou(clip.boxes_TN4[-1], still_TN4[-1]).max() < 0.8, "the clip moves too little to tell"


def test_what_is_not_there_is_lost() -> None:
    clip = synthetic.clip(33, 1, "normal", (128, 128), 4)
    empty = np.full_like(clip.frames_THWC, 128)
    empty[0] = clip.frames_THWC[0]
    tracks = tracked(clip, empty)
    assert not tracks.found_TN[1:].any()
    assert np.isnan(tracks.boxes_TN4[1:]).all()
    assert not tracks.masks_TNHW[1:].any()


def test_a_sprite_that_jumps_is_found_again() -> None:
    clip = synthetic.clip(34, 0, "easy", (128, 128), 4)
    sprite, side = clip.sprites[0], float(clip.poses_TN4[0, 0, 2])
    frames = np.full((4, 128, 128, 3), 150, dtype=np.uint8)
    poses = [(40.0, 40.0, side, 0.0), (42.0, 41.0, side, 0.0), (90.0, 84.0, side * 1.1, 0.03), (90.0, 84.0, side, 0.0)]
    for frame, pose in zip(frames, poses, strict=True):
        paint(frame, np.zeros((128, 128), dtype=np.uint8), *patch(sprite, *pose), 1)
    tracks = track(frames, (sprite,), np.array(poses[:1]))
    expected = np.array([[pose_box(sprite, pose)] for pose in poses])
    assert box_iou(tracks.boxes_TN4, expected).min() > 0.95


def test_bad_arguments() -> None:
    clip = synthetic.clip(0, 0, "easy", (64, 64), 2)
    with refuses(key="the frames", value="float32 of shape [2, 64, 64, 3]", remedy="give uint8"):
        tracked(clip, clip.frames_THWC.astype(np.float32))
    with refuses(key="the poses", value="[9, 4]", remedy="give one of 4 numbers for each of the"):
        track(clip.frames_THWC, clip.sprites, np.zeros((9, 4)))
