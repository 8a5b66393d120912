"""Encoding on several ranks, of many clips, and next to another run."""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from train.data import looks
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.looks import identities
from train.data.video_folder import VideoFolder
from train.data.video_identity import identity
from train.errors import TrainError
from train.folder_lock import FILE, GONE_SECONDS

from ...support.encoding import STYLE, Plain, Zeros, counted_folder, hashes, tiny_vae, world
from ...support.sentences import names, refuses
from ...support.two_processes import run_two
from ...support.videos import document, scene, write_video


def few_videos(folder: Path) -> Path:
    folder.mkdir()
    for number, name in enumerate("abc"):
        document(write_video(folder / f"{name}.mp4", scene([number + t / 24 for t in range(9)], 96, 64)), 9, (96, 64))
    return folder


def test_a_video_that_has_not_changed_is_not_looked_at_again(tmp_path: Path) -> None:
    videos, looks = few_videos(tmp_path / "videos"), tmp_path / "looks.jsonl"
    first, seen = counted_folder(videos, looks)
    assert seen == ["a.mp4", "b.mp4", "c.mp4"]
    again, seen = counted_folder(videos, looks)
    assert seen == []
    assert [again.identity(n) for n in range(3)] == [first.identity(n) for n in range(3)]
    assert [again.content(n) for n in range(3)] == [first.content(n) for n in range(3)]
    (videos / "b.txt").write_text("a prompt")
    assert identities([videos / "a.mp4", videos / "b.mp4"], looks) == [first.identity(0), identity(videos / "b.mp4")]
    changed, seen = counted_folder(videos, looks)
    assert seen == ["b.mp4"]
    assert changed.identity(1) != first.identity(1)
    assert changed.content(1) == first.content(1)
    looks.write_bytes(looks.read_bytes()[:-20])
    assert counted_folder(videos, looks)[1] == ["c.mp4"]
    looks.write_text("[1]\n")
    assert len(counted_folder(videos, looks)[1]) == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="two processes meet through gloo on Linux and macOS")
def test_two_ranks_encode_what_one_does_and_each_a_half(tmp_path: Path) -> None:
    videos = few_videos(tmp_path / "videos")
    run_two("tests.support.encoding", tmp_path / "two", "5", videos, logs=tmp_path)
    assert Path(f"{tmp_path}/two.0.seen").read_text() == "3 a.mp4 c.mp4"
    assert Path(f"{tmp_path}/two.1.seen").read_text() == "3 b.mp4"
    assert counted_folder(videos, Path(f"{tmp_path}/two.looks"))[1] == []
    encode_clips(world(5), tiny_vae(), tmp_path / "one", style=STYLE, fingerprint="f")
    assert hashes(tmp_path / "two") == hashes(tmp_path / "one")
    assert [Path(f"{tmp_path}/two.{rank}").read_text() for rank in range(2)] == ["5", "5"]
    for rank in range(2):
        names(Path(f"{tmp_path}/two.{rank}.problem").read_text(), key="clip 3", value="it is damaged")
    assert len(list((tmp_path / "two_unreadable").glob("*.safetensors"))) == 5


def held() -> int:
    """Bytes that are in use, without what Python frees later and its table of texts."""
    gc.collect()
    kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*pathlib*")])
    return sum(one.size for one in kept.statistics("filename"))


def sizes(count: int, folder: Path) -> tuple[int, int]:
    """Bytes in use when the last clip was encoded, and while one of the finished set was read."""
    seen: list[int] = []
    source = Plain(1, count, "easy", (32, 32), 5)
    gc.collect()
    gc.freeze()
    tracemalloc.start()

    def look(done: int, total: int) -> None:
        if done == total:
            seen.append(held())

    encode_clips(source, Zeros(), folder, style=STYLE, fingerprint="f", report=look)  # type: ignore[arg-type]
    clips = EncodedClips(folder)
    clips.read(count - 1)
    seen.append(held())
    tracemalloc.stop()
    gc.unfreeze()
    return seen[0], seen[1]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_clips(tmp_path: Path) -> None:
    sizes(1, tmp_path / "first")  # what is imported and compiled on the way
    found = {count: sizes(count, tmp_path / str(count)) for count in (10, 100, 1000)}
    # A few numbers for each clip; its prompt, origin and tensors would be thousands of bytes.
    for less, more in zip(found[10], found[1000], strict=True):
        assert more - less < 100 * 990, found


def test_two_runs_in_one_folder_are_one_sentence(tmp_path: Path) -> None:
    source, codec = Plain(1, 2, "easy", (32, 32), 5), Zeros()

    def encode() -> None:
        encode_clips(source, codec, tmp_path, style=STYLE, fingerprint="f")  # type: ignore[arg-type]

    lock = tmp_path / FILE
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "2026-01-01 12:00:00"}))
    with refuses(TrainError, key=str(tmp_path), value="process 1 on elsewhere", remedy="stop it"):
        encode()
    past = lock.stat().st_mtime - GONE_SECONDS - 1
    os.utime(lock, (past, past))
    encode()
    assert not lock.exists()


@pytest.mark.slow
def test_other_processes_see_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = few_videos(tmp_path / "videos")
    alone = VideoFolder(videos, (96, 64), 9)
    monkeypatch.setattr(looks, "FEW", 2)
    shared = VideoFolder(videos, (96, 64), 9, workers=1)
    assert [shared.identity(n) for n in range(3)] == [alone.identity(n) for n in range(3)]
