"""Videos of several shapes, lengths and speeds: what is cropped, repeated, and trained together."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.config.load import parse
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.video_folder import VideoFolder
from train.errors import TrainError

from ...support.encoding import STYLE, Zeros
from ...support.sentences import names, refuses
from ...support.small_runs import figures, prepared
from ...support.videos import document, place, scene, write_video

BUCKETS = ((64, 96, 9), (96, 64, 5))


def add(folder: Path, name: str, size: tuple[int, int], frames: int = 12, rate: int = 24) -> None:
    folder.mkdir(exist_ok=True)
    video = write_video(folder / f"{name}.mp4", scene([t / rate for t in range(frames)], *size), rate=rate)
    document(video, frames, size)


def test_what_is_cropped_is_bounded_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    add(folder, "square", (64, 64))
    source = VideoFolder(folder, (96, 64), 9, max_crop=0.5, problems=tmp_path / "problems_train.txt")
    assert source.lost == [pytest.approx(1 / 3)]
    note = (tmp_path / "notes_train.txt").read_text(encoding="utf-8")
    assert "square.mp4: 33% of the picture is cropped, 64 x 64 to the shape of 96 x 64." in note
    add(folder, "upright", (64, 128))
    with refuses(TrainError, key="upright.mp4", value="lose 67% of its picture", remedy="add a shape to data.buckets"):
        VideoFolder(folder, (96, 64), 9, max_crop=0.5)


def test_each_video_goes_where_it_loses_least(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for name, size, frames in (("a", (96, 64), 12), ("b", (64, 96), 12), ("c", (64, 100), 9), ("d", (96, 64), 6)):
        add(folder, name, size, frames)
    alone = VideoFolder(folder, (96, 64), 5)
    source = VideoFolder(folder, (96, 64), 9, max_crop=0.1, buckets=BUCKETS)
    assert source.shapes == [(96, 64, 9), (64, 96, 9), (64, 96, 9), (96, 64, 5)]
    assert source.clip(1).frames_THWC.shape == (9, 96, 64, 3)
    assert source.clip(1).trajectory.size == (64, 96)
    assert source.identity(0) == alone.identity(
        0
    )  # clips of data.size need not be encoded again when a bucket is added
    assert len({str(source.identity(index)[-1]) for index in (1, 3)}) == 2
    encode_clips(source, Zeros(), tmp_path / "encoded", style=STYLE, fingerprint="f")  # type: ignore[arg-type]
    clips = EncodedClips(tmp_path / "encoded", text_dim=8)
    assert sorted(map(list, clips.groups)) == [[0], [1, 2], [3]]
    trainer = prepared(
        "flow_resnet", clips, tmp_path / "run", config={"stage1": {"steps": 6, "global_batch": 2, "micro_batch": 1}}
    )
    trainer.run()
    assert len({key[0] for key in figures(tmp_path / "run")}) > 0


def test_a_slow_video_is_repeated_only_where_that_is_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    add(folder, "slow", (96, 64), 12, rate=12)
    with refuses(
        TrainError, key="slow.mp4", value="12 frames per second, but data.fps is 24", remedy="data.repeat_frames"
    ):
        VideoFolder(folder, (96, 64), 9, 24.0)
    source = VideoFolder(folder, (96, 64), 9, 24.0, repeat_frames=True, problems=tmp_path / "problems.txt")
    shown = [place(frame) for frame in source.clip(0).frames_THWC]
    assert len(set(shown)) == 5
    names((tmp_path / "notes.txt").read_text(encoding="utf-8"), key="slow.mp4", value="4 of 9 frames are repeated")


def test_a_bucket_fits_into_the_memory_that_is_planned() -> None:
    data = {"size": [96, 64], "frames": 9}
    parse({"name": "a", "data": {**data, "buckets": [list(bucket) for bucket in BUCKETS]}})
    for bucket in ([96, 96, 9], [96, 64, 13], [96, 64, 1], [100, 64, 9]):
        with refuses(TrainError, key="data.buckets", value=bucket[0], remedy=" "):
            parse({"name": "a", "data": {**data, "buckets": [bucket]}})
