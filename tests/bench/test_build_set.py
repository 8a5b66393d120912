"""A set for the benchmark from a folder of videos: found objects and a maker's own, grouped, with checksums, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.build_set import main
from flashmotion_core.benchmark.bench_rows import real
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.cli.bench import main as measure
from flashmotion_core.metrics.iou import box_iou
from flashmotion_core.tracking.label_masks import read_label_folder

from ..support.filmed import film, write_film
from ..support.videos import document, scene, write_video

TWO = ((10.0, 20.0, 30.0, 34.0, 4.0, 0.0), (110.0, 40.0, 28.0, 30.0, -3.0, 1.0))
SIZE, FRAMES = (160, 96), 9


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One and two moving things, a still film, and a video with a document."""
    folder = tmp_path_factory.mktemp("videos")
    write_film(folder / "one.mp4", film(TWO[:1], frames=20)[0])
    write_film(folder / "two.mp4", film(TWO, frames=10)[0])
    write_film(folder / "still.mp4", film(((40.0, 30.0, 30.0, 30.0, 0.0, 0.0),), frames=12)[0])
    own = write_video(folder / "own.mp4", scene([t / 10 for t in range(12)], 160, 96), rate=10)
    document(own, 12, SIZE)
    return folder


def words(videos: Path, out: Path, *more: str) -> list[str]:
    shape = ["--size", "160", "96", "--frames", str(FRAMES), "--fps", "10", "--motion", "1"]
    return [str(videos), "--out", str(out), *shape, *more]


def test_from_videos_to_a_measured_set(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    assert main(words(videos, out)) == 0
    assert "4 clips (3 with 1, 1 with 2 objects)" in capsys.readouterr().out
    record = json.loads((out / "set.json").read_text(encoding="utf-8"))
    assert record["groups"] == {"1": ["one-0ms", "one-900ms", "own"], "2": ["two-0ms"]}
    assert "still.mp4" in (tmp_path / "set_prepared/index.html").read_text(encoding="utf-8")
    found = {clip.name: clip for clip in read_set(out).clips}
    truth_TN4 = film(TWO, frames=10)[1][:FRAMES]
    two = found["two-0ms"]
    overlaps = [box_iou(two.asked.boxes_TN4[:, n], truth_TN4[:, m]).mean() for n, m in ((0, 0), (1, 1), (0, 1), (1, 0))]
    assert max(min(overlaps[:2]), min(overlaps[2:])) > 0.6
    assert real(two).shape == (FRAMES, 96, 160, 3)
    assert two.masks is not None
    assert read_label_folder(two.masks).shape == (FRAMES, 96, 160)
    assert two.trajectory.objects[0].shape is not None
    assert (out / "own.txt").is_file()
    assert measure(["check-set", str(out)]) == 0

    first = (out / "two-0ms.json").stat().st_mtime_ns
    assert main(words(videos, out)) == 0
    assert (out / "two-0ms.json").stat().st_mtime_ns == first
    assert json.loads((out / "set.json").read_text(encoding="utf-8")) == record
    assert main(words(videos, out, "--objects", "2", "6")) == 2
    assert "choose another folder" in capsys.readouterr().err


def test_it_says_why_nothing_came_of_it(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/still.mp4").symlink_to(videos / "still.mp4")
    assert main(words(tmp_path / "videos", tmp_path / "set")) == 2
    said = capsys.readouterr().err
    assert "gave no clip that can be used, such as: nothing in it moves" in said
    assert said.count("\n") == 1
    assert main(words(tmp_path / "nowhere", tmp_path / "set")) == 2
    assert "nowhere; check the name" in capsys.readouterr().err
    assert main(words(videos, tmp_path / "set", "--per-group", "0")) == 2
    assert "--per-group is 0" in capsys.readouterr().err
    assert main(words(videos, tmp_path / "set", "--allow-broken", "2")) == 2
    assert "--allow-broken is 2.0, but must be a share from 0 to 1" in capsys.readouterr().err
    for more, parts in (
        (["--frames", "10"], ("the frame count is 10", "use 9 or 13")),
        (["--tracker", "x"], ("tracker is 'x'", "give a detector too")),
        (["--objects", "3", "2"], ("objects is [3, 2]", "swap them")),
    ):
        assert main(words(videos, tmp_path / "set", *more)) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert all(part in said for part in parts), said
