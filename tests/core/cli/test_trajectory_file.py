"""Tracks of tools in the headless command: what it prints, how they fit the video, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashmotion_core.cli.generate_options import read_options
from flashmotion_core.cli.trajectory_file import read_trajectory
from flashmotion_core.trajectory import Trajectory
from tests.support.sentences import refuses

MOT = "1,1,100,50,40,20,1,-1,-1,-1\n2,1,110,50,40,20,1,-1,-1,-1\n1,2,10,50,40,20,1,-1,-1,-1\n"
DOCUMENT = '{"version": 1, "size": [64, 32], "frames": 5, "objects": []}'


def read(folder: Path, text: str, *options: str, encoding: str = "utf-8") -> tuple[Trajectory, list[str]]:
    (folder / "tracks.txt").write_bytes(text.encode(encoding))
    required = ("--generator", "g", "--adapter", "a", "--out", "o.mp4", "--trajectory", str(folder / "tracks.txt"))
    return read_trajectory(read_options([*required, *options]))


def test_a_table_is_read_for_the_size_and_said(tmp_path: Path) -> None:
    trajectory, notes = read(tmp_path, MOT, "--size", "256x192", "--frames", "5", "--fps", "12", "--objects", "1")
    assert (trajectory.size, trajectory.frames, trajectory.fps) == ((256, 192), 5, 12)
    assert [tracked.id for tracked in trajectory.objects] == ["1"]
    assert trajectory.objects[0].hidden == ((2, 4),)
    for words in ("MOT", "counted from 1", "pixels of 256 x 192", "1 of 2", "frames: 5"):
        assert words in " ".join(notes)


def test_tracks_of_a_larger_picture_are_fitted_as_a_start_image_is(tmp_path: Path) -> None:
    trajectory, _ = read(tmp_path, MOT, "--size", "256x128", "--tracks-size", "512x256")
    key = trajectory.objects[0].keyframes[0]
    assert trajectory.size == (256, 128)
    assert (key.x * 256, key.y * 128) == pytest.approx((60, 30))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_document_with_a_mark(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, DOCUMENT, encoding=encoding)[0].frames == 5


@pytest.mark.parametrize(
    ("text", "options", "key", "value", "remedy"),
    [
        (MOT, (), "tracks.txt: size is missing", "MOT", "--size 1280x704"),
        (MOT, ("--size", "big"), "--size", "'big'", "such as 1280x704"),
        (MOT, ("--size", "64x64", "--objects", "9"), "objects", '"9"', 'choose from the file\'s "1", "2"'),
        (MOT, ("--size", "64x64", "--fps", "0"), "fps", 0, "above 0"),
        ("hello\n", ("--size", "64x64"), "tracks.txt: line 1", '"hello"', "give the header frame,id"),
        (
            "".join(f"1,{n},1,1,9,9\n" for n in range(70)),
            ("--size", "64x64"),
            "70 objects",
            '"0", "1"',
            "--objects ID,ID",
        ),
    ],
)
def test_what_does_not_work_is_one_sentence(
    tmp_path: Path, text: str, options: tuple[str, ...], key: str, value: object, remedy: str
) -> None:
    with refuses(ValueError, key=key, value=value, remedy=remedy):
        read(tmp_path, text, *options)


def test_other_bytes_are_named(tmp_path: Path) -> None:
    with refuses(ValueError, key="tracks.txt is not UTF-8", value="0xe9", remedy="save it as UTF-8 text"):
        read(tmp_path, "frame,id,caf\u00e9\n", encoding="latin-1")
