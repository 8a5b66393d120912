"""What detectors, trackers and spline editors really hand out: scalars of other libraries, gaps, jitter, too many objects, coordinates."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest
import torch

from flashmotion_core.trajectory import (
    TrajectoryError,
    from_bounding_boxes,
    from_coordinates,
    from_frame_masks,
    from_object_mask,
    from_tracks,
    is_coordinates,
    moves_as_one,
    parse,
    sample,
)

from ..support.sentences import names, refuses

SIZE = (640, 360)


def box(x: float, y: float, w: float = 40, h: float = 30, **more: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "width": w, "height": h, **more}


# Numbers


@pytest.mark.parametrize(
    "kind", [np.float32, np.int64, np.float16, torch.tensor, np.array], ids=lambda kind: kind.__name__
)
def test_numbers_of_numpy_and_torch_are_numbers(kind: Any) -> None:
    frames = [[{name: kind(value) for name, value in box(10 + t, 20).items()}] for t in range(3)]
    assert from_bounding_boxes(frames, size=SIZE) == from_bounding_boxes(
        [[box(10 + t, 20)] for t in range(3)], size=SIZE
    )


def test_a_document_may_hold_them_too() -> None:
    keyframe = {"frame": np.int64(0), "x": np.float32(0.5), "y": torch.tensor(0.25), "w": 0.5, "h": 0.5}
    objects = [{"id": "a", "keyframes": [keyframe]}]
    read = parse({"version": 1, "size": [np.int32(64), 64], "frames": 5, "objects": objects})
    assert (read.size, read.objects[0].keyframes[0].y) == ((64, 64), 0.25)


def test_labels_may_be_numbers_as_trackers_write_them() -> None:
    frames = [[box(10, 10, label=np.int64(7)), box(12, 10, label=9)], [box(300, 10, label=9), box(10, 10, label=7)]]
    assert [tracked.label for tracked in from_bounding_boxes(frames, size=SIZE).objects] == ["7", "9"]


# Gaps


def test_frames_without_a_box_are_left_out_and_counted() -> None:
    frames: list[Any] = [[box(10 + t, 20)] for t in range(120)]
    frames[7], frames[9], frames[11] = None, [], [box(21, 20, 0)]
    frames[13], frames[14] = [box(float("nan"), 20)], box(24, 20)
    notes: list[str] = []
    (tracked,) = from_bounding_boxes(frames, size=SIZE, notes=notes).objects
    assert tracked.hidden == ((7, 7), (9, 9), (11, 11), (13, 13))
    (note,) = notes
    for part in (
        "1 frame that is None",
        "1 frame without boxes",
        "1 box without width or height",
        "1 box with a coordinate",
    ):
        names(note, key="boxes: left out", value=part, remedy="of 120 frames")


def test_what_nobody_asks_about_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        from_bounding_boxes([[box(1, 2)], None], size=SIZE)
    assert [record.getMessage() for record in caplog.records] == ["boxes: left out 1 frame that is None of 2 frames."]


def test_nan_points_of_a_tracker_are_left_out_and_counted() -> None:
    path = torch.stack([torch.linspace(20, 100, 81), torch.full((81,), 48.0)], dim=-1)[:, None].repeat(1, 2, 1)
    path[[3, 40, 80], 0] = torch.nan
    notes: list[str] = []
    seen = torch.ones(81, 2, dtype=torch.bool)
    document = from_tracks({"track_path": path, "track_visibility": seen}, size=SIZE, box_size=(20, 20), notes=notes)
    assert [tracked.hidden for tracked in document.objects] == [((3, 3), (40, 40), (80, 80)), ()]
    assert notes == ["tracks: left out 3 visible points that are not finite of 2 tracks on 81 frames."]


def test_a_track_that_is_never_seen_is_left_out_and_keeps_its_number() -> None:
    path, seen = np.zeros((5, 3, 2)), np.ones((5, 3), bool)
    path[:, 2] = 50
    seen[:, 0] = False
    notes: list[str] = []
    tracks = {"track_path": path[None], "track_visibility": seen[None]}
    assert len(from_tracks(tracks, size=SIZE, box_size=(20, 20), notes=notes).objects) == 2
    assert notes == ["tracks: left out 1 track without a visible point of 3 tracks on 5 frames."]
    (kept,) = from_tracks(tracks, size=SIZE, box_size=(20, 20), choose="2", notes=[]).objects
    assert kept.keyframes[0].x == pytest.approx(50 / 640)


def test_empty_masks_of_a_moving_object_are_counted() -> None:
    masks = torch.zeros(5, 48, 64)
    masks[[0, 2, 4], 4:14, 6:20] = 1
    notes: list[str] = []
    from_object_mask(masks, notes=notes)
    assert notes == ["masks: left out 2 empty frames of 5; the object is hidden there."]


# Jitter and length


@pytest.mark.parametrize("frames", [600, 1000, 1025])
@pytest.mark.parametrize("motion", ["rests", "crosses", "circles"])
def test_jittering_detections_become_few_keyframes_within_the_tolerance(frames: int, motion: str) -> None:
    t_T = np.linspace(0, 1, frames)
    x_T = {"rests": 0 * t_T, "crosses": 700 * t_T, "circles": 400 * np.cos(2 * np.pi * t_T)}[motion] + 420
    y_T = {"rests": 0 * t_T, "crosses": 200 * t_T, "circles": 200 * np.sin(2 * np.pi * t_T)}[motion] + 250
    exact_T4 = np.stack([x_T, y_T, np.full(frames, 180.0), np.full(frames, 240.0)], axis=1)
    seen_T4 = exact_T4 + np.random.default_rng(frames).normal(0, 1, exact_T4.shape)
    boxes = [[dict(zip(("x", "y", "width", "height"), map(np.float32, row), strict=True))] for row in seen_T4]
    document = from_bounding_boxes(boxes, size=(1280, 704), tolerance=4)
    assert len(document.objects[0].keyframes) <= {"rests": 16, "crosses": 16, "circles": 40}[motion]
    difference_T4 = sample(document).boxes_TN4[:, 0] - seen_T4.astype(np.float32)
    difference_T4[:, :2] += difference_T4[:, 2:] / 2
    assert np.abs(difference_T4).max() <= 4 + 1e-3
    with refuses(key="keyframes", value=frames, remedy="raising tolerance (simplify in DrawTrajectory"):
        from_bounding_boxes(boxes, size=(1280, 704))


def test_boxes_on_a_picture_larger_than_a_document_holds() -> None:
    document = from_bounding_boxes([[box(1000, 500, 2000, 1000)]], size=(8000, 4000), tolerance=4)
    assert document.size == (4096, 2048)
    assert sample(document, size=(800, 400)).boxes_TN4[0, 0].tolist() == pytest.approx([100, 50, 200, 100])


# Too many


def test_of_many_objects_the_error_names_which_there_are() -> None:
    frame = [box(9 * n, 0, 5, 5, label="person" if n < 60 else "dog") for n in range(100)]
    with refuses(
        TrajectoryError,
        key="bboxes",
        value='100 objects, numbered 0 to 99 ("person" x 60, "dog" x 40)',
        remedy="choose",
    ):
        from_bounding_boxes([frame], size=(1280, 704))
    dogs = from_bounding_boxes([frame], size=(1280, 704), choose="dog")
    assert [tracked.label for tracked in dogs.objects] == ["dog"] * 40
    some = from_bounding_boxes([frame], size=(1280, 704), choose=" 3 , 0-1, DOG")
    assert len(some.objects) == 43


@pytest.mark.parametrize("count", [100, 400])
def test_64_of_many_tracks_can_be_chosen(count: int) -> None:
    path = torch.rand(81, count, 2) * 300
    tracks = {"track_path": path, "track_visibility": torch.ones(81, count)}
    with refuses(
        TrajectoryError,
        key="tracks",
        value=f"{count} objects, numbered 0 to {count - 1}",
        remedy="choose, such as 0-63",
    ):
        from_tracks(tracks, size=SIZE, box_size=(9, 9), tolerance=4)
    document = from_tracks(tracks, size=SIZE, box_size=(9, 9), choose="10-72, 99")
    assert len(document.objects) == 64
    assert document.objects[0].keyframes[0].x * 640 == pytest.approx(path[0, 10, 0].item(), abs=1e-3)


@pytest.mark.parametrize("choose", ["7", "cat", "9-3", "dog"])
def test_a_choice_that_is_not_there(choose: str) -> None:
    with refuses(TrajectoryError, key="choose", value=choose, remedy="2 objects, numbered 0 to 1"):
        from_bounding_boxes([[box(0, 0), box(90, 90, label="bird")]], size=SIZE, choose=f"0,{choose}")


def test_too_many_masks_name_the_input_that_decides() -> None:
    with refuses(TrajectoryError, key="masks", value=65, remedy="set mask_batch to one mask per frame"):
        from_frame_masks(torch.ones(65, 40, 40))


# Masks of one object


def test_masks_that_overlap_from_one_to_the_next_fit_one_object() -> None:
    masks = torch.zeros(9, 48, 64)
    for t in range(9):
        masks[t, 10:30, 5 * t : 5 * t + 12] = 1
    assert moves_as_one(masks)
    masks[4] = 0
    assert moves_as_one(masks)
    assert not moves_as_one(masks[[0, 8, 1]])
    assert not moves_as_one(masks[:1])
    assert not moves_as_one(torch.zeros(9, 48, 64))


# Coordinates of spline editors

LINE = [{"x": 100 + 10 * t, "y": 200 + 5 * t} for t in range(9)]
CURVE = [{"x": 300 + t * t, "y": 50.5} for t in range(9)]


@pytest.mark.parametrize(
    ("text", "tracks"),
    [
        (json.dumps(LINE), [LINE]),
        (json.dumps([LINE, CURVE]), [LINE, CURVE]),
        (f"{json.dumps(LINE)}\n{json.dumps(CURVE)}", [LINE, CURVE]),
        (f" {json.dumps(LINE)}, {json.dumps(CURVE)}", [LINE, CURVE]),
        (str([LINE, CURVE]), [LINE, CURVE]),
        ([LINE], [LINE]),
        (LINE, [LINE]),
    ],
)
def test_coordinate_strings_are_tracks(text: Any, tracks: list[list[dict[str, float]]]) -> None:
    assert is_coordinates(text)
    document = from_coordinates(text, size=SIZE, box_size=(40, 30))
    assert (document.frames, len(document.objects)) == (9, len(tracks))
    boxes_TN4 = sample(document).boxes_TN4
    for n, points in enumerate(tracks):
        centres = boxes_TN4[:, n, :2] + boxes_TN4[:, n, 2:] / 2
        np.testing.assert_allclose(centres, [[point["x"], point["y"]] for point in points], atol=1e-6)
    np.testing.assert_allclose(boxes_TN4[..., 2:], np.broadcast_to([40, 30], boxes_TN4[..., 2:].shape))


@pytest.mark.parametrize("tracks", [LINE, [LINE, CURVE]])
def test_a_reader_of_documents_sends_points_to_the_node(tracks: Any) -> None:
    with refuses(key="trajectory", value=f"a list of {len(tracks)}", remedy="give it to DrawTrajectory"):
        parse(json.dumps(tracks))


@pytest.mark.parametrize(
    "text", ["", "[]", "[[]]", "[1, 2]", '{"version": 1}', '[{"w": 1}]', [], [3], None, 7, {"x": 1, "y": 2}]
)
def test_what_is_no_list_of_points(text: Any) -> None:
    assert not is_coordinates(text)


def test_coordinates_between_0_and_1_are_fractions_and_that_is_said() -> None:
    notes: list[str] = []
    document = from_coordinates(
        '[{"x": 0.5, "y": 0.25}, {"x": 0.6, "y": 0.25}]', size=SIZE, box_size=(40, 30), notes=notes
    )
    assert document.objects[0].keyframes[0].x == 0.5
    assert len(notes) == 1
    names(notes[0], key="trajectory", value="between 0 and 1", remedy="fractions of the picture")
    corner = from_coordinates('[{"x": 0, "y": 0}, {"x": 1, "y": 1}]', size=SIZE, box_size=(40, 30))
    assert corner.objects[0].keyframes[-1].x == pytest.approx(1 / 640)


def test_lists_of_other_lengths() -> None:
    notes: list[str] = []
    document = from_coordinates([LINE, LINE[:4], LINE[:1]], size=SIZE, box_size=(40, 30), notes=notes)
    assert [tracked.hidden for tracked in document.objects] == [(), ((4, 8),), ()]
    assert [len(tracked.keyframes) for tracked in document.objects] == [2, 2, 1]
    assert notes == [
        "trajectory: left out the frames after the end of 1 shorter list (the longest has 9 points) of 3 tracks on 9 frames."
    ]


@pytest.mark.parametrize(
    ("text", "key", "value", "remedy"),
    [
        ('[{"x": 1, "y": "2"}]', "trajectory[0][0].y", '"2"', "finite number"),
        ('[{"x": 1, "y": 2}, {"x": 3}]', "trajectory[0][1]", "object with 1 fields", "x and y"),
        ('[{"x": 1, "y": NaN}]', "trajectory", "NaN", "finite one"),
        ('[[{"x": 1, "y": 2}], 3]', "trajectory[1]", 3, "points, one per frame"),
        ('[{"x": 1, "y": 2}', "trajectory", "not valid JSON", "paste the whole"),
        (json.dumps([{"x": 1, "y": 2}] * 1026), "trajectory[0]", 1026, "1 to 1025 points"),
        (json.dumps([[{"x": n, "y": 2}] for n in range(65)]), "trajectory", "65 objects", "choose"),
    ],
)
def test_wrong_coordinates_are_named(text: str, key: str, value: object, remedy: str) -> None:
    assert is_coordinates(text)
    with refuses(TrajectoryError, key=key, value=value, remedy=remedy):
        from_coordinates(text, size=SIZE, box_size=(40, 30))


def test_where_a_document_is_needed_coordinates_are_sent_to_draw_trajectory() -> None:
    with refuses(TrajectoryError, key="trajectory", value="list of 9 items", remedy="give it to DrawTrajectory"):
        parse(json.dumps(LINE))


# A JSON object that became Python's text of it, as ComfyUI makes of what the API sends

DOCUMENT = {
    "version": 1,
    "size": [640, 360],
    "frames": 9,
    "objects": [
        {
            "id": 'it\'s "one"\n\\ \u732b\U0001f600\x7f\xa0',
            "label": "True, None and {'x'}",
            "hidden": [],
            "keyframes": [{"frame": 0, "x": 0.5, "y": 1e-05, "w": 0.2, "h": 0.2, "ease": [0.1, -1, 0.2, 1]}],
        }
    ],
}


def test_pythons_text_of_a_document_is_read() -> None:
    assert parse(str(DOCUMENT)) == parse(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (str({**DOCUMENT, "fps": float("nan")}), "NaN"),
        (str({**DOCUMENT, "fps": None}), "null"),
        (str({**DOCUMENT, "fps": True}), "true"),
        ("{'version': __import__('os').getcwd()}", "not valid JSON"),
        ("{'version': 1, 'size'", "not valid JSON"),
        ("{'a': '\\U99999999'}", "version is missing"),
        ("{'version': 1, 'version': 1}", "twice"),
        ("{'a': " * 5000, "trajectory"),
    ],
)
def test_nothing_else_is_read_as_pythons_text(text: str, value: str) -> None:
    with refuses(TrajectoryError, value=value):
        parse(text)
