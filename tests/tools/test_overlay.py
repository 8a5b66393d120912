"""The picture shows frames of the very video, with the boxes where they were asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tools.quickstart.overlay import CAPTION, COLOURS, MARGIN, Box, contact_sheet, read_frames, spread

from ..support.sentences import refuses

SIDE, SCALE = 64, 5  # 5 * 64 = 320: a frame this small is enlarged


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Eight grey frames of 64x64."""
    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=Fraction(8))
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for _ in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((SIDE, SIDE, 3), 128, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_boxes_are_drawn_where_they_were_asked_for(video: Path, tmp_path: Path) -> None:
    # Two objects; the second is hidden but on the last frame.
    boxes: list[list[Box | None]] = [[(8.0, 16.0, 20.0, 24.0), None] for _ in range(8)]
    boxes[7][1] = (40.0, 40.0, 16.0, 16.0)
    picture = contact_sheet(read_frames(video), boxes, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(picture))
    tile = SIDE * SCALE
    assert sheet.shape == (MARGIN + 2 * (tile + CAPTION + MARGIN), MARGIN + 3 * (tile + MARGIN), 3)
    top, left = MARGIN + CAPTION, MARGIN
    assert tuple(sheet[top + 16 * SCALE, left + 18 * SCALE]) == COLOURS[0]
    assert tuple(sheet[top + 28 * SCALE, left + 8 * SCALE]) == COLOURS[0]
    assert np.allclose(sheet[top + 28 * SCALE, left + 18 * SCALE].astype(int), 128, atol=4)
    assert (sheet == COLOURS[1]).all(-1).sum() > 0
    assert (sheet[:, : -(tile + MARGIN)] == COLOURS[1]).all(-1).sum() == 0  # in the last column alone


def test_boxes_of_another_length_are_refused(video: Path, tmp_path: Path) -> None:
    with refuses(key="8 frames", value=5, remedy="one list per frame"):
        contact_sheet(read_frames(video), [[] for _ in range(5)], tmp_path / "sheet.png")


def test_frames_are_spread_from_first_to_last(video: Path) -> None:
    assert len(read_frames(video)) == 8
    assert spread(8, 6) == [0, 1, 3, 4, 6, 7]
    assert spread(3, 6) == [0, 1, 2]
    assert spread(1, 6) == [0]
