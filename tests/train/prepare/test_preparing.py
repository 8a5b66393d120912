"""From a folder of plain videos to clips that the data phase reads: each once, resumable, and a maker's own boxes win."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashmotion_core.metrics.iou import box_iou
from flashmotion_core.trajectory import sample
from tests.support.filmed import film, write_film
from tests.support.videos import document
from train.command import main
from train.config.data_settings import Data, Prepare, Videos
from train.data.video_folder import VideoFolder
from train.errors import TrainError
from train.prepare.clip_record import PreparedVideo, read_record
from train.prepare.lay_out import lay_out, part_names
from train.prepare.prepare_folder import prepare_videos
from train.prepare.prepare_video import VideoWork
from train.prepare.preview_page import summary_of, write_page
from train.prepare.video_facts import clip_size
from train.prepare.video_marks import VideoMarks

from ...support.sentences import refuses

SIZE, FRAMES = (96, 64), 9
RULES = Prepare(motion=1.0, camera=5.0)
MOVING = ((10.0, 20.0, 30.0, 34.0, 4.0, 0.0),)


def work(data_changes: Mapping[str, Any] | None = None, **changes: object) -> VideoWork:
    rules = RULES.model_copy(update=changes)
    data = Data(size=SIZE, frames=FRAMES, fps=10, train=Videos(folder="x"), prepare=rules)
    return VideoWork(data.model_copy(update=data_changes or {}), None, "cpu")


def prepared(
    folder: Path, pool: Path, report: Callable[[int, int], None] = lambda done, total: None, **changes: object
) -> list[PreparedVideo]:
    return list(prepare_videos(folder, pool, work(**changes), marks(pool), workers=0, report=report))


def marks(pool: Path) -> VideoMarks:
    return VideoMarks(pool.with_name("videos.txt"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good film with two clips, a still one, one that is too short, and one that is no video."""
    folder = tmp_path_factory.mktemp("videos")
    write_film(folder / "cat & <b>dog.mp4", film(MOVING, frames=20)[0])
    (folder / "cat & <b>dog.txt").write_text("A <i>dog</i>\nruns.", encoding="utf-8")
    write_film(folder / "still.mp4", film(((40.0, 30.0, 30.0, 30.0, 0.0, 0.0),), frames=12)[0])
    write_film(folder / "short.mp4", film(MOVING, frames=5)[0])
    (folder / "broken.mp4").write_bytes(b"not a video" * 100)
    return folder


@pytest.fixture(scope="module")
def pool(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pool = tmp_path_factory.mktemp("prepared") / "pool_train"
    prepared(videos, pool)
    return pool


def copies(videos: Path, pool: Path, tmp_path: Path) -> tuple[Path, Path]:
    return (
        Path(shutil.copytree(videos, tmp_path / "videos")),
        Path(shutil.copytree(pool, tmp_path / "pool_train")),
    )


def dates(pool: Path) -> dict[str, int]:
    return {folder.name: (folder / "record.json").stat().st_mtime_ns for folder in pool.iterdir()}


def test_plain_videos_become_clips_that_training_reads(videos: Path, pool: Path, tmp_path: Path) -> None:
    records = prepared(videos, pool)
    good = next(one for one in records if one.video.startswith("cat"))
    assert [clip.name for clip in good.kept] == ["cat & <b>dog-0ms", "cat & <b>dog-900ms"]
    lay_out(records, videos, pool, tmp_path / "train")
    clips = VideoFolder(tmp_path / "train", SIZE, FRAMES, 10)
    assert len(clips) == 2
    clip, (frames, boxes) = clips.clip(0), film(MOVING, frames=FRAMES)
    assert clip.prompt == "A <i>dog</i> runs."
    assert clip.labels_THW is not None
    assert clip.labels_THW.shape == (FRAMES, SIZE[1], SIZE[0])
    # The true boxes, scaled to cover 96 x 64: the film has 160 x 96, of which the crop takes 8 of 107 pixels on each side.
    true = boxes[:, 0] * (2 / 3) - [16 / 3, 0, 0, 0]
    assert box_iou(sample(clip.trajectory).boxes_TN4[:, 0], true).mean() > 0.6
    assert np.abs(clip.frames_THWC[:, 10:, 40:].astype(int).mean() - frames[:, 15:, 68:].mean()) < 12


def test_every_rejected_clip_and_video_says_why(videos: Path, pool: Path) -> None:
    reasons = {one.video: [one.reason, *(clip.reason for clip in one.clips)] for one in prepared(videos, pool)}
    assert "nothing in it moves by itself" in reasons["still.mp4"][1]
    assert "its longest shot has 0.40 s, but 9 frames at data.fps=10 take 0.90 s" in reasons["short.mp4"][0]
    assert "it cannot be read as a video" in reasons["broken.mp4"][0]


def test_what_is_there_is_not_done_again(videos: Path, pool: Path, tmp_path: Path) -> None:
    folder, pool = copies(videos, pool, tmp_path)
    before = dates(pool)
    prepared(folder, pool)
    assert dates(pool) == before
    # A prompt that changes, a record that is torn, and a video that is gone concern themselves alone.
    (folder / "cat & <b>dog.txt").write_text("Another prompt.", encoding="utf-8")
    (pool / "still.mp4/record.json").write_text('{"format": 1, "video"')
    (folder / "short.mp4").unlink()
    records = prepared(folder, pool)
    after = dates(pool)
    assert set(after) == set(before) - {"short.mp4"}
    assert {name for name in after if after[name] != before[name]} == {"cat & <b>dog.mp4", "still.mp4"}
    assert next(one for one in records if one.kept).kept[0].caption == "Another prompt."


def test_other_rules_judge_again(videos: Path, pool: Path, tmp_path: Path) -> None:
    folder, pool = copies(videos, pool, tmp_path)
    records = prepared(folder, pool, motion=100.0)
    assert not any(one.kept for one in records)


def test_a_run_that_is_stopped_continues(videos: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    pool = tmp_path / "pool_train"
    with pytest.raises(KeyboardInterrupt):
        prepared(videos, pool, stop)
    (pool / "still.mp4.part").mkdir()  # as a kill in the middle of a video leaves it
    before = dates_of_whole(pool)
    records = prepared(videos, pool)
    assert len(records) == 4
    assert {name: date for name, date in dates_of_whole(pool).items() if name in before} == before
    assert not list(pool.glob("*.part"))


def dates_of_whole(pool: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in pool.glob("*/record.json")}


def test_boxes_of_the_maker_win_for_one_clip(videos: Path, pool: Path, tmp_path: Path) -> None:
    folder, pool = copies(videos, pool, tmp_path)
    found = json.loads((pool / "cat & <b>dog.mp4" / "cat & <b>dog-900ms.json").read_text(encoding="utf-8"))
    found["objects"][0]["label"] = "mine"
    (folder / "cat & <b>dog-900ms.json").write_text(json.dumps(found), encoding="utf-8")
    # The rules would reject everything; what a maker drew is not judged.
    records = prepared(folder, pool, motion=100.0)
    good = next(one for one in records if one.video.startswith("cat"))
    assert [(clip.name, clip.boxes) for clip in good.kept] == [("cat & <b>dog-900ms", "yours")]
    lay_out(records, folder, pool, tmp_path / "train")
    assert VideoFolder(tmp_path / "train", SIZE, FRAMES, 10).clip(0).trajectory.objects[0].label == "mine"


def test_a_document_that_does_not_fit_is_named(videos: Path, pool: Path, tmp_path: Path) -> None:
    folder, pool = copies(videos, pool, tmp_path)
    (folder / "cat & <b>dog-0ms.json").write_text(
        '{"version": 1, "size": [64, 64], "frames": 9, "objects": []}', encoding="utf-8"
    )
    good = next(one for one in prepared(folder, pool) if one.video.startswith("cat"))
    assert "cat & <b>dog-0ms.json has 0 objects" in good.reason


def test_a_video_with_a_document_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    video = write_film(folder / "mine.mp4", film(((40.0, 30.0, 30.0, 30.0, 0.0, 0.0),), frames=12)[0])
    document(video, 12, (160, 96))
    records = prepared(folder, tmp_path / "pool")
    assert [(clip.name, clip.boxes, clip.reason) for clip in records[0].clips] == [("mine", "yours", "")]
    lay_out(records, folder, tmp_path / "pool", tmp_path / "train")
    assert (tmp_path / "train/mine.mp4").read_bytes() == video.read_bytes()
    assert VideoFolder(tmp_path / "train", SIZE, FRAMES, 10).clip(0).prompt == "A video of things in motion."


def test_what_is_no_longer_kept_leaves_the_folder(videos: Path, pool: Path, tmp_path: Path) -> None:
    records = prepared(videos, pool)
    lay_out(records, videos, pool, tmp_path / "train")
    lay_out(records, videos, pool, tmp_path / "train", {"cat & <b>dog-900ms"})
    assert {path.stem for path in (tmp_path / "train").iterdir()} == {"cat & <b>dog-900ms"}


def test_a_part_is_held_back_by_name_or_by_time(videos: Path, pool: Path) -> None:
    good = next(one for one in prepared(videos, pool) if one.kept)
    assert part_names([good], 0.3, (*SIZE, FRAMES)) == {"cat & <b>dog-900ms"}
    many = [replace(good, video=f"{k}.mp4", clips=[replace(good.clips[0], name=f"{k}-0ms")]) for k in range(40)]
    away = part_names(many, 0.25, (*SIZE, FRAMES))
    assert 4 <= len(away) <= 18
    # A further video moves none from one side to the other.
    assert part_names(many[:39], 0.25, (*SIZE, FRAMES)) == away - {"39-0ms"}
    with refuses(TrainError, key="data.evaluation.kind is part", value="only 1 can be used", remedy="add videos"):
        part_names(many[:1], 0.25, (*SIZE, FRAMES))


def test_the_page_shows_all_clips_and_runs_no_text_of_theirs(videos: Path, pool: Path) -> None:
    records = prepared(videos, pool)
    page = write_page(pool.parent, {"pool_train": records}, {"pool_train/cat & <b>dog-900ms"}, summary_of(records))
    text = page.read_text(encoding="utf-8")
    assert "<b>dog" not in text
    assert "<i>dog" not in text
    for said in (
        "2 of 3 clips are kept, from 1 of 4 videos",
        "A &lt;i&gt;dog&lt;/i&gt; runs.",
        "its longest shot has 0.40 s",
    ):
        assert said in text
    assert text.count("<article") == 3
    for link in ("cat%20%26%20%3Cb%3Edog-0ms.json", "cat%20%26%20%3Cb%3Edog-0ms.jpg"):
        assert link in text
    with (pool.parent / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["verdict"] for row in rows) == ["evaluation", "rejected", "rejected", "rejected", "training"]
    assert all(row["reason"] for row in rows if row["verdict"] == "rejected")


def test_a_clip_is_as_large_as_training_needs() -> None:
    assert clip_size((1920, 1080), (832, 480)) == (854, 480)
    assert clip_size((1080, 1920), (832, 480)) == (832, 1480)
    assert clip_size((320, 240), (832, 480)) == (320, 240)
    assert clip_size((321, 241), (832, 480)) == (322, 242)
    with refuses(value="4000 x 20", remedy="scale it"):
        clip_size((4000, 20), (832, 480))


def test_preview_of_two_sources_makes_the_page_and_stops(
    videos: Path, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    write_film(more / "still.mp4", film(((40.0, 30.0, 30.0, 30.0, 0.0, 0.0),), frames=11, seed=1)[0])
    # A box that somebody drew on the clip of the other film stands for this one.
    drawn = json.loads((pool / "cat & <b>dog.mp4" / "cat & <b>dog-0ms.json").read_text(encoding="utf-8"))
    (more / "still-0ms.json").write_text(json.dumps(drawn), encoding="utf-8")
    settings = [
        f"data.train.folder=[{json.dumps(str(videos))}, {json.dumps(str(more))}]",
        "data.evaluation={kind: part}",
        "data.size=[96, 64]",
        "data.frames=9",
        "data.fps=10",
    ]
    command = ["preview", "--config", "smoke", "--run", str(tmp_path / "run"), *settings, "data.prepare.motion=1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "3 of 4 clips are kept, from 2 of 5 videos; 1 of them have boxes of yours" in said
    prepared_folder = tmp_path / "run/prepared"
    assert (prepared_folder / "index.html").is_file()
    assert not (tmp_path / "run/data").exists()
    assert len(list((prepared_folder / "train").glob("*.mp4"))) == 2
    assert len(list((prepared_folder / "eval").glob("*.mp4"))) == 1
    record = read_record(prepared_folder / "pool_train/more_still.mp4")
    assert record is not None
    assert record.clips[0].boxes == "yours"
    assert main(command) == 0
    assert "done before" in capsys.readouterr().out
    # A changed rule is taken up without being told. What was drawn is not judged.
    assert main([*command[:-1], "data.prepare.motion=100"]) == 1
    assert "only 1 can be used" in " ".join(capsys.readouterr().out.split())


def test_preview_needs_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--config", "smoke", "--run", str(tmp_path)]) == 1
    assert "data.train.folder" in capsys.readouterr().out


def test_a_video_goes_into_the_bucket_that_it_fits(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    write_film(folder / "short.mp4", film(MOVING, frames=7)[0])
    write_film(folder / "tall.mp4", film(((10.0, 20.0, 30.0, 34.0, 1.0, 4.0),), frames=12, size=(64, 160))[0])
    buckets = work(data_changes={"buckets": ((96, 64, 5),)})
    pool = tmp_path / "pool"
    records = prepare_videos(folder, pool, buckets, marks(pool), workers=0, report=lambda done, total: None)
    short, tall = records
    assert [clip.shape for clip in short.kept] == [(96, 64, 5)]
    assert "would lose 73% of its picture, above data.max_crop (50%)" in tall.reason
