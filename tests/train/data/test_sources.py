"""Where clips come from: the synthetic world and a folder of your own videos. Every problem is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, dumps, render, sample
from flashmotion_core.video.mp4 import write_mp4
from train.data.control import control_maps, inside_map
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource, synthetic_clip
from train.data.video_folder import VideoFolder
from train.data.video_identity import identity
from train.errors import TrainError
from train.world.difficulty import PRESETS

from ...support.sentences import names, refuses

STYLE = MapStyle(thickness=3)
SIZE = (96, 64)


def crossing(frames: int, size: tuple[int, int] = SIZE) -> Trajectory:
    """One object, a quarter of the frame wide and half as high, that moves from left to right."""
    keys = (Keyframe(0, 0.25, 0.5, 0.25, 0.5), Keyframe(frames - 1, 0.75, 0.5, 0.25, 0.5))
    return Trajectory(size, frames, (TrackedObject("o1", keys[: min(frames, 2)], label="box"),), 24.0)


def add_clip(folder: Path, name: str = "clip", frames: int = 12, fps: float = 24.0) -> Path:
    """A video whose frame t has the grey value 10 t, with a trajectory."""
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / f"{name}.mp4"
    grey = np.repeat(np.arange(frames, dtype=np.uint8) * 10, SIZE[0] * SIZE[1] * 3).reshape(frames, SIZE[1], SIZE[0], 3)
    write_mp4(video, grey, fps, crf=4)
    (folder / f"{name}.json").write_text(dumps(crossing(frames)), encoding="utf-8")
    return video


def add_masks(video: Path, frames: range, value: int = 1) -> None:
    """A label picture per frame: a triangle at the object's place."""
    folder = video.with_suffix(".masks")
    folder.mkdir()
    for t in frames:
        labels = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
        for row in range(16, 48):
            labels[row, 12 + 4 * t : 12 + 4 * t + (row - 15) // 2] = value
        Image.fromarray(labels).save(folder / f"{t:05d}.png")


def test_a_synthetic_clip_carries_its_exact_boxes_and_masks() -> None:
    source = SyntheticSource(3, 2, "normal", SIZE, 5, "eval_a")
    clip = source.clip(1)
    again = synthetic_clip(json.loads(json.dumps(clip.origin)))
    assert np.array_equal(clip.frames_THWC, again.frames_THWC)
    assert np.allclose(sample(clip.trajectory).boxes_TN4, again.boxes_TN4, atol=1e-6)
    assert clip.masks_TNHW is not None
    assert np.array_equal(clip.masks_TNHW, again.masks_TNHW)
    assert all(sprite.name in clip.prompt for sprite in again.sprites)


def test_a_difficulty_of_ones_own_survives_the_index() -> None:
    level = replace(PRESETS["hard"], pan=0.3)
    clip = SyntheticSource(3, 1, level, SIZE, 5).clip(0)
    assert np.array_equal(clip.frames_THWC, synthetic_clip(json.loads(json.dumps(clip.origin))).frames_THWC)


def test_what_decides_the_clips_changes_the_settings() -> None:
    settings = [
        SyntheticSource(*arguments).settings()
        for arguments in (
            (1, 2, "easy", SIZE, 5),
            (2, 2, "easy", SIZE, 5),
            (1, 2, PRESETS["hard"], SIZE, 5),
            (1, 2, "easy", (64, 64), 5),
            (1, 2, "easy", SIZE, 9),
            (1, 2, "easy", SIZE, 5, "eval_a"),
        )
    ]
    assert len({json.dumps(setting, sort_keys=True) for setting in settings}) == len(settings)
    assert SyntheticSource(1, 3, "easy", SIZE, 5).settings() == settings[0]


@pytest.mark.parametrize(
    ("changes", "key", "value", "remedy"),
    [
        ({"frames": 1}, "the synthetic world: the frame count", 1, "at least 5 frames"),
        ({"frames": 8}, "the synthetic world: the frame count", 8, "use 5 or 9"),
        ({"size": (100, 64)}, "the synthetic world: width", 100, "use 96 or 128"),
        ({"count": 0}, "the count of synthetic clips", 0, "must be at least 1"),
        ({"difficulty": "brutal"}, "the difficulty", "is 'brutal'", "easy"),
        ({"split": "test"}, "split", "is 'test'", "eval_a"),
    ],
)
def test_the_synthetic_world_refuses(changes: dict[str, object], key: str, value: object, remedy: str) -> None:
    usual: dict[str, object] = {"seed": 1, "count": 2, "difficulty": "easy", "size": SIZE, "frames": 5}
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        SyntheticSource(**{**usual, **changes})  # type: ignore[arg-type]


def test_the_mask_map_shows_the_exact_shapes_and_the_box_map_outlines() -> None:
    clip = SyntheticSource(3, 2, "hard", (128, 96), 9).clip(0)
    boxes, masks = control_maps(clip, STYLE)
    assert np.array_equal(boxes[0], masks[0])
    assert all((boxes[t] != masks[t]).any() for t in range(1, 9))
    visible_TN = sample(clip.trajectory).visible_TN
    for t in range(9):
        shown = (clip.masks_at(t) & visible_TN[t][:, None, None]).any(axis=0)
        assert np.array_equal(masks[t].any(axis=-1), shown)
    # What the nodes make of the same document and the masks of frame 0.
    by_hand = render(sample(clip.trajectory), clip.masks_at(0), mode="box", opacity=0.5, thickness=3)
    assert np.array_equal(boxes, by_hand)


def test_a_hidden_object_is_not_drawn_and_not_inside() -> None:
    hidden = replace(crossing(5).objects[0], hidden=((2, 3),))
    trajectory = replace(crossing(5), objects=(hidden,))
    labels = np.zeros((5, SIZE[1], SIZE[0]), dtype=np.uint8)
    labels[:, 20:30, 20:30] = 1
    clip = SourceClip("c", np.zeros((5, SIZE[1], SIZE[0], 3), np.uint8), 24.0, "", trajectory, labels, {})
    for pictures in control_maps(clip, STYLE):
        assert [bool(picture.any()) for picture in pictures] == [True, True, False, False, True]
    everywhere = inside_map(sample(crossing(5)))
    assert inside_map(sample(trajectory)).sum() < everywhere.sum()


def test_inside_is_where_a_box_covers_a_cells_centre() -> None:
    # From x 12..36 on frame 0 to 60..84 on frame 4, rows 16..48 of 64; centres are at 8, 24, 40, 56, 72, 88.
    inside = inside_map(sample(crossing(5)))
    assert inside.shape == (1, 2, 4, 6)
    assert inside[0, 0].tolist() == [[0] * 6, [0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0] * 6]
    # Frames 1 to 4 start at 24, 36, 48 and 60; an edge belongs to the box.
    assert inside[0, 1].tolist() == [[0] * 6, [0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0], [0] * 6]


def test_videos_of_ones_own(tmp_path: Path) -> None:
    video = add_clip(tmp_path / "Vid\u00e9os \u732b", "kl\u00e9 \u732b")
    video.with_suffix(".txt").write_text(" a grey box \u732b\n", encoding="utf-8")
    add_masks(video, range(9))
    source = VideoFolder(video.parent, (64, 64), 9)
    clip = source.clip(0)
    assert (len(source), clip.name, clip.prompt, clip.fps) == (1, "kl\u00e9 \u732b.mp4", "a grey box \u732b", 24.0)
    assert clip.frames_THWC.shape == (9, 64, 64, 3)
    assert np.abs(clip.frames_THWC.mean(axis=(1, 2, 3)) - np.arange(9) * 10).max() < 2
    # 96 x 64 cropped to 64 x 64: 16 columns are cut off on each side, from boxes and masks too.
    whole = sample(crossing(12)).boxes_TN4[:9] - [16, 0, 0, 0]
    assert np.allclose(sample(clip.trajectory).boxes_TN4, whole)
    assert clip.trajectory.size == (64, 64)
    assert clip.masks_TNHW is not None
    columns = np.flatnonzero(clip.masks_TNHW[4, 0].any(axis=0))
    assert (columns[0], columns[-1]) == (12, 27)


def test_a_faster_video_is_thinned_out_with_its_boxes(tmp_path: Path) -> None:
    add_clip(tmp_path, frames=12, fps=24.0)
    clip = VideoFolder(tmp_path, SIZE, 5, fps=12.0).clip(0)
    assert clip.fps == 12.0
    assert np.abs(clip.frames_THWC.mean(axis=(1, 2, 3)) - [0, 20, 40, 60, 80]).max() < 2
    assert np.allclose(sample(clip.trajectory).boxes_TN4, sample(crossing(12)).boxes_TN4[:9:2])


def test_the_mask_of_frame_0_alone_moves_with_its_box(tmp_path: Path) -> None:
    add_masks(add_clip(tmp_path), range(1))
    clip = VideoFolder(tmp_path, SIZE, 5).clip(0)
    boxes, masks = control_maps(clip, STYLE)
    assert np.array_equal(boxes[0], masks[0])
    usual = render(sample(clip.trajectory), clip.masks_at(0), mode="mask", opacity=0.5, thickness=3)
    assert np.array_equal(masks, usual)
    assert masks[4].any(axis=-1).sum() == masks[0].any(axis=-1).sum()


def as_mot(video: Path) -> str:
    rows = sample(crossing(12)).boxes_TN4[:4, 0]
    return "".join(f"{frame + 1},7,{x},{y},{w},{h},1,-1,-1,-1\n" for frame, (x, y, w, h) in enumerate(rows.tolist()))


def test_tracks_of_a_tool_stand_in_for_a_document(tmp_path: Path) -> None:
    video = add_clip(tmp_path)
    video.with_suffix(".json").unlink()
    video.with_suffix(".csv").write_text(as_mot(video), encoding="utf-8-sig")
    video.with_suffix(".txt").write_text("a grey box", encoding="utf-8-sig")
    source = VideoFolder(tmp_path, SIZE, 5, problems=tmp_path / "run" / "problems_train.txt")
    clip = source.clip(0)
    assert clip.prompt == "a grey box"
    assert np.allclose(sample(clip.trajectory).boxes_TN4[:4], sample(crossing(12)).boxes_TN4[:4])
    assert sample(clip.trajectory).visible_TN[:, 0].tolist() == [True] * 4 + [False]
    notes = (tmp_path / "run" / "notes_train.txt").read_text(encoding="utf-8")
    assert "clip.csv: It is read as MOT (objects: 1, frames: 5)." in notes
    assert "counted from 1" in notes


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "cut out"])
def test_with_one_object_any_mask_that_shows_it_will_do(tmp_path: Path, mode: str) -> None:
    video = add_clip(tmp_path)
    add_masks(video, range(1))
    file = video.with_suffix(".masks") / "00000.png"
    shape = np.asarray(Image.open(file)) > 0
    picture = Image.fromarray(shape.astype(np.uint8) * 255)
    if mode == "I;16":
        picture = Image.fromarray(shape.astype(np.uint16) * 65535)
    elif mode == "cut out":
        colours = np.random.default_rng(1).integers(0, 256, (*shape.shape, 3), dtype=np.uint8)
        picture = Image.fromarray(np.dstack([colours, shape.astype(np.uint8) * 255]))
    elif mode != "L":
        picture = picture.convert(mode)
    picture.save(file)
    clip = VideoFolder(tmp_path, SIZE, 5).clip(0)
    assert clip.masks_TNHW is not None
    assert np.array_equal(clip.masks_TNHW[0, 0], shape)


def broken_json(video: Path) -> None:
    video.with_suffix(".json").write_text("{", encoding="utf-8")


def small_picture(video: Path) -> None:
    video.with_suffix(".masks").mkdir()
    Image.new("L", (8, 8)).save(video.with_suffix(".masks") / "00000.png")


def half_the_masks(video: Path) -> None:
    add_masks(video, range(3))


@pytest.mark.parametrize(
    ("spoil", "key", "value", "remedy"),
    [
        (lambda video: video.with_suffix(".json").unlink(), "clip.mp4", "no trajectory", "save one as clip.json"),
        (broken_json, "clip.mp4: clip.json: trajectory", "not valid JSON (Expecting property name", "paste the whole document again"),
        (lambda video: video.write_bytes(b"no video" * 100), "clip.mp4", "cannot be read as a video", "convert or remove it"),
        (
            lambda video: video.with_suffix(".txt").write_bytes(b"\xff\xfe\xff"),
            "clip.txt is not UTF-16", "byte 2 is 0xff", "save it as UTF-8",
        ),
        (
            lambda video: video.with_suffix(".json").write_text(dumps(crossing(12, (64, 64)))),
            "clip.json", "64 x 64 pixels, but the video has 96 x 64", "draw it on the video",
        ),
        (lambda video: video.with_suffix(".json").write_text(dumps(crossing(4))), "clip.json", "4 frames, but 5", "extend it"),
        (small_picture, "00000.png", "8 x 8 pixels, but the video has 96 x 64", "save it at the video's size"),
        (half_the_masks, "clip.masks", "has no 00003.png", "for frame 0 only, or for all 5 frames"),
        (lambda video: add_masks(video, range(1), value=2), "00000.png has the value", 2, "the trajectory has 1 objects; use values from 0 to 1"),
        (lambda video: add_masks(video, range(1), value=0), "00000.png", "no pixel of value 1", "paint it"),
        (lambda video: video.with_suffix(".csv").write_text(as_mot(video)), "clip.mp4", "2 trajectories, clip.json and clip.csv", "keep one"),
        (lambda video: video.with_suffix(".json").write_text("hello"), "clip.json: line 1", '"hello"', "give the header frame,id"),
        (lambda video: video.with_suffix(".mov").write_bytes(video.read_bytes()), "clip.mp4", "shares clip.json with clip.mov", "rename one of them"),
    ],
)  # fmt: skip
def test_a_bad_clip_is_named(tmp_path: Path, spoil: object, key: str, value: object, remedy: str) -> None:
    spoil(add_clip(tmp_path))  # type: ignore[operator]
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        VideoFolder(tmp_path, SIZE, 5)
    (problem,) = (tmp_path / "problems.txt").read_text(encoding="utf-8").splitlines()
    names(problem, key=key, value=value, remedy=remedy)


def test_all_bad_clips_are_listed_and_a_few_may_be_skipped(tmp_path: Path) -> None:
    add_clip(tmp_path, "long", frames=9)
    add_clip(tmp_path, "short", frames=4)
    with refuses(
        TrainError, key="1 of 2 clips in", value="short.mp4: it has 4 frames, but 9 are needed", remedy="set skip_bad"
    ):
        VideoFolder(tmp_path, SIZE, 9)
    source = VideoFolder(tmp_path, SIZE, 9, skip_bad=True, problems=tmp_path / "run" / "problems.txt")
    assert (len(source), len(source.skipped)) == (1, 1)
    assert (tmp_path / "run" / "problems.txt").read_text(encoding="utf-8") == f"{source.skipped[0]}\n"
    add_clip(tmp_path, "single", frames=1)
    with refuses(TrainError, key=str(tmp_path), value="2 of 3 clips", remedy="correct or remove them"):
        VideoFolder(tmp_path, SIZE, 9, skip_bad=True)
    assert len((tmp_path / "problems.txt").read_text(encoding="utf-8").splitlines()) == 2


def test_a_video_that_is_cut_off_is_named(tmp_path: Path) -> None:
    video = add_clip(tmp_path)
    video.write_bytes(video.read_bytes()[:-40])
    with refuses(key="clip.mp4", remedy="repair or remove it") as caught:
        VideoFolder(tmp_path, SIZE, 9).clip(0)
    names(caught.value, value="it is cut off, as ")


def test_a_folder_without_videos(tmp_path: Path) -> None:
    with refuses(TrainError, key="folder of videos", value=str(tmp_path / "nowhere"), remedy="check its name"):
        VideoFolder(tmp_path / "nowhere", SIZE, 5)
    with refuses(
        TrainError, key=str(tmp_path), value="holds no videos", remedy="put clips and their trajectories there"
    ):
        VideoFolder(tmp_path, SIZE, 5)
    add_clip(tmp_path)
    with refuses(TrainError, key="clip.mp4", value="24 frames per second, but data.fps is 30", remedy="lower data.fps"):
        VideoFolder(tmp_path, SIZE, 5, fps=30)


def test_a_changed_file_changes_one_identity(tmp_path: Path) -> None:
    video = add_clip(tmp_path)
    add_clip(tmp_path, "other")
    before = VideoFolder(tmp_path, SIZE, 5)
    kept = [before.identity(0), before.identity(1)]
    changes = [
        lambda: video.with_suffix(".txt").write_text("a prompt", encoding="utf-8"),
        lambda: video.with_suffix(".json").write_text(dumps(crossing(11)), encoding="utf-8"),
        lambda: add_masks(video, range(1)),
        lambda: add_clip(tmp_path, fps=25.0),
    ]
    for change in changes:
        change()
        after = VideoFolder(tmp_path, SIZE, 5)
        assert after.settings() == before.settings()
        assert after.identity(1) == kept[1]
        assert after.identity(0) not in kept
        kept.append(after.identity(0))


def test_every_part_of_a_long_video_counts(tmp_path: Path) -> None:
    video = tmp_path / "long.mp4"
    found = []
    for place in (None, 0, 500_000, 999_999):
        content = bytearray(1_000_000)
        if place is not None:
            content[place] = 1
        video.write_bytes(content)
        found.append(identity(video))
    assert len({repr(one) for one in found}) == 4
