"""What a folder holds beside videos is said, and so are videos that are there twice."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from train.data.unread_files import plain, twins, unread
from train.data.video_files import find_videos


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_nothing_is_passed_over_in_silence(tmp_path: Path) -> None:
    read = ("dog.mp4", "dog.txt", "dog-120ms.json", "dog.masks/00000.png", ".DS_Store", "cat\n1.mov", "notes/readme.md")
    not_read = ("clip.mp4/a", "100APPLE/b.MOV", "film", "horse.txt", "horse-5ms.csv", "a.srt")
    for name in (*read, *not_read):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    os.symlink("loop.avi", tmp_path / "loop.avi")
    os.symlink(".", tmp_path / "itself")
    assert unread(tmp_path) == [
        "Not read: 100APPLE, a folder with videos; name it too: data.train.folder=[/first,/second].",
        "Not read: a.srt, film, which has no suffix of a video; rename it if it is one.",
        "Not read: clip.mp4, a folder with the name of a video.",
        "Not read: horse-5ms.csv, horse.txt, which belongs to no video here.",
        "Not read: loop.avi, a link that leads nowhere.",
    ]
    for number in range(9):
        (tmp_path / f"b{number}.srt").write_bytes(b"")
    assert "a.srt, b0.srt, b1.srt, b2.srt, b3.srt and 6 more, which has" in unread(tmp_path)[1]


def test_a_video_under_two_names_is_named_once(tmp_path: Path) -> None:
    for name, held in (("a.mp4", b"one"), ("b.mp4", b"two"), ("c.mp4", b"three"), ("e.mp4", b""), ("f.mp4", b"")):
        (tmp_path / name).write_bytes(held)
    assert twins(find_videos(tmp_path)) == []
    shutil.copy(tmp_path / "b.mp4", tmp_path / "d\n.mp4")
    assert twins(find_videos(tmp_path)) == ["The same video: b.mp4 and d\\n.mp4; it counts twice, so remove one."]
    assert plain("d\n \u00fc.mp4") == "d\\n \u00fc.mp4"
