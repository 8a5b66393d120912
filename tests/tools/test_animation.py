"""The moving picture: the boxes that were asked for, the cut-outs along them, the very video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory
from tools.quickstart.animation import CAPTION, MARGIN, cut_and_moved, moving_picture
from tools.quickstart.overlay import COLOURS, Box

from ..support.sentences import refuses

SIDE, SCALE, FRAMES = 64, 6, 4  # 6 * 64 = 384
STILL, MOVED, VIDEO = (60, 90, 60), (150, 150, 60), (90, 60, 120)


def written(tmp_path: Path, boxes: list[list[Box | None]], start: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Plain pictures, so that a pixel of another colour is one that was drawn."""
    frames = [Image.new("RGB", (SIDE, SIDE), VIDEO)] * FRAMES
    moved = [Image.new("RGB", (SIDE, SIDE), MOVED)] * FRAMES
    return Image.open(moving_picture(Image.new("RGB", start, STILL), moved, frames, boxes, 12.0, tmp_path / "a.gif"))


def page(gif: Image.Image, number: int) -> list[np.ndarray]:
    """The pictures of a frame, from left to right."""
    gif.seek(number)
    whole, large = np.asarray(gif.convert("RGB")).astype(int), SIDE * SCALE
    lefts = [MARGIN + place * (MARGIN + large) for place in range(3)]
    return [whole[CAPTION : CAPTION + large, left : left + large] for left in lefts]


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Which pixels have a colour, up to the palette."""
    found: np.ndarray = (np.abs(pixels - np.array(colour)) <= 8).all(axis=-1)
    return found


def test_boxes_move_on_the_left_and_on_the_right_is_the_video(tmp_path: Path) -> None:
    boxes: list[list[Box | None]] = [[(8.0 + 8 * t, 40.0, 12.0, 12.0), None] for t in range(FRAMES)]
    gif = written(tmp_path, boxes)
    assert (gif.n_frames, gif.info["loop"]) == (FRAMES, 0)
    assert gif.size == (4 * MARGIN + 3 * SIDE * SCALE, CAPTION + SIDE * SCALE + MARGIN)
    for t in range(FRAMES):
        left, middle, right = page(gif, t)
        assert near(middle, MOVED).all()
        assert near(right, VIDEO).all()
        rows = np.nonzero(near(left, COLOURS[0]))[0]
        assert (rows.min(), rows.max()) == (40 * SCALE, 52 * SCALE - 1)
        assert near(left[41 * SCALE], COLOURS[0]).nonzero()[0].min() == (8 + 8 * t) * SCALE


def test_a_hidden_box_is_not_drawn(tmp_path: Path) -> None:
    boxes: list[list[Box | None]] = [[(8.0, 8.0, 12.0, 12.0)], *[[None]] * (FRAMES - 1)]
    gif = written(tmp_path, boxes)
    assert near(page(gif, 0)[0], COLOURS[0]).any()
    assert not near(page(gif, 1)[0], COLOURS[0]).any()


def test_a_photograph_is_cut_to_the_shape_of_the_video(tmp_path: Path) -> None:
    gif = written(tmp_path, [[None]] * FRAMES, start=(300, 200))
    assert near(page(gif, 0)[0], STILL).all()


def test_boxes_of_another_length_are_refused(tmp_path: Path) -> None:
    with refuses(key="4 frames", value=3, remedy="one list per frame"):
        written(tmp_path, [[None]] * 3)


def test_cut_outs_are_of_the_cropped_picture() -> None:
    start = Image.new("RGB", (3 * SIDE, SIDE), STILL)
    start.paste(VIDEO, (SIDE + 8, 16, SIDE + 24, 32))
    keys = tuple(Keyframe(frame, x, 0.375, 0.25, 0.25) for frame, x in ((0, 0.25), (3, 0.75)))
    moved = cut_and_moved(start, Trajectory((SIDE, SIDE), 4, (TrackedObject("a", keys),)), (SIDE, SIDE))
    assert len(moved) == 4
    first, last = (np.asarray(picture).astype(int) for picture in (moved[0], moved[3]))
    assert near(first[24, 12:20], VIDEO).all()
    assert near(last[24, 44:52], VIDEO).all()
    assert near(last[24, 10:22], STILL).all()
