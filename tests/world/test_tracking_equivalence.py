"""The fast tracker finds what the slow one finds; and it needs nothing but what ComfyUI has."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bench import tracking_reference
from flashmotion_core.metrics import box_iou, mask_iou
from tests.conftest import ROOT
from train.world import synthetic
from train.world.alignment import THIN, gain, matched, picture_of, refine
from train.world.degrade import DEGRADATIONS
from train.world.paint import SOLID, patch
from train.world.sprite_tracker import Tracks, pose_box, track
from train.world.synthetic import Clip
from train.world.template_search import area_weights, places

pytestmark = pytest.mark.slow

CLIPS = 3


def iou(tracks: Tracks, clip: Clip) -> float:
    return float(box_iou(tracks.boxes_TN4, clip.boxes_TN4)[1:][clip.visible_TN[1:]].mean())


@pytest.mark.parametrize(("kind", "strength"), [("real", 0.0), ("noised", 0.5), ("shuffled", 0.5)])
def test_it_finds_what_drawing_every_pose_finds(kind: str, strength: float) -> None:
    pytest.importorskip("cv2", reason="the slow tracker searches with OpenCV")
    apart = []
    for index in range(CLIPS):
        clip = synthetic.clip(41, index, "easy", (96, 96), 7)
        frames = clip.frames_THWC
        if kind != "real":
            frames = DEGRADATIONS[kind](frames, strength, np.random.default_rng(index))
        old = tracking_reference.track(frames, clip.sprites, clip.poses_TN4[0])
        new = track(frames, clip.sprites, clip.poses_TN4[0])
        apart.append(iou(new, clip) - iou(old, clip))
        assert mask_iou(new.masks_TNHW, old.masks_TNHW).mean() > 0.93
    assert abs(np.mean(apart)) < 0.005
    assert np.abs(apart).max() < 0.02


def test_the_gain_of_a_pose_is_that_of_the_drawn_sprite() -> None:
    clip = synthetic.clip(42, 0, "normal", (96, 96), 3)
    frame, sprite = clip.frames_THWC[1], clip.sprites[0]
    x, y, side, turns = clip.poses_TN4[1, 0].tolist()
    picture = picture_of(frame)
    for pose in [
        (x, y, side, turns),
        (x + 2, y, side, turns + 0.1),
        (x, y - 1, 1.2 * side, turns),
        (2.0, 3.0, side, 0.3),
        (-90.0, 9.0, side, 0.0),
    ]:
        rgba, _, _ = patch(sprite, *pose)
        solid = np.count_nonzero(rgba[..., 3] >= SOLID)
        drawn = tracking_reference._gain(frame.astype(np.int32), sprite, pose)
        assert gain(picture, sprite, pose) == pytest.approx(drawn, abs=0.02 * solid)
        assert gain(picture, sprite, pose, THIN) == pytest.approx(drawn, abs=0.08 * solid)
        mask, share = matched(picture, sprite, pose)
        drawn_mask, drawn_share = tracking_reference._matched(frame.astype(np.int32), sprite, pose)
        assert share == pytest.approx(drawn_share, abs=0.02)
        assert np.count_nonzero(mask ^ drawn_mask) < 0.03 * solid


def test_refining_finds_the_pose_from_nearby() -> None:
    clip = synthetic.clip(42, 1, "easy", (96, 96), 3)
    pose = tuple(clip.poses_TN4[1, 0].tolist())
    x, y, side, turns = pose
    found, best = refine(
        picture_of(clip.frames_THWC[1]), clip.sprites[0], (x + 0.12 * side, y - 0.1 * side, side, turns)
    )
    assert np.abs(np.array(found[:3]) - pose[:3]).max() < 0.5
    assert best >= 0.98 * gain(picture_of(clip.frames_THWC[1]), clip.sprites[0], pose)


def test_the_search_finds_a_sprite_anywhere() -> None:
    clip = synthetic.clip(42, 2, "easy", (96, 96), 3)
    x, y, side, turns = clip.poses_TN4[1, 0].tolist()
    moved = np.roll(clip.frames_THWC[1], (24, -20), axis=(0, 1))
    expected = pose_box(clip.sprites[0], ((x - 20) % 96, (y + 24) % 96, side, turns))
    boxes = np.array([pose_box(clip.sprites[0], pose) for pose in places(moved, clip.sprites[0], side, turns)])
    assert len(boxes) == 9
    assert box_iou(boxes, np.broadcast_to(np.array(expected), boxes.shape)).max() > 0.7


def test_area_weights_average() -> None:
    weights = area_weights(5, 2)
    assert weights == pytest.approx(np.array([[0.4, 0.4, 0.2, 0, 0], [0, 0, 0.2, 0.4, 0.4]]))


def test_no_package_of_the_training_extra_is_needed() -> None:
    """The quickstart measures its own clip with what ComfyUI requires: torch, numpy, scipy, pillow, av, einops, safetensors."""
    script = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("cv2", "pydantic", "diffusers", "transformers", "accelerate", "yaml", "skimage", "matplotlib", "peft"):
            raise ImportError(name + " is not installed")
sys.meta_path.insert(0, Blocked())
import train.world.synthetic
from bench import tracking_reference
from flashmotion_core.metrics import box_iou
from train.world.sprite_tracker import track
clip = train.world.synthetic.clip(1, 0, "easy", (64, 64), 5)
from train.world.shapes import SHAPES, coverage
for shape in SHAPES:  # the horse is a photograph's
    assert coverage("shape", shape).any(), shape
for frames in (clip.frames_THWC, clip.frames_THWC[[0, 0, 0, 0, 0]]):
    found = track(frames, clip.sprites, clip.poses_TN4[0])
    print(box_iou(found.boxes_TN4, clip.boxes_TN4)[1:][clip.visible_TN[1:]].mean())
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    real, still = map(float, done.stdout.split())
    assert real > 0.9 > still
