"""Lists of videos: Parquet, and texts as other programs write them."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from train.data.gather import count, gather, mark
from train.data.list_rows import read_rows
from train.data.video_folder import VideoFolder
from train.errors import TrainError

from ...support.sentences import refuses
from ...support.videos import document, scene, write_video

SIZE = (96, 64)
NAMES = {"video": ("video", "path"), "prompt": ("caption", "text")}


def parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    """A Parquet file; the test is skipped where pyarrow is missing."""
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


def listed(folder: Path, *names: str) -> dict[str, Any]:
    """Videos in ``folder/videos``, and a document for them."""
    (folder / "videos").mkdir(parents=True)
    for name in names:
        write_video(folder / f"videos/{name}.mp4", scene([t / 24 for t in range(9)], *SIZE))
    document(folder / "videos/any.mp4", 9, SIZE)
    boxes: dict[str, Any] = json.loads((folder / "videos/any.json").read_text())
    (folder / "videos/any.json").rename(folder / "any.json")
    return boxes


def test_a_parquet_list_is_a_source(tmp_path: Path) -> None:
    boxes = listed(tmp_path, "a", "b", "c")
    other = json.loads(json.dumps(boxes))
    other["objects"][0]["label"] = "only here"  # a field that the other row lacks: Parquet gives it there too, empty
    path = parquet(
        tmp_path / "OpenVid.parquet",
        {
            "video": ["a.mp4", "b.mp4", "c.mp4"],
            "caption": ["a dog", None, ""],
            "aesthetic score": [5.1, 4.9, 6.0],
            "trajectory": [boxes, other, boxes],
        },
    )
    gather([path], tmp_path / "run")
    source = VideoFolder(tmp_path / "run", SIZE, 9)
    clips = [source.clip(index) for index in range(3)]
    assert [clip.prompt for clip in clips] == ["a dog", "", ""]
    label = boxes["objects"][0].get("label", "")
    assert [clip.trajectory.objects[0].label for clip in clips] == [label, "only here", label]
    assert count([path]) == 3
    found = mark([path])
    (tmp_path / "videos/b.mp4").write_bytes((tmp_path / "videos/b.mp4").read_bytes() + b"0")
    assert mark([path]) != found


def test_trajectories_may_be_texts_or_files(tmp_path: Path) -> None:
    boxes = listed(tmp_path, "a", "b")
    path = parquet(
        tmp_path / "list.parquet",
        {"path": ["a.mp4", "b.mp4"], "boxes": [json.dumps(boxes), str(tmp_path / "any.json")]},
    )
    gather([path], tmp_path / "run")
    assert json.loads((tmp_path / "run/a.json").read_text()) == json.loads((tmp_path / "run/b.json").read_text())


@pytest.mark.parametrize(
    ("columns", "value", "remedy"),
    [
        (
            {"caption": ["x"], "fps": [24]},
            "row 1 names no video, as it has only caption, fps",
            "give it a column video",
        ),
        ({"fps": [24]}, "row 1 names no video, as it has only fps", "give it a column video"),
        ({"video": ["no.mp4"]}, "row 1 names 'no.mp4'", "correct or remove the row"),
        ({"video": [{"bytes": b"x", "path": "a.mp4"}]}, "row 1 holds a video as bytes", "webdataset"),
        ({"video": [b"x"]}, "row 1 holds a video as bytes", "webdataset"),
    ],
)
def test_a_bad_row_of_parquet_is_named(tmp_path: Path, columns: dict[str, list[Any]], value: str, remedy: str) -> None:
    path = parquet(tmp_path / "list.parquet", columns)
    with refuses(TrainError, key="list.parquet", value=value, remedy=remedy):
        gather([path], tmp_path / "run")


@pytest.mark.parametrize("keep", [0, 4, 200, -6])
def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path, keep: int) -> None:
    path = parquet(tmp_path / "list.parquet", {"video": ["a.mp4"] * 100})
    path.write_bytes(path.read_bytes()[:keep])
    with refuses(TrainError, key="list.parquet", value="cannot be read after row 0", remedy="write it again"):
        count([path])


def test_without_pyarrow_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refuses(TrainError, key="list.parquet", value="needs pyarrow", remedy="pip install pyarrow"):
        count([tmp_path / "list.parquet"])


def test_a_list_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    files = [tmp_path / "list.jsonl", tmp_path / "list.csv"]
    lines = [(f"{number}.mp4", f"{number} " + "long " * 200) for number in range(4000)]
    files[0].write_text("".join(json.dumps({"video": video, "text": text}) + "\n" for video, text in lines))
    files[1].write_text("video,text\n" + "".join(f"{video},{text}\n" for video, text in lines))
    for file in files:
        rows = read_rows(file, NAMES)
        next(rows)
        tracemalloc.start()
        assert sum(1 for _ in rows) == 3999
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < file.stat().st_size / 20, file


def test_texts_with_breaks_inside_are_one_row(tmp_path: Path) -> None:
    line_separator = "\u2028"
    (tmp_path / "list.jsonl").write_text(
        json.dumps({"video": "a.mp4", "text": f"a{line_separator}b"}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (tmp_path / "list.csv").write_text('video,text\na.mp4,"two\nlines"\nb.mp4,\n', encoding="utf-16")
    assert [row["prompt"] for _, row in read_rows(tmp_path / "list.jsonl", NAMES)] == [f"a{line_separator}b"]
    found = list(read_rows(tmp_path / "list.csv", NAMES))
    assert [(number, row["video"], row["prompt"]) for number, row in found] == [
        (2, "a.mp4", "two\nlines"),
        (3, "b.mp4", None),
    ]
    (tmp_path / "list.csv").write_bytes(b"video\n\xff.mp4\n")
    with refuses(TrainError, key="list.csv", value="0xff", remedy="save it as UTF-8"):
        list(read_rows(tmp_path / "list.csv", NAMES))
