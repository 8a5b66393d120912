"""MotionAnimatic: what comes out, which shapes win, and what it says to bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from ..support.sentences import refuses
from .helpers import DOCUMENT, SIZE, Rig, start_picture
from .test_nodes import EMPTY, draw


def animate(rig: Rig, **changed: Any) -> tuple[torch.Tensor, torch.Tensor]:
    values = {
        "image": start_picture(),
        "trajectory": DOCUMENT,
        "mask_shows": "objects",
        "first_frame_shapes": "boxes",
        **changed,
    }
    frames, mask = rig.pack.nodes.MotionAnimatic.execute(**values).args
    return frames, mask


def test_objects_move_over_the_picture_and_leave_filled_holes(rig: Rig) -> None:
    frames, objects = animate(rig)
    assert frames.shape == (17, SIZE[1], SIZE[0], 3)
    assert objects.shape == (17, SIZE[1], SIZE[0])
    torch.testing.assert_close(frames[0], start_picture()[0], atol=0, rtol=0)
    _, holes = animate(rig, mask_shows="holes")
    _, both = animate(rig, mask_shows="objects and holes")
    torch.testing.assert_close(objects + holes, both, atol=1e-6, rtol=0)
    assert not holes[0].any()
    untouched = both[16] == 0
    assert torch.equal(frames[16][untouched], frames[0][untouched])
    # Object a has gone from the left; object b, at the lower right, rests but for three hidden frames.
    assert holes[16, 40:60, 16:30].min() > 0.99
    assert objects[16, 40:60, 80:95].min() > 0.99
    assert objects[9, 70:84, 98:108].max() == 0
    assert holes[9, 70:84, 98:108].min() > 0.99


def test_the_trajectory_may_come_from_the_node_or_over_the_api(rig: Rig) -> None:
    for trajectory in (draw(rig)["trajectory"], json.loads(DOCUMENT)):
        assert torch.equal(animate(rig, trajectory=trajectory)[0], animate(rig)[0])


def test_the_picture_is_cropped_as_the_clip_crops_it(rig: Rig) -> None:
    wide = torch.cat([torch.zeros(1, SIZE[1], 20, 3), start_picture(), torch.zeros(1, SIZE[1], 20, 3)], dim=2)
    assert torch.equal(animate(rig, image=wide)[0], animate(rig)[0])


def test_connected_masks_win_and_filled_boxes_count_as_none(rig: Rig) -> None:
    masks = torch.zeros(2, SIZE[1], SIZE[0])
    masks[0, 40:60, 20:50] = 1
    masks[1, 70:85, 96:110] = 1
    objects = animate(rig, masks=masks, first_frame_shapes="grabcut")[1]
    assert objects[0, 45:55, 25:45].min() > 0.99
    assert objects[0, 26:34, 20:50].max() == 0
    assert torch.equal(animate(rig, masks=draw(rig)["masks"])[0], animate(rig)[0])


def test_drawn_shapes_are_cut_out(rig: Rig) -> None:
    document = json.loads(DOCUMENT)
    document["version"] = 2
    document["objects"][0]["shape"] = {"columns": 1, "rows": 2, "runs": [0, 1, 1]}  # the upper half
    with_shape, mask = animate(rig, trajectory=document)
    assert mask[16, 16:30, 80:95].min() > 0.99
    assert mask[16, 50:60, 80:95].max() == 0
    assert torch.equal(animate(rig, masks=draw(rig, trajectory=document)["masks"])[0], with_shape)
    pytest.importorskip("cv2")
    assert torch.equal(animate(rig, trajectory=document, first_frame_shapes="grabcut")[1][16, :, :70], mask[16, :, :70])


def test_grabcut_cuts_objects_out_of_the_picture(rig: Rig) -> None:
    pytest.importorskip("cv2")
    picture = torch.full((1, SIZE[1], SIZE[0], 3), 0.9)
    picture[:, 36:60, 24:52] = torch.tensor([0.8, 0.1, 0.1])
    objects = animate(rig, image=picture, first_frame_shapes="grabcut")[1]
    assert objects[0, 40:56, 28:48].min() > 0.99
    assert objects[0, 26:32, 16:60].max() < 0.01


def test_what_cannot_be_used_is_one_sentence(rig: Rig) -> None:
    with refuses(key="MotionAnimatic: the trajectory", value="no objects", remedy="add one"):
        animate(rig, trajectory=EMPTY)
    with refuses(key="MotionAnimatic", value="3 masks for 2 objects", remedy="disconnect them"):
        animate(rig, masks=torch.ones(3, 8, 8))
    with refuses(key="masks[0]", value="empty", remedy="paint object 0"):
        animate(rig, masks=torch.zeros(2, 8, 8))
    with refuses(key="MotionAnimatic's image", value="None", remedy="connect a node"):
        animate(rig, image=None)
    with refuses(key="a picture of 1 x 4000 pixels", value="128 x 96", remedy="connect one of a shape like"):
        animate(rig, image=torch.ones(1, 4000, 1, 3))
