"""The control map: golden pictures, OpenCV's outlines, and the rules one by one."""

from __future__ import annotations

import builtins
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flashmotion_core.trajectory import (
    PALETTE,
    FirstShape,
    Keyframe,
    Sampled,
    TrackedObject,
    Trajectory,
    TrajectoryError,
    default_thickness,
    from_cells,
    object_color,
    pixel_boxes,
    refine_masks_grabcut,
    render,
    render_chunks,
    sample,
)

from ..support.sentences import refuses

GOLDEN = Path(__file__).parents[1] / "golden" / "control_map"
SCENES = json.loads((GOLDEN / "scenes.json").read_text(encoding="utf-8"))


def still(*boxes: tuple[float, ...], frames: int = 2, size: tuple[int, int] = (64, 48)) -> Sampled:
    """Boxes that rest."""
    boxes_TN4 = np.tile(np.array(boxes, dtype=np.float64).reshape(1, -1, 4), (frames, 1, 1))
    return Sampled(boxes_TN4, np.ones(boxes_TN4.shape[:2], dtype=bool), size)


def shape_of(rows: list[str] | None) -> FirstShape | None:
    return None if rows is None else from_cells(np.array([[cell == "#" for cell in row] for row in rows]))


def read(name: str) -> np.ndarray:
    with Image.open(GOLDEN / f"{name}.png") as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("name", SCENES)
def test_golden_pictures(name: str) -> None:
    scene = SCENES[name]
    width, height = scene["size"]
    shapes = tuple(shape_of(rows) for rows in scene.get("shapes", ()))
    sampled = Sampled(np.array(scene["boxes"], dtype=np.float64), np.array(scene["visible"]), (width, height), shapes)
    masks = read(f"{name}.masks").reshape(-1, height, width) > 127 if scene["masks"] else None
    options = {key: scene[key] for key in ("mode", "opacity", "thickness")}
    pictures = render(sampled, masks, **options)
    np.testing.assert_array_equal(pictures, read(name).reshape(pictures.shape))
    np.testing.assert_array_equal(np.concatenate(list(render_chunks(sampled, masks, chunk=2, **options))), pictures)


def test_the_golden_pictures_are_what_their_generator_paints() -> None:
    pytest.importorskip("cv2", reason="the golden pictures' generator needs OpenCV")
    spec = importlib.util.spec_from_file_location("make_control_map", GOLDEN.with_name("make_control_map.py"))
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert set(generator.SCENES) == set(SCENES)
    assert np.array_equal(
        generator.paint(generator.SCENES["shapes"][0], generator.masks_of_shapes(SCENES["shapes"])), read("shapes")
    )
    for name in ("boxes_usual_thickness", "boxes_third_intensity", "filled_leaving"):
        np.testing.assert_array_equal(generator.paint(generator.SCENES[name][0], None), read(name))


def test_outlines_are_opencvs_for_every_thickness() -> None:
    cv2 = pytest.importorskip("cv2", reason="compares with OpenCV")
    random = np.random.default_rng(0)
    for thickness in [*range(1, 13), 40]:
        for _ in range(40):
            boxes_TN4 = np.concatenate([random.uniform(-40, 90, (2, 3, 2)), random.uniform(0.2, 80, (2, 3, 2))], axis=2)
            sampled = Sampled(boxes_TN4, np.ones((2, 3), dtype=bool), (96, 64))
            expected = np.zeros((64, 96, 3), dtype=np.uint8)
            rects_TN4, drawn_TN = pixel_boxes(sampled)
            for k in np.flatnonzero(drawn_TN[1]):
                left, top, right, bottom = rects_TN4[1, k].tolist()
                cv2.rectangle(expected, (left, top), (right, bottom), object_color(int(k)), thickness)
            np.testing.assert_array_equal(render(sampled, thickness=thickness)[1], expected)


def test_colors_are_the_palette_at_half_intensity_from_class_one() -> None:
    assert len(PALETTE) == 21
    assert [object_color(k) for k in range(3)] == [(128, 32, 32), (128, 80, 80), (128, 59, 26)]
    assert object_color(0, opacity=1) == (0xFF, 0x40, 0x40)
    assert object_color(20) == object_color(41) == (82, 40, 126)
    assert object_color(0, palette=[(1, 2, 3), (5, 7, 9)]) == (2, 4, 4)  # 2.5, 3.5 and 4.5 round to even


def test_colors_round_as_opencv_blends_on_black() -> None:
    cv2 = pytest.importorskip("cv2", reason="compares with OpenCV")
    levels = np.arange(256, dtype=np.uint8).reshape(1, -1)
    for opacity in (0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0):
        blended = cv2.addWeighted(levels, opacity, np.zeros_like(levels), 1 - opacity, 0)[0]
        ours = [object_color(0, opacity=opacity, palette=[(0, 0, 0), (level, 0, 0)])[0] for level in range(256)]
        assert ours == blended.tolist()


def test_thickness_is_a_hundredth_of_the_shorter_side() -> None:
    assert [default_thickness(size) for size in ((1280, 704), (480, 832), (199, 400), (64, 64))] == [7, 4, 1, 1]
    picture = render(still((40, 40, 200, 160), size=(512, 320)))[1]
    # OpenCV paints 2 * ((3 + 1) // 2) + 1 = 5 rows for thickness 3, centred on the edge.
    assert np.flatnonzero(picture[:, 140].any(axis=-1)).tolist() == [*range(38, 43), *range(198, 203)]


def test_boxes_round_half_up_and_are_at_least_a_pixel() -> None:
    rects_TN4, _ = pixel_boxes(
        still((2.5, 3.5, 2, 2), (2.5 - 1e-12, 3.49, 2, 2), (7.2, 7.2, 0.1, 0.1), (-3.5, 0, 5, 48))
    )
    assert rects_TN4[0].tolist() == [[3, 4, 5, 6], [3, 3, 5, 5], [7, 7, 8, 8], [0, 0, 2, 48]]


@pytest.mark.parametrize("mode", ["box", "mask"])
def test_hidden_and_outside_objects_draw_nothing(mode: Any) -> None:
    sampled = still((-20, 5, 20, 10), (64, 5, 20, 10), (5, -9, 20, 8.4), (5, 48, 20, 10), (5, 5, 9, 9))
    sampled.visible_TN[:, 4] = False
    assert not render(sampled, mode=mode, thickness=7).any()


def test_later_objects_cover_earlier_ones() -> None:
    picture = render(still((10, 10, 20, 20), (20, 20, 20, 20)))[0]
    assert tuple(picture[25, 25]) == object_color(1)
    assert tuple(picture[15, 15]) == object_color(0)


def test_the_first_frame_is_filled_in_both_modes_and_only_there_in_box_mode() -> None:
    sampled = still((10, 10, 20, 20), frames=3)
    boxes, masks = render(sampled), render(sampled, mode="mask")
    np.testing.assert_array_equal(boxes[0], masks[0])
    assert [int(picture.any(axis=-1).sum()) for picture in boxes] == [400, 80, 80]
    assert [int(picture.any(axis=-1).sum()) for picture in masks] == [400, 400, 400]


def test_a_slice_is_those_frames_of_the_whole() -> None:
    sampled = still((10, 10, 20, 20), frames=5)
    whole = render(sampled)
    for frames in (slice(0, 1), slice(2, 4), slice(3, None), slice(None, None, 2), slice(9, 12)):
        np.testing.assert_array_equal(render(sampled, frames=frames), whole[frames])


def test_masks_may_be_floats_or_tensors_and_are_drawn_as_they_are_on_frame_0() -> None:
    mask_HW = np.zeros((48, 64), dtype=bool)
    mask_HW[4:9, 3:40] = mask_HW[30, 60] = True
    sampled = still((10.3, 10.7, 20, 20))
    for masks in (mask_HW[None], torch.from_numpy(mask_HW[None]).to(torch.bfloat16) * 0.6):
        for mode in ("box", "mask"):
            np.testing.assert_array_equal(render(sampled, masks, mode=mode)[0].any(axis=-1), mask_HW)


def test_an_object_hidden_on_frame_0_may_have_an_empty_mask_and_appears_filled() -> None:
    sampled = still((10, 10, 20, 20))
    sampled.visible_TN[0] = False
    pictures = render(sampled, np.zeros((1, 48, 64)), mode="mask")
    assert [int(picture.any(axis=-1).sum()) for picture in pictures] == [0, 400]


@pytest.mark.parametrize(
    ("options", "key", "value", "remedy"),
    [
        ({"mode": "boxes"}, "mode", '"boxes"', 'give "box" or "mask" (did you mean "box"?)'),
        ({"opacity": 1.5}, "opacity", 1.5, "number from 0 to 1"),
        ({"thickness": 0}, "thickness", 0, "whole number from 1 to 255"),
        ({"palette": []}, "palette", "list of 0 items", "list of 1 to 256"),
        ({"palette": [(0, 0, 256)]}, "palette[0]", 256, "whole number from 0 to 255"),
        ({"masks_NHW": np.zeros((2, 48, 64))}, "masks", "[2, 48, 64]", "[1 objects, height 48, width 64]"),
        ({"masks_NHW": np.zeros((1, 64, 48))}, "masks", "[1, 64, 48]", "[1 objects, height 48, width 64]"),
        ({"masks_NHW": np.full((1, 48, 64), 0.5)}, "masks[0]", "empty", "paint object 0 (above 0.5) or hide it on frame 0"),
        ({"masks_NHW": "x"}, "masks", "str", "give a tensor or array of numbers"),
    ],
)  # fmt: skip
def test_wrong_options_are_named_at_the_call(options: dict[str, Any], key: str, value: object, remedy: str) -> None:
    for function in (render, render_chunks):
        with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
            function(still((10, 10, 20, 20)), **options)
    with refuses(TrajectoryError, key="chunk", value=0, remedy="whole number from 1 to 4096"):
        render_chunks(still((10, 10, 20, 20)), chunk=0)


def test_a_document_is_drawn_where_its_boxes_are() -> None:
    keyframes = (Keyframe(0, 0.25, 0.5, 0.25, 0.5), Keyframe(4, 0.75, 0.5, 0.25, 0.5))
    pictures = render(sample(Trajectory((64, 48), 5, (TrackedObject("a", keyframes),))), mode="mask")
    columns = [np.flatnonzero(picture.any(axis=(0, 2))) for picture in pictures]
    assert [(int(c[0]), int(c[-1])) for c in columns] == [(8 + 8 * t, 23 + 8 * t) for t in range(5)]


def test_an_empty_document_is_black() -> None:
    assert not render(sample(Trajectory((64, 48), 3))).any()


# GrabCut


def disc(size: tuple[int, int] = (96, 64), centre: tuple[int, int] = (40, 30), radius: int = 14) -> np.ndarray:
    row, column = np.mgrid[: size[1], : size[0]]
    return (row - centre[1]) ** 2 + (column - centre[0]) ** 2 < radius**2


def picture_of(mask_HW: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 20, (*mask_HW.shape, 3))
    return np.where(mask_HW[..., None], [220, 40, 30], [40, 90, 200] + noise * 0).astype(np.uint8) + noise.astype(
        np.uint8
    )


def test_grabcut_finds_the_object_inside_its_box() -> None:
    pytest.importorskip("cv2", reason="GrabCut is OpenCV's")
    truth = disc()
    boxes_N4 = np.array([[24.0, 14, 32, 32], [200, 5, 10, 10], [0, 0, 96, 64]])
    masks = refine_masks_grabcut(picture_of(truth), boxes_N4)
    overlap = (masks[0] & truth).sum() / (masks[0] | truth).sum()
    assert overlap > 0.97
    assert not masks[1].any()  # outside
    assert masks[2].all()  # nothing to learn the background from
    np.testing.assert_array_equal(refine_masks_grabcut(torch.from_numpy(picture_of(truth)) / 255, boxes_N4), masks)


@pytest.mark.parametrize(
    ("image", "boxes", "key", "value", "remedy"),
    [
        (np.zeros((64, 96), np.uint8), np.zeros((1, 4)), "image", "[64, 96]", "[height, width, 3]"),
        (np.zeros((64, 96, 3), np.uint8), np.zeros(4), "boxes", "[4]", "[objects, 4]"),
    ],
)
def test_wrong_grabcut_inputs_are_named(image: Any, boxes: Any, key: str, value: str, remedy: str) -> None:
    pytest.importorskip("cv2", reason="GrabCut is OpenCV's")
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        refine_masks_grabcut(image, boxes)


def test_grabcut_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_cv2(name: str, *rest: Any) -> Any:
        if name == "cv2":
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_cv2)
    with refuses(
        TrajectoryError, key="cv2", value="cannot be imported", remedy="install opencv-python-headless, or give a mask"
    ):
        refine_masks_grabcut(np.zeros((64, 96, 3), np.uint8), np.zeros((1, 4)))
