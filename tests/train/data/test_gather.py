"""Several sources in one run: folders, lists, MagicData's layout and shards, as one folder of links."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flashmotion_core.trajectory import sample
from train.data import video_shards
from train.data.gather import count, gather, is_plain, mark
from train.data.video_folder import VideoFolder
from train.errors import TrainError

from ...support.sentences import refuses
from ...support.videos import document, scene, write_video

SIZE = (96, 64)


def add(folder: Path, name: str, prompt: str | None = None, boxes: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    video = write_video(folder / f"{name}.mp4", scene([t / 24 for t in range(9)], *SIZE))
    if boxes:
        document(video, 9, SIZE)
    if prompt is not None:
        video.with_suffix(".txt").write_text(prompt, encoding="utf-8")
    return video


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """A folder, a .jsonl and a .csv list, MagicData's layout, and a shard."""
    add(tmp_path / "own", "dog", "my dog")
    listed = [add(tmp_path / "listed", "dog", boxes=False), add(tmp_path / "listed", "cat", boxes=False)]
    boxes = json.loads((tmp_path / "own/dog.json").read_text())
    rows = [
        {"video": "dog.mp4", "caption": "a listed dog", "trajectory": boxes},
        {"path": str(listed[1]), "text": "", "boxes": "../own/dog.json"},
    ]
    (tmp_path / "listed/list.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    add(tmp_path / "table", "bird", boxes=False)
    (tmp_path / "table/list.csv").write_text('file_name,caption,tracks\nbird.mp4,"a bird, in a tree",../own/dog.json\n')
    magic = tmp_path / "MagicData"
    add(magic / "videos", "0007", boxes=False)
    (magic / "MagicData.csv").write_text("path,text,num_frames\n0007.mp4,two things,9\n")
    (magic / "masks/0007").mkdir(parents=True)
    for t in range(9):
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[10:30, 5 + t : 25 + t] = (200, 30, 30)
        if t > 3:
            picture[40:60, 50:60] = (30, 30, 200)
        Image.fromarray(picture).save(magic / f"masks/0007/annotated_frame_{t:05d}.png")
    with tarfile.open(tmp_path / "shard-00.tar", "w") as shard:
        shard.add(listed[0], "a/one.mp4")
        shard.add(tmp_path / "own/dog.json", "a/one.json")
        for name, content in (
            ("a/two.json", b'{"caption": "of a shard"}'),
            ("../../outside.txt", b"x"),
            ("note.md", b"x"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            shard.addfile(info, io.BytesIO(content))
        shard.add(listed[1], "a/two.mp4")
        shard.add(tmp_path / "own/dog.json", "b/one.json")
        shard.add(listed[1], "b/one.mp4")
    return [
        tmp_path / "own",
        tmp_path / "listed/list.jsonl",
        tmp_path / "table/list.csv",
        magic,
        tmp_path / "shard-00.tar",
    ]


def test_all_of_them_are_one_folder_of_clips(sources: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "run/sources"
    gather(sources, into)
    videos = sorted(path.stem for path in into.glob("*.mp4"))
    assert videos == sorted(["dog", "list_dog", "cat", "bird", "0007", "a_one", "a_two", "b_one"])
    assert count(sources) == 8
    assert not is_plain(sources)
    assert is_plain(sources[:1])
    assert not is_plain(sources[3:4])
    (into / "a_two.json").write_bytes((sources[0] / "dog.json").read_bytes())  # the only one without boxes
    source = VideoFolder(into, SIZE, 9)
    clips = {clip.name: clip for clip in map(source.clip, range(len(source)))}
    assert clips["dog.mp4"].prompt == "my dog"
    assert clips["list_dog.mp4"].prompt == "a listed dog"
    assert clips["bird.mp4"].prompt == "a bird, in a tree"
    assert clips["a_two.mp4"].prompt == "of a shard"
    magic = sample(clips["0007.mp4"].trajectory)
    assert magic.boxes_TN4[8, 0].tolist() == pytest.approx([13, 10, 20, 20])
    assert magic.visible_TN[:, 1].tolist() == [False] * 4 + [True] * 5
    assert clips["0007.mp4"].labels_THW is not None
    assert (clips["0007.mp4"].labels_THW[8] == 2).sum() == 200
    assert os.readlink(into / "dog.mp4") == str(sources[0] / "dog.mp4")
    assert not (tmp_path / "outside.txt").exists()


@pytest.mark.parametrize("linked", [True, False], ids=["links", "copies"])
def test_a_second_time_only_what_changed_is_made(
    linked: bool, sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not linked:  # as Windows does it without the right to make links

        def refused(path: Path, target: Path, target_is_directory: bool = False) -> None:
            raise OSError(f"{path} cannot be a link")

        monkeypatch.setattr(Path, "symlink_to", refused)
    into = tmp_path / "run/sources"
    gather(sources, into)
    before = {path.name: (path.lstat().st_ctime_ns, path.is_symlink()) for path in into.iterdir()}
    assert before["dog.mp4"][1] == linked
    found = mark(sources)
    gather(sources, into)
    assert {path.name: (path.lstat().st_ctime_ns, path.is_symlink()) for path in into.iterdir()} == before
    assert mark(sources) == found
    (sources[0] / "dog.txt").write_text("another dog", encoding="utf-8")
    assert mark(sources) != found
    rows = sources[1].read_text().splitlines()
    sources[1].write_text(rows[0].replace("listed", "tabled") + "\n")
    gather(sources, into)
    assert not (into / "cat.mp4").exists()
    assert (into / "list_dog.txt").read_text(encoding="utf-8") == "a tabled dog"
    assert (sources[1].parent / "cat.mp4").exists()
    assert (into / "dog.txt").read_text(encoding="utf-8") == "another dog"
    gather(sources[:1], into)
    assert sorted(path.name for path in into.iterdir()) == ["dog.json", "dog.mp4", "dog.txt"]


@pytest.mark.parametrize(
    ("row", "key", "value", "remedy"),
    [
        ("{", "list.jsonl, row 1", "is not JSON", "correct or remove it"),
        ("[]", "list.jsonl, row 1", "names no video", "give it a column video"),
        ('{"caption": "x"}', "list.jsonl, row 1", "only caption", "give it a column video"),
        ('{"video": "no.mp4"}', "list.jsonl, row 1", "'no.mp4'", "correct or remove the row"),
        ('{"video": "dog.mp4", "boxes": "no.json"}', "list.jsonl, row 1", "'no.json'", "correct or remove the row"),
    ],
)
def test_a_bad_row_is_named(sources: list[Path], tmp_path: Path, row: str, key: str, value: str, remedy: str) -> None:
    sources[1].write_text(row + "\n")
    with refuses(TrainError, key=key, value=value, remedy=remedy):
        gather(sources, tmp_path / "run")


def spoil(magic: Path, change: Callable[[Path], object]) -> None:
    change(magic / "masks/0007/annotated_frame_00002.png")


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda path: Image.new("RGB", (8, 8), (9, 9, 9)).save(path), "8 x 8 pixels, but the video has 96 x 64"),
        (
            lambda path: Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)).save(path),
            "annotated_frame_00002.png has more than 64 colours",
        ),
        (lambda path: path.write_bytes(b"x"), "annotated_frame_00002.png"),
    ],
)
def test_masks_that_are_none_are_named(
    sources: list[Path], tmp_path: Path, change: Callable[[Path], object], value: str
) -> None:
    change(sources[3] / "masks/0007/annotated_frame_00002.png")
    with refuses(TrainError, key="the masks of 0007.mp4", value=value, remedy=" "):
        gather(sources, tmp_path / "run")


def test_a_shard_with_a_huge_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_shards, "LARGEST_TEXT", 1000)
    (tmp_path / "a.json").write_text(" " * 2000, encoding="utf-8")
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        shard.add(tmp_path / "a.json", "a.json")
    with refuses(TrainError, key="s.tar", value="a.json", remedy="remove it"):
        video_shards.unpack(tmp_path / "s.tar", tmp_path, str)


def test_a_source_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.txt").touch()
    with refuses(TrainError, key="the source of videos", value="film.txt", remedy="check its name"):
        gather([tmp_path, tmp_path / "film.txt"], tmp_path / "run")
    (tmp_path / "bad.tar").write_bytes(b"no tar")
    with refuses(TrainError, key="the shard", value="bad.tar", remedy="copy or remove it"):
        count([tmp_path / "bad.tar"])
