"""ComfyUI's boxes, tracks and masks, CSV and motion deltas: in, out, and round trips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from flashmotion_core.trajectory import (
    Keyframe,
    Sampled,
    TrackedObject,
    Trajectory,
    TrajectoryError,
    from_bounding_boxes,
    from_boxes,
    from_csv,
    from_deltas,
    from_frame_masks,
    from_object_mask,
    from_tracks,
    sample,
    to_bounding_boxes,
    to_csv,
    to_deltas,
    to_frame_masks,
    to_object_mask,
    to_tracks,
    trim,
)

from ..support.sentences import refuses

SIZE = (640, 360)
TRAJECTORY = Trajectory(
    SIZE,
    13,
    (
        TrackedObject("a", (Keyframe(0, 0.2, 0.3, 0.1, 0.2, "in"), Keyframe(9, 0.7, 0.6, 0.3, 0.4)), "cat"),
        TrackedObject(
            "b", (Keyframe(0, 0.5, 0.5, 0.2, 0.2), Keyframe(12, 0.9, 0.1, 0.2, 0.2)), "dog", hidden=((3, 5),)
        ),
    ),
)


def box(x: float, y: float, w: float = 40, h: float = 30, **more: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "width": w, "height": h, **more}


def assert_same_where_visible(one: Sampled, other: Sampled, tolerance: float = 1e-6) -> None:
    np.testing.assert_array_equal(one.visible_TN, other.visible_TN)
    difference = np.abs(one.boxes_TN4 - other.boxes_TN4)[one.visible_TN]
    assert difference.max() <= tolerance


# Boxes frame by frame -> keyframes


def test_keyframes_on_a_line_are_dropped_and_corners_kept() -> None:
    x_T = np.concatenate([np.arange(0, 50, 10), np.full(5, 40), np.arange(40, -20, -20)]).astype(float)
    boxes_TN4 = np.stack([x_T, x_T * 0 + 5, x_T * 0 + 40, x_T * 0 + 30], axis=1)[:, None]
    trajectory = from_boxes(boxes_TN4, np.ones((len(x_T), 1), bool), size=SIZE)
    assert [key.frame for key in trajectory.objects[0].keyframes] == [0, 4, 10, 12]
    np.testing.assert_allclose(sample(trajectory).boxes_TN4, boxes_TN4, atol=1e-6)


def test_a_box_that_rests_is_one_keyframe() -> None:
    trajectory = from_boxes(np.tile([10.0, 10, 40, 30], (50, 1, 1)), np.ones((50, 1), bool), size=SIZE)
    assert [key.frame for key in trajectory.objects[0].keyframes] == [0]


@pytest.mark.parametrize("tolerance", [0.0, 0.5, 2.0, 20.0])
def test_dropped_keyframes_are_restored_within_the_tolerance(tolerance: float) -> None:
    random = np.random.default_rng(0)
    steps = random.normal(0, 3, (200, 3, 4)).cumsum(axis=0)
    boxes_TN4 = np.array([200, 100, 80, 60]) + np.clip(steps, -30, 30)
    trajectory = from_boxes(boxes_TN4, np.ones((200, 3), bool), size=SIZE, tolerance=tolerance)
    restored = sample(trajectory).boxes_TN4
    centre = (restored - boxes_TN4)[..., :2] + (restored - boxes_TN4)[..., 2:] / 2
    assert max(np.abs(centre).max(), np.abs(restored - boxes_TN4)[..., 2:].max()) <= tolerance + 1e-6
    kept = sum(len(tracked.keyframes) for tracked in trajectory.objects)
    assert kept == 600 if tolerance == 0 else kept < 600


def test_hidden_frames_may_lack_a_box_and_visible_ones_may_not() -> None:
    boxes_TN4 = np.tile([10.0, 10, 40, 30], (4, 1, 1))
    boxes_TN4[2] = np.nan
    visible_TN = np.ones((4, 1), bool)
    with refuses(
        TrajectoryError, key="objects[0]", value="frame 2 is visible without", remedy="give its box or hide it"
    ):
        from_boxes(boxes_TN4, visible_TN, size=SIZE)
    visible_TN[2] = False
    assert from_boxes(boxes_TN4, visible_TN, size=SIZE).objects[0].hidden == ((2, 2),)
    with refuses(TrajectoryError, key="objects[0]", value="no box", remedy="leave it out or give it one"):
        from_boxes(boxes_TN4 * np.nan, visible_TN, size=SIZE)


def test_more_keyframes_than_fit_ask_for_a_tolerance() -> None:
    boxes_TN4 = np.tile([10.0, 10, 40, 30], (1000, 1, 1))
    boxes_TN4[::2, :, 0] += 3
    with refuses(TrajectoryError, key="objects[0].keyframes", value=1000, remedy="at most 512 by raising tolerance"):
        from_boxes(boxes_TN4, np.ones((1000, 1), bool), size=SIZE)
    assert len(from_boxes(boxes_TN4, np.ones((1000, 1), bool), size=SIZE, tolerance=4).objects[0].keyframes) < 512


# BOUNDING_BOX


def test_bounding_boxes_round_trip() -> None:
    sampled = sample(TRAJECTORY)
    boxes = to_bounding_boxes(sampled, TRAJECTORY.objects)
    assert [len(frame) for frame in boxes] == [2, 2, 2, 1, 1, 1, *[2] * 7]
    x, y, w, h = sampled.boxes_TN4[4, 0].tolist()
    assert boxes[4] == [{"x": x, "y": y, "width": w, "height": h, "label": "cat"}]
    back = from_bounding_boxes(boxes, size=SIZE)
    assert [tracked.label for tracked in back.objects] == ["cat", "dog"]
    assert_same_where_visible(sample(back), sampled)


def test_ids_stand_in_for_labels_that_are_not_unique() -> None:
    twins = tuple(TrackedObject(name, (Keyframe(0, 0.5, 0.5, 0.1, 0.1),), "cat") for name in ("left", "right"))
    boxes = to_bounding_boxes(sample(Trajectory(SIZE, 1, twins)), twins)
    assert [entry["label"] for entry in boxes[0]] == ["left", "right"]


def test_one_box_and_a_flat_list_are_one_frame() -> None:
    assert from_bounding_boxes(box(10, 20), size=SIZE) == from_bounding_boxes([[box(10, 20)]], size=SIZE)
    flat = from_bounding_boxes([box(10, 20), box(300, 20)], size=SIZE)
    assert (flat.frames, len(flat.objects)) == (1, 2)
    assert sample(trim(flat, 5)).boxes_TN4[4, 1].tolist() == pytest.approx([300, 20, 40, 30])


def test_detections_are_followed_by_overlap_not_by_their_place_in_the_list() -> None:
    """Two cats that pass each other in a detector's list, sorted by score; the second one is lost for a frame."""
    frames = [
        [box(10, 10, label="cat", score=0.9), box(300, 200, label="cat", score=0.8)],
        [box(290, 200, label="cat", score=0.95), box(20, 10, label="cat", score=0.7)],
        [box(30, 10, label="cat", score=0.9)],
        [box(40, 10, label="cat", score=0.9), box(270, 200, label="cat", score=0.8), box(35, 12, label="dog")],
    ]
    trajectory = from_bounding_boxes(frames, size=SIZE)
    assert [(tracked.label, tracked.hidden) for tracked in trajectory.objects] == [
        ("cat", ()),
        ("cat", ((2, 2),)),
        ("dog", ((0, 2),)),
    ]
    np.testing.assert_allclose(sample(trajectory).boxes_TN4[:, 0, 0], [10, 20, 30, 40], atol=1e-9)
    np.testing.assert_allclose(sample(trajectory).boxes_TN4[[0, 1, 3], 1, 0], [300, 290, 270], atol=1e-9)


def test_a_single_box_per_frame_is_one_object_however_fast() -> None:
    trajectory = from_bounding_boxes([[box(0, 0)], [], [box(500, 300)]], size=SIZE)
    assert len(trajectory.objects) == 1
    assert trajectory.objects[0].hidden == ((1, 1),)


@pytest.mark.parametrize(
    ("boxes", "key", "value", "remedy"),
    [
        ([], "bboxes", "list of 0 items", "give a list of 1 to 1025 frames"),
        ([[], []], "bboxes", "list of 2 items", "give at least one box"),
        ("x", "bboxes", '"x"', "give a list"),
        ([[{"x": 1, "y": 2, "w": 3, "h": 4}]], "bboxes[0][0]", "object with 4 fields", "with x, y, width and height"),
        ([[box(1, 2, 0)]], "bboxes", "1 box without width or height", "at least one whole box"),
        ([[], [box(float("nan"), 2)]], "bboxes", "not finite", "at least one whole box"),
        ([[box(5e5, 2)]], "objects[0].keyframes[0].x", 781.28125, "number from -4 to 5"),
        ([[box(9 * n, 0, 5, 5) for n in range(65)]], "bboxes", "65 objects, numbered 0 to 64", "choose, such as 0-63"),
        (
            [[box(9 * n, 0, 5, 5) for n in range(999)]] * 2 + [[box(0, 99)] * 2],
            "bboxes",
            "more than 1000",
            "keep fewer",
        ),
        ([[box(0, 0)], 3], "bboxes[1]", 3, "list of 0 to 1000 boxes"),
    ],
)
def test_wrong_boxes_are_named(boxes: Any, key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_bounding_boxes(boxes, size=SIZE)


# TRACKS


def test_tracks_round_trip() -> None:
    sampled = sample(TRAJECTORY)
    tracks = to_tracks(sampled)
    assert tracks["track_path"].dtype == torch.float32
    assert tracks["track_visibility"].dtype == torch.bool
    back = sample(from_tracks(tracks, size=SIZE, box_size=(64, 36)))
    assert back.boxes_TN4[0, 0, 2:].tolist() == pytest.approx([64, 36])
    np.testing.assert_array_equal(back.visible_TN, sampled.visible_TN)
    centres = (s.boxes_TN4[..., :2] + s.boxes_TN4[..., 2:] / 2 for s in (sampled, back))
    difference = np.abs(np.subtract(*centres))[sampled.visible_TN]
    assert difference.max() < 1e-4  # float32 of hundreds of pixels


def test_visibility_for_all_tracks_together_or_none_at_all() -> None:
    path = torch.rand(4, 3, 2, dtype=torch.bfloat16) * 100
    shared = from_tracks(
        {"track_path": path, "track_visibility": torch.tensor([[1], [0], [1], [1]]).bool()}, size=SIZE, box_size=(8, 8)
    )
    assert [tracked.hidden for tracked in shared.objects] == [((1, 1),)] * 3
    assert all(not tracked.hidden for tracked in from_tracks({"track_path": path}, size=SIZE, box_size=(8, 8)).objects)


@pytest.mark.parametrize(
    ("tracks", "key", "value", "remedy"),
    [
        ([], "tracks", "list of 0 items", 'a TRACKS value with "track_path"'),
        ({"track_path": torch.zeros(4, 2)}, "track_path", "[4, 2]", "[frames, tracks, 2]"),
        (
            {"track_path": torch.zeros(4, 1, 2), "track_visibility": torch.ones(3, 1)},
            "track_visibility",
            "[3, 1]",
            "[frames, tracks] or [frames, 1]",
        ),
        ({"track_path": torch.full((4, 1, 2), torch.nan)}, "tracks", "1 track without", "connect tracks that are seen"),
        ({"track_path": torch.zeros(4, 900, 2)}, "tracks", "900 objects, numbered 0 to 899", "choose, such as 0-63"),
        ({"track_path": [[1, 2], [3]]}, "track_path", "list", "give a tensor or array of numbers"),
        ({"track_path": "abc"}, "track_path", "str", "give a tensor or array of numbers"),
    ],
)
def test_wrong_tracks_are_named(tracks: Any, key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_tracks(tracks, size=SIZE, box_size=(8, 8))


# MASK


def test_masks_of_one_object_round_trip() -> None:
    masks_THW = torch.zeros(5, 48, 64)
    masks_THW[0, 4:14, 6:20] = 1
    masks_THW[1, 5:15, 8:22] = 0.51
    masks_THW[1, 0, 0] = 0.5  # not above the threshold
    masks_THW[3, 38:48, 50:64] = 1
    masks_THW[4, 0:48, 0:64] = 1
    trajectory = from_object_mask(masks_THW)
    assert (trajectory.size, trajectory.frames) == ((64, 48), 5)
    assert trajectory.objects[0].hidden == ((2, 2),)
    sampled = sample(trajectory)
    np.testing.assert_allclose(sampled.boxes_TN4[[0, 1, 3], 0], [[6, 4, 14, 10], [8, 5, 14, 10], [50, 38, 14, 10]])
    assert torch.equal(to_object_mask(sampled, 0), (masks_THW > 0.5).float())


def test_masks_of_several_objects_round_trip() -> None:
    masks_NHW = np.zeros((2, 48, 64), dtype=bool)
    masks_NHW[0, 4:14, 6:20] = True
    masks_NHW[1, 40:48, 0:3] = True
    sampled = sample(from_frame_masks(masks_NHW))
    assert torch.equal(to_frame_masks(sampled), torch.from_numpy(masks_NHW).float())


def test_masks_are_clipped_to_the_frame_and_empty_where_nothing_is_seen() -> None:
    boxes_TN4 = np.array([[[-5, -5, 10, 10.0]], [[-50, 5, 10, 10]], [[5, 5, 10, 10]]])
    masks_THW = to_object_mask(Sampled(boxes_TN4, np.array([[True], [True], [False]]), (64, 48)), 0)
    assert masks_THW.sum(dim=(1, 2)).tolist() == [25, 0, 0]


@pytest.mark.parametrize(
    ("masks", "key", "value", "remedy"),
    [
        (torch.zeros(2, 48, 64), "mask", "empty on every frame", "paint the object"),
        (torch.zeros(48, 64), "mask", "[48, 64]", "a batch [pictures, height, width]"),
        (np.zeros((1, 48, 64), np.uint8), "mask", "uint8", "give floats from 0 to 1, or booleans"),
        (torch.ones(1, 16, 16), "size[0]", 16, "whole number from 32"),
    ],
)
def test_wrong_masks_are_named(masks: Any, key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_object_mask(masks)


def test_an_empty_mask_among_objects_is_named() -> None:
    masks_NHW = torch.ones(3, 48, 64)
    masks_NHW[1] = 0
    with refuses(TrajectoryError, key="mask[1]", value="empty", remedy="paint the object"):
        from_frame_masks(masks_NHW)


# CSV


def test_csv_round_trip_is_exact_and_keeps_hidden_boxes() -> None:
    labelled = Trajectory(SIZE, 13, (TRAJECTORY.objects[0], TrackedObject("b,\n", *_rest('say "hi",\r twice'))))
    sampled = sample(labelled)
    table = to_csv(sampled, labelled.objects)
    assert table.splitlines()[0] == "frame,id,label,x,y,w,h,visible"
    first = table.splitlines()[1].split(",")
    assert first[:3] == ["0", "a", "cat"]
    assert [float(cell) for cell in first[3:7]] == sampled.boxes_TN4[0, 0].tolist()
    back = from_csv(table, size=SIZE)
    assert [(tracked.id, tracked.label) for tracked in back.objects] == [("a", "cat"), ("b,\n", 'say "hi",\r twice')]
    np.testing.assert_allclose(sample(back).boxes_TN4, sampled.boxes_TN4, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(sample(back).visible_TN, sampled.visible_TN)


def _rest(label: str) -> tuple[Any, ...]:
    other = TRAJECTORY.objects[1]
    return other.keyframes, label, other.color, other.path, other.hidden


def test_missing_rows_are_hidden_frames() -> None:
    table = "frame,id,label,x,y,w,h,visible\n4,a,,10,10,5,5,1\r\n\n0,a,,0,0,5,5,1\n2,a,,1e1,+.5,5.,5,0\n"
    (tracked,) = from_csv(table, size=SIZE).objects
    assert tracked.hidden == ((1, 3),)
    assert [key.frame for key in tracked.keyframes] == [0, 2, 4]


@pytest.mark.parametrize(
    ("rows", "key", "value", "remedy"),
    [
        ("", "table", "no rows", "give one row per frame and object"),
        ("0,a,,1,1,5,5", "line 2", "7 columns", "give 8 columns"),
        ("x,a,,1,1,5,5,1", "line 2, frame", '"x"', "whole number from 0"),
        ("1025,a,,1,1,5,5,1", "line 2, frame", 1025, "whole number from 0 to 1024"),
        ("0,,,1,1,5,5,1", "line 2, id", '""', "text of 1 to 64 characters"),
        ("0,a,,nan,1,5,5,1", "line 2, x", '"nan"', "finite number"),
        ("0,a,,1_0,1,5,5,1", "line 2, x", '"1_0"', "finite number"),
        ("0,a,,1,1e999,5,5,1", "line 2, y", '"1e999"', "finite number"),
        ("0,a,,1,1,0,5,1", "line 2, w", '"0"', "number above 0"),
        ("0,a,,1,1,5,5,maybe", "line 2, visible", '"maybe"', "give 1"),
        ("0,a,,1,1,5,5,1\n0,a,,1,1,5,5,1", "line 3", 'frame 0 of "a"', "keep one"),
        ('0,"a,,1,1,5,5,1', "line 2", "not CSV", "repair its quotes"),
        (f"0,{'a' * 200_000},,1,1,5,5,1", "line 2", "not CSV", "repair its quotes"),
        ("\n".join(f"0,o{n},,1,1,5,5,1" for n in range(65)), "65 objects", '"o0", "o1"', "choose at most 64"),
    ],
)
def test_wrong_tables_are_named(rows: str, key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_csv(f"frame,id,label,x,y,w,h,visible\n{rows}", size=SIZE)


def test_a_wrong_header_is_shown() -> None:
    with refuses(TrajectoryError, key="line 1", value='"t,x,y"', remedy="the header frame,id,label,x,y,w,h,visible"):
        from_csv("t,x,y\n", size=SIZE)


# Motion deltas


def test_deltas_round_trip() -> None:
    sampled = sample(Trajectory(SIZE, 13, TRAJECTORY.objects[:1]))
    first_N4, deltas_SN4 = to_deltas(sampled)
    assert deltas_SN4.shape == (12, 1, 4)
    np.testing.assert_allclose(sampled.boxes_TN4[5], sampled.boxes_TN4[4] + deltas_SN4[4], atol=1e-12)
    back = sample(from_deltas(first_N4, deltas_SN4, size=SIZE))
    np.testing.assert_allclose(back.boxes_TN4, sampled.boxes_TN4, rtol=0, atol=1e-6)


def test_magicmotions_demo_path() -> None:
    """Ten frames left and down, ten up: three keyframes."""
    deltas = np.array([[[-10, 10, 0, 0]]] * 10 + [[[0, -10, 0, 0]]] * 10)
    trajectory = from_deltas([[300, 100, 50, 60]], deltas, size=SIZE)
    assert [key.frame for key in trajectory.objects[0].keyframes] == [0, 10, 20]
    assert sample(trajectory).boxes_TN4[20, 0].tolist() == pytest.approx([200, 100, 50, 60])


def test_deltas_cannot_hide() -> None:
    with refuses(TrajectoryError, key="objects[1]", value="hidden on frame 3", remedy="remove its hidden frames"):
        to_deltas(sample(TRAJECTORY))


@pytest.mark.parametrize(
    ("first", "deltas", "key", "value", "remedy"),
    [
        ([1, 2, 3, 4], np.zeros((2, 1, 4)), "first_N4", "[4]", "[objects, 4]"),
        ([[1, 2, 3, 4]], np.zeros((2, 2, 4)), "deltas_SN4", "[2, 2, 4]", "[frames - 1, 1, 4]"),
        ([[1, 2, 3, 4]], np.full((2, 1, 4), -2.0), "objects[0].keyframes[1].w", -0.0015625, "number from 1e-06 to 4"),
    ],
)
def test_wrong_deltas_are_named(first: Any, deltas: Any, key: str, value: object, remedy: str) -> None:
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_deltas(first, deltas, size=SIZE)
