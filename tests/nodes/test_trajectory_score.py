"""TrajectoryScore: what it says of good, still and wrong clips, of trackers' masks and boxes, and of bad input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from train.world import synthetic

from ..support.sentences import refuses
from .helpers import Rig
from .test_nodes import EMPTY

OUTPUTS = ("text", "box_iou", "centre_error", "sure", "picture", "best_frames", "best_number")
CLIP = synthetic.clip(3, 5, "simple", (128, 128), 9, "eval_a")
DOCUMENT = json.dumps(
    {
        "version": 1,
        "size": [128, 128],
        "frames": 9,
        "objects": [
            {
                "id": sprite.name,
                "label": sprite.name,
                "keyframes": [
                    {"frame": t, "x": (x + w / 2) / 128, "y": (y + h / 2) / 128, "w": w / 128, "h": h / 128}
                    for t, (x, y, w, h) in enumerate(CLIP.boxes_TN4[:, n].tolist())
                ],
            }
            for n, sprite in enumerate(CLIP.sprites)
        ],
    }
)
GOOD = torch.from_numpy(CLIP.frames_THWC).float() / 255
STILL = GOOD[:1].repeat(9, 1, 1, 1)


def scored(rig: Rig, frames: torch.Tensor, **changed: Any) -> dict[str, Any]:
    done = rig.pack.nodes.TrajectoryScore.execute(**{"frames": frames, "trajectory": DOCUMENT, **changed})
    return dict(zip(OUTPUTS, done.args, strict=True))


def test_a_clip_that_follows_scores_far_above_a_still_one(rig: Rig) -> None:
    good, still = scored(rig, GOOD), scored(rig, STILL)
    assert good["box_iou"] > 0.85 > 0.6 > still["box_iou"]
    assert good["centre_error"] < 0.02 < still["centre_error"]
    assert good["sure"] > 0.8
    assert f"Box IoU {good['box_iou']:.3f}" in good["text"]
    assert all(sprite.name in good["text"] for sprite in CLIP.sprites)
    assert good["picture"].shape == (1, good["picture"].shape[1], 1152, 3)
    assert torch.equal(good["best_frames"], GOOD)
    assert good["best_number"] == 0


def test_of_several_clips_the_best_passes(rig: Rig) -> None:
    found = scored(rig, torch.cat([STILL, GOOD, STILL]))
    assert found["best_number"] == 1
    assert torch.equal(found["best_frames"], GOOD)
    assert found["box_iou"] == pytest.approx(scored(rig, GOOD)["box_iou"])
    assert "Clip 1 of 3" in found["text"]


def test_an_object_that_vanishes_is_lost_and_unsure(rig: Rig) -> None:
    noise = torch.rand(9, 128, 128, 3, generator=torch.Generator().manual_seed(0))
    noise[0] = GOOD[0]
    found = scored(rig, noise)
    assert found["box_iou"] < 0.1
    assert found["sure"] < 0.5
    assert "look at the picture" in found["text"]


def test_another_size_than_the_documents(rig: Rig) -> None:
    larger = GOOD.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    assert scored(rig, larger)["box_iou"] == pytest.approx(scored(rig, GOOD)["box_iou"], abs=0.05)


def test_masks_of_a_tracker_are_taken_object_by_object(rig: Rig) -> None:
    masks = torch.from_numpy(CLIP.masks_TNHW).float().transpose(0, 1).reshape(-1, 128, 128)
    found = scored(rig, STILL, masks=masks)
    assert found["box_iou"] > 0.85
    assert found["sure"] == 1
    assert "the connected masks" in found["text"]
    halves = masks[:, ::2, ::2]
    assert scored(rig, STILL, masks=halves)["box_iou"] > 0.75
    # A tracker's order may be another; what it does not see on frame 0 keeps its place.
    turned = masks.reshape(-1, 9, 128, 128).flip(0).reshape(masks.shape)
    assert scored(rig, STILL, masks=turned)["text"] == found["text"]
    late = masks.clone()
    late[0] = 0
    assert scored(rig, STILL, masks=late)["text"] == found["text"]
    # Masks win over boxes.
    boxes = [[{"x": 0, "y": 0, "width": 8, "height": 8}]] * 9
    assert scored(rig, STILL, masks=masks, boxes=boxes)["box_iou"] == found["box_iou"]


def test_boxes_of_a_tracker_belong_to_the_objects_they_overlap(rig: Rig) -> None:
    boxes = [
        [
            {"x": x, "y": y, "width": w, "height": h, "label": f"thing {n}"}
            for n, (x, y, w, h) in reversed(list(enumerate(row)))
        ]
        + [{"x": 2, "y": 2, "width": 4, "height": 4, "label": "speck"}]
        for row in CLIP.boxes_TN4.tolist()
    ]
    found = scored(rig, STILL, boxes=boxes)
    assert found["box_iou"] == pytest.approx(1, abs=1e-6)
    gone = [frame if t < 5 else frame[-1:] for t, frame in enumerate(boxes)]
    assert scored(rig, STILL, boxes=gone)["box_iou"] == pytest.approx(0.5, abs=1e-6)


def test_boxes_elsewhere_on_frame_0_belong_to_nobody(rig: Rig) -> None:
    corners = [{"x": x, "y": y, "width": 5, "height": 5} for x in (0, 123) for y in (0, 123)]
    free = [box for box in corners if not any(_overlaps(box, asked) for asked in CLIP.boxes_TN4[0].tolist())]
    found = scored(rig, GOOD, boxes=[free[:1]] * 9)
    assert (found["box_iou"], found["centre_error"], found["sure"]) == (0, 1, 0)
    nothing = scored(rig, torch.cat([GOOD, GOOD]), boxes=[[]] * 9 + [free[:1]] * 9)
    assert (nothing["box_iou"], nothing["best_number"]) == (0, 0)


def _overlaps(box: dict[str, int], asked: list[float]) -> bool:
    apart = np.abs([box["x"] - asked[0], box["y"] - asked[1]])
    return bool((apart < 60).all())


def test_what_cannot_be_scored_is_one_sentence(rig: Rig) -> None:
    with refuses(key="TrajectoryScore", value="10 frames, but the trajectory has 9", remedy="multiple"):
        scored(rig, torch.cat([GOOD, GOOD[:1]]))
    with refuses(key="TrajectoryScore: the trajectory", value="no objects", remedy="add one"):
        scored(rig, torch.rand(17, 32, 32, 3), trajectory=EMPTY)
    with refuses(key="masks", value="3 masks for 1 clip of", remedy="disconnect them"):
        scored(rig, GOOD, masks=torch.ones(3, 8, 8))
    with refuses(key="boxes", value="2 frames, but there are 9", remedy="every frame"):
        scored(rig, GOOD, boxes=[[{"x": 1, "y": 1, "width": 5, "height": 5}]] * 2)
    still = {**json.loads(DOCUMENT), "frames": 1}
    still["objects"] = [{**entry, "keyframes": entry["keyframes"][:1]} for entry in still["objects"]]
    with refuses(key="no object of the trajectory", value="can be scored", remedy="at least 2 frames"):
        scored(rig, GOOD, trajectory=still)
