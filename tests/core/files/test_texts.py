"""A byte-order mark is dropped wherever a text is read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from flashmotion_core.files.texts import decode_text, read_text, without_mark
from flashmotion_core.trajectory import from_csv, parse, read_tracks
from tests.support.sentences import refuses

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = '{"version": 1, "size": [64, 64], "frames": 3}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_marks_are_dropped_and_line_ends_unified(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "a.txt").write_bytes(f"{mark}caf\u00e9\r\n\u732b\r".encode(encoding))
    assert read_text(tmp_path / "a.txt") == "caf\u00e9\n\u732b\n"


def test_other_bytes_are_named() -> None:
    with refuses(UnicodeError, key="a.csv is not UTF-8", value="byte 3 is 0xe9", remedy="save it as UTF-8 text"):
        decode_text(b"caf\xe9", "a.csv")
    with refuses(UnicodeError, key="a.csv is not UTF-16", value="byte", remedy="save it as UTF-8 text"):
        decode_text(b"\xff\xfea", "a.csv")


def test_texts_that_are_given_as_such_lose_their_mark_too() -> None:
    assert without_mark("\ufeffa\ufeff") == "a\ufeff"
    assert parse(f"\ufeff{DOCUMENT}").frames == 3
    assert read_tracks(f"\ufeff{DOCUMENT}").trajectory.frames == 3
    assert from_csv("\ufeffframe,id,label,x,y,w,h,visible\r\n0,a,,1,2,3,4,1\r\n", size=(64, 64)).objects[0].id == "a"


@pytest.mark.parametrize(
    "file", ["flashmotion_core/cli/trajectory_file.py", "train/data/video_files.py", "train/config/load.py"]
)
def test_files_of_people_are_read_in_one_place(file: str) -> None:
    calls = [
        node.func
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "read_text"]
    assert any(isinstance(call, ast.Name) and call.id == "read_text" for call in calls)
