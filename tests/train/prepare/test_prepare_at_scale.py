"""Preparing many videos: by all ranks, from clip to clip, and nothing is read or held that need not be."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.encoding import hashes
from tests.support.filmed import film, write_film
from tests.support.two_processes import ROOT, run_two
from train.config.data_settings import Data, Prepare, Videos
from train.parallel import ONE
from train.prepare import prepare_video
from train.prepare.clip_record import PreparedClip, PreparedVideo
from train.prepare.lay_out import lay_out, part_names
from train.prepare.parts import DONE
from train.prepare.prepare_folder import prepare_videos
from train.prepare.prepare_video import VideoWork
from train.prepare.preview_page import ON_A_PAGE, summary_of, write_page
from train.prepare.video_marks import VideoMarks

SETTINGS = ["data.evaluation={kind: part}", "data.size=[96, 64]", "data.frames=9", "data.fps=10"]
RULES = Prepare(motion=1.0, camera=5.0)
MOVING = ((10.0, 20.0, 30.0, 34.0, 4.0, 0.0),)


def work() -> VideoWork:
    return VideoWork(Data(size=(96, 64), frames=9, fps=10, train=Videos(folder="x"), prepare=RULES), None, "cpu")


def prepare(folder: Path, pool: Path) -> list[PreparedVideo]:
    marks = VideoMarks(pool.with_name("videos.txt"))
    return list(prepare_videos(folder, pool, work(), marks, workers=0, report=lambda done, total: None))


def tree(folder: Path) -> dict[str, dict[str, str]]:
    """The content of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashes(path)
        for path in [folder, *folder.rglob("*")]
        if path.is_dir() and hashes(path)
    }


def same_trees(found: Path, expected: Path) -> None:
    """Every file is the same, byte by byte."""
    one, other = tree(found), tree(expected)
    assert {place: set(names) for place, names in one.items()} == {place: set(names) for place, names in other.items()}
    for place, names in one.items():
        for name, content in names.items():
            assert content == other[place][name], (place, name)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS")
def test_two_ranks_prepare_what_one_does_and_each_a_part(tmp_path: Path) -> None:
    folder, two = tmp_path / "videos", tmp_path / "two"
    folder.mkdir()
    for number in range(3):
        write_film(folder / f"{number}.mp4", film(MOVING, frames=10 + number, seed=number)[0])
    (folder / "broken.mp4").write_bytes(b"not a video" * 9)
    command = ["preview", "--config", "smoke", f"data.train.folder={folder}", *SETTINGS, "data.prepare.motion=1"]
    command += ["base.micro_batch=2", "stage2.micro_batch=1", "stage3.micro_batch=1", "data.workers=0"]
    # In a process of its own, as each rank is.
    alone = [sys.executable, str(ROOT / "train/run_all.py"), *command, "--run", str(tmp_path / "one")]
    subprocess.run(alone, check=True, capture_output=True, timeout=300)
    run_two("tests.support.preparing", tmp_path / "notes", folder, two, *command, logs=tmp_path, timeout=500)
    notes = [(tmp_path / f"notes.{rank}").read_text().split("ended with ") for rank in range(2)]
    for did in ("made", "read"):
        shares = [{line.split()[1] for line in lines[0].splitlines() if line.startswith(did)} for lines in notes]
        assert all(len(share) == 2 for share in shares), notes
        assert shares[0] | shares[1] == {"0.mp4", "1.mp4", "2.mp4", "broken.mp4"}
    # The second time no video is read or prepared; the third time one cannot be, which ends both ranks.
    assert [lines[1] for lines in notes] == ["0\n"] * 2
    assert sorted(len(lines[2].splitlines()) for lines in notes) == [1, 2], (
        "the rank that reads it hashes it; open_part fails before the work"
    )
    assert [lines[3] for lines in notes] == ["1\n"] * 2
    for rank in range(2):
        last = (tmp_path / f"{rank}.log").read_text().splitlines()[-1]
        assert last.startswith("error: "), last
        assert "1.mp4.part" in last
    for left in (two / "prepared/pool_train").glob("*"):
        if left.is_file():  # that, and what the ranks told each other of it
            left.unlink()
    same_trees(two / "prepared", tmp_path / "one/prepared")


def test_a_film_that_is_stopped_continues_with_its_next_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, pool = tmp_path / "videos", tmp_path / "pool"
    folder.mkdir()
    write_film(folder / "film.mp4", film(MOVING, frames=29)[0])
    whole = prepare(folder, tmp_path / "whole/pool")
    assert len(whole[0].clips) == 3
    usual, written = VideoWork._sheet, list[str]()

    def sheet(self: VideoWork, place: Path, name: str, *rest: object) -> None:
        if len(written) == 1:
            written.append(f"stopped at {name}")
            raise KeyboardInterrupt  # when the other files of the second clip are there
        written.append(name)
        usual(self, place, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(VideoWork, "_sheet", sheet)
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, pool)
    part = pool / "film.mp4.part"
    assert (part / "film-900ms.mp4").is_file()
    before = (part / "film-0ms.mp4").stat().st_mtime_ns
    assert [path.name for path in (part / DONE).iterdir()] == ["film-0ms.json"]
    assert prepare(folder, pool) == whole
    assert written == ["film-0ms", "stopped at film-900ms", "film-900ms", "film-1800ms"]
    assert (pool / "film.mp4/film-0ms.mp4").stat().st_mtime_ns == before
    assert tree(pool) == tree(tmp_path / "whole/pool")


def test_a_stopped_film_begins_again_where_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, pool = tmp_path / "videos", tmp_path / "pool"
    folder.mkdir()
    write_film(folder / "film.mp4", film(MOVING, frames=20)[0])
    usual = prepare_video.keep_clip

    def keep(place: Path, clip: PreparedClip) -> None:
        usual(place, clip)
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_video, "keep_clip", keep)
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, pool)
    monkeypatch.undo()
    (folder / "film.txt").write_text("other words")
    assert [clip.caption for clip in prepare(folder, pool)[0].clips] == ["other words"] * 2


def read_so_far() -> int:
    """Bytes that this process has read from files."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process reads")
def test_a_start_reads_only_videos_that_changed(tmp_path: Path) -> None:
    folder, file = tmp_path / "videos", tmp_path / "videos.txt"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number:04d}.mp4").write_bytes(number.to_bytes(2, "big") * 10_000)
        (folder / f"{number:04d}.txt").write_text(f"a thing {number}")
    videos = sorted(folder.glob("*.mp4"))

    def start() -> tuple[list[str], int]:
        before, marks = read_so_far(), VideoMarks(file)
        found = marks.of(videos)
        marks.keep()
        return found, read_so_far() - before

    first, read = start()
    assert read > 1000 * 20_000
    again, read = start()
    assert again == first
    assert len(set(first)) == 1000
    assert read < 1000 * 100
    (folder / "0003-0ms.json").write_text("{}")
    (folder / "0004.txt").write_text("another thing")
    os.utime(folder / "0005.mp4")
    changed, read = start()
    assert [n for n, (one, other) in enumerate(zip(first, changed, strict=True)) if one != other] == [3, 4]
    assert read < 1000 * 100 + 3 * 20_000 * 2
    file.write_bytes(file.read_bytes()[: 34 * 990 + 5])
    assert start()[0] == changed


def test_a_video_that_cannot_be_read_is_read_once_it_can(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.symlink_to(tmp_path / "elsewhere.mp4")
    gone = VideoMarks(tmp_path / "videos.txt").of([video])
    (tmp_path / "elsewhere.mp4").write_bytes(b"x")
    assert VideoMarks(tmp_path / "videos.txt").of([video]) != gone


class Many(list[None]):
    """Records of many videos, each made when it is asked for."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[PreparedVideo]:  # type: ignore[override]
        for number in range(self.count):
            shape = (96, 64, 9)
            facts = {"name": "thing", "area": 0.1, "speed": 1.0, "seen": 1.0, "problem": "", "used": True}
            name = f"{number}-0ms"
            clip = PreparedClip(name, 0, (160, 96), shape, "", [], "found", "words " * 50, "yours", 0.0, [facts])
            yield PreparedVideo(f"{number}.mp4", "key", "", 1, 1.0, [clip])


@pytest.mark.slow
def test_the_page_and_the_parting_do_not_hold_all_clips(tmp_path: Path) -> None:
    peaks = {}
    for count in (ON_A_PAGE, 8 * ON_A_PAGE):
        videos = Many(count)
        gc.collect()
        tracemalloc.start()
        write_page(tmp_path, {"pool": videos}, set(), summary_of(videos))  # type: ignore[dict-item, arg-type]
        assert part_names(videos, 0.1, (96, 64, 9))  # type: ignore[arg-type]
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # A clip's name and its link in the list of pages, where its record and its place on the page are thousands of bytes.
    assert peaks[8 * ON_A_PAGE] - peaks[ON_A_PAGE] < 7 * ON_A_PAGE * 600, peaks
    pages = sorted(path.name for path in tmp_path.glob("*.html"))
    assert pages == ["index.html", *(f"page-{number}.html" for number in range(2, 9))]
    text = (tmp_path / "page-3.html").read_text(encoding="utf-8")
    assert text.count("<article") == ON_A_PAGE
    assert '<a href="page-3.html" aria-current="page">3</a>' in text
    assert len((tmp_path / "clips.csv").read_text(encoding="utf-8").splitlines()) == 8 * ON_A_PAGE + 1
    write_page(tmp_path, {"pool": Many(3)}, set(), [])  # type: ignore[dict-item]
    assert [path.name for path in tmp_path.glob("*.html")] == ["index.html"]
    assert "<nav" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_ranks_lay_out_disjoint_parts_that_are_the_whole(tmp_path: Path) -> None:
    folder, pool = tmp_path / "videos", tmp_path / "pool"
    folder.mkdir()
    write_film(folder / "film.mp4", film(MOVING, frames=29)[0])
    records = prepare(folder, pool)
    assert len(records[0].kept) == 3
    (tmp_path / "both").mkdir()
    for old in ("gone-0ms.mp4", "film-0ms.csv", "film-0ms.mp4.part"):
        (tmp_path / "both" / old).touch()
    lay_out(records, folder, pool, tmp_path / "alone")
    for rank in range(2):
        lay_out(records, folder, pool, tmp_path / "both", world=replace(ONE, rank=rank, size=2))
    assert tree(tmp_path / "both") == tree(tmp_path / "alone")
