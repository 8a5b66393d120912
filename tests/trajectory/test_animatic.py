"""The animatic: golden pictures and vectors, and the rules one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flashmotion_core.trajectory import Sampled, animatic, to_frame_masks
from flashmotion_core.trajectory.drawing.cutouts import cut_outs, openness, owned
from flashmotion_core.trajectory.drawing.resampling import place
from flashmotion_core.trajectory.drawing.soft_fill import fill_softly
from flashmotion_core.trajectory.drawing.soft_shapes import Shape

from ..support.sentences import refuses

GOLDEN = Path(__file__).parents[1] / "golden"
VECTORS = json.loads((GOLDEN / "animatic.json").read_text(encoding="utf-8"))
SCENES = VECTORS["scenes"]
SIZE = (96, 72)


def read(name: str) -> np.ndarray:
    with Image.open(GOLDEN / "animatic" / f"{name}.png") as picture:
        return np.asarray(picture)


START = read("start")


def of_scene(scene: dict[str, Any]) -> tuple[Sampled, np.ndarray | None]:
    sampled = Sampled(np.array(scene["boxes"], dtype=np.float64), np.array(scene["visible"]), tuple(scene["size"]))
    if scene["masks"][0] is None:
        return sampled, None
    return sampled, np.array([[[c == "#" for c in row] for row in mask] for mask in scene["masks"]])


def moving(*boxes: list[tuple[float, ...]]) -> Sampled:
    """Frames of visible boxes."""
    boxes_TN4 = np.array(boxes, dtype=np.float64)
    return Sampled(boxes_TN4, np.ones(boxes_TN4.shape[:2], dtype=bool), SIZE)


@pytest.mark.parametrize("name", SCENES)
def test_golden_pictures(name: str) -> None:
    frames = list(animatic(START, *of_scene(SCENES[name])))
    found = np.stack([frame.picture_HWC for frame in frames]) * 255
    np.testing.assert_allclose(found, read(name).reshape(found.shape), atol=0.51)
    for frame in frames:
        assert frame.objects_HW.min() >= 0
        assert frame.holes_HW.min() >= 0
        assert (frame.objects_HW + frame.holes_HW).max() <= 1 + 1e-6


@pytest.mark.parametrize("name", SCENES)
def test_golden_vectors(name: str) -> None:
    scene = SCENES[name]
    sampled, masks_NHW = of_scene(scene)
    found = cut_outs(sampled, masks_NHW)
    for cut, soft, shape, hole in zip(found, scene["feathers"], scene["shapes"], scene["holes"], strict=True):
        assert (cut is None) == (soft is None)
        if cut is not None:
            assert cut.feather == pytest.approx(soft)
            same_shape(cut.shape, shape)
            same_shape(cut.hole, hole)
    assert [list(pair) for pair in owned(sampled, found)] == scene["pairs"]
    np.testing.assert_allclose(openness(sampled, found), scene["openness"], atol=1e-6)


def same_shape(shape: Shape, golden: dict[str, Any]) -> None:
    """Equal, up to empty rows and columns around."""
    alpha_HW = np.zeros((200, 200))
    rows, columns = np.array(golden["alpha"]).shape
    alpha_HW[50 + golden["top"] :, 50 + golden["left"] :][:rows, :columns] = np.array(golden["alpha"]) / 10000
    rows, columns = shape.alpha_HW.shape
    found_HW = np.zeros_like(alpha_HW)
    found_HW[50 + shape.top :, 50 + shape.left :][:rows, :columns] = shape.alpha_HW
    np.testing.assert_allclose(found_HW, alpha_HW, atol=6e-5)


@pytest.mark.parametrize("case", VECTORS["fills"])
def test_fillings(case: dict[str, Any]) -> None:
    image, known = (np.array(case[key], dtype=np.float32) for key in ("image", "known"))
    found = fill_softly(image, known)
    np.testing.assert_allclose(found, case["filled"], atol=2e-5)
    assert image.min() - 1e-6 <= found.min() <= found.max() <= image.max() + 1e-6


def test_the_filling_of_a_shade_is_the_shade() -> None:
    row, column = np.mgrid[:64, :64].astype(np.float32) / 64
    shade = np.stack([row, column, 1 - row], axis=2)
    known = np.ones((64, 64), dtype=np.float32)
    known[20:44, 18:40] = 0
    assert np.abs(fill_softly(np.where(known[..., None] > 0, shade, 7), known) - shade).max() < 0.06


def test_frame_0_is_the_picture_and_so_is_what_rests() -> None:
    scene = {**SCENES["boxes"], "boxes": [SCENES["boxes"]["boxes"][0]] * 3, "visible": [[True] * 3] * 3}
    picture = torch.from_numpy(START / np.float32(255))
    for frame in animatic(picture, of_scene(scene)[0]):
        np.testing.assert_array_equal(frame.picture_HWC, picture.numpy())
        assert frame.objects_HW.max() == 1
        assert not frame.holes_HW.any()


def test_a_frame_does_not_depend_on_those_before() -> None:
    sampled, _ = of_scene(SCENES["boxes"])
    (alone,) = animatic(START, sampled, frames=slice(2, 3))
    for one, other in zip(alone, list(animatic(START, sampled))[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_whole_step_moves_the_pixels_themselves() -> None:
    frame = list(animatic(START, moving([(20, 14, 30, 36)], [(50, 20, 30, 36)])))[1]
    np.testing.assert_allclose(frame.picture_HWC[26:50, 56:74] * 255, START[20:44, 26:44], atol=1e-3)
    assert frame.objects_HW[26:50, 56:74].min() == pytest.approx(1)
    assert frame.holes_HW[16:48, 22:47].min() == pytest.approx(1)


def test_what_is_not_there_in_frame_0_is_not_drawn() -> None:
    boxes = np.tile(np.array([[[10, 10, 20, 20], [-50.0, 10, 20, 20]]]), (2, 1, 1))
    boxes[1] += 25
    sampled = Sampled(boxes, np.array([[False, True], [True, True]]), SIZE)
    for frame in animatic(START, sampled):
        np.testing.assert_array_equal(frame.picture_HWC * np.float32(255), START.astype(np.float32))
        assert not frame.objects_HW.any()
        assert not frame.holes_HW.any()


def test_a_mask_that_is_the_filled_box_is_no_shape() -> None:
    sampled = moving([(20.4, 14.2, 30, 36)], [(30, 30, 30, 36)])
    masked = list(animatic(START, sampled, to_frame_masks(sampled)))[1]
    np.testing.assert_array_equal(masked.picture_HWC, list(animatic(START, sampled))[1].picture_HWC)


def test_later_objects_pass_in_front() -> None:
    boxes = [[(5, 5, 20, 20), (60, 40, 20, 20)], [(35, 30, 20, 20), (35, 30, 20, 20)]]
    front = list(animatic(START, moving(*boxes)))[1].picture_HWC
    alone = list(animatic(START, moving(*[[frame[1]] for frame in boxes])))[1].picture_HWC
    np.testing.assert_allclose(front[34:46, 39:51], alone[34:46, 39:51], atol=1e-6)


@pytest.mark.parametrize("scale", [0.01, 0.3, 1, 2.5])
def test_parts_keep_their_weight_when_scaled(scale: float) -> None:
    part = np.zeros((40, 40, 1), dtype=np.float32)
    part[10:30, 10:30] = 1
    pixels, left, top = place(part, (10.25, 7.5), (scale, scale), (200, 150))
    row, column = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    weight = pixels[..., 0].sum()
    assert weight == pytest.approx(400 * scale**2, rel=0.02)
    assert (pixels[..., 0] * (column + left)).sum() / weight == pytest.approx(10.25 + 20 * scale, abs=0.02)
    assert (pixels[..., 0] * (row + top)).sum() / weight == pytest.approx(7.5 + 20 * scale, abs=0.02)


def test_wrong_pictures_and_masks_are_refused_at_the_call() -> None:
    sampled = moving([(5, 5, 20, 20)])
    with refuses(key="image", value=[72, 90, 3], remedy="width 96"):
        animatic(START[:, :90], sampled)
    with refuses(key="masks", value=[2, 72, 96], remedy="1 objects"):
        animatic(START, sampled, np.ones((2, 72, 96)))
    with refuses(key="masks[0]", value="empty", remedy="paint object 0"):
        animatic(START, sampled, np.zeros((1, 72, 96)))
