"""Encoding clips: what is stored, and that it can be interrupted anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from flashmotion_core.adapters.adapter_file import MapStyle
from flashmotion_core.codec.vae import Vae
from flashmotion_core.trajectory import render, sample
from flashmotion_core.video.frames import Frames
from train.data.clip_file import file_of
from train.data.clip_index import INDEX
from train.data.control import control_maps, inside_map
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.listed_clips import fingerprint
from train.data.sources import SourceClip
from train.data.synthetic_source import SyntheticSource
from train.errors import TrainError
from train.files import content_hash

from ...support.encoding import STYLE, hashes, tiny_vae, words, world
from ...support.sentences import names, refuses

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def vae() -> Vae:
    return tiny_vae()


@pytest.fixture(scope="module")
def whole(vae: Vae, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips, encoded in one go."""
    folder = tmp_path_factory.mktemp("whole")
    encode_clips(world(), vae, folder, style=STYLE, fingerprint="f")
    return folder


def test_what_is_stored_is_what_the_codec_makes(vae: Vae, whole: Path) -> None:
    clips = EncodedClips(whole)
    assert (len(clips), clips.shape_CFHW) == (4, (48, 2, 4, 4))
    for index in (0, 3):
        clip, stored = world().clip(index), clips.read(index)
        boxes, masks = control_maps(clip, STYLE)
        for name, video in (("latent", clip.frames_THWC), ("control_box", boxes), ("control_mask", masks)):
            assert torch.equal(stored[name], vae.encode(video)[0].half()), name
        assert np.array_equal(stored["inside"].numpy(), inside_map(sample(clip.trajectory)))
        assert stored["text"].shape == (0, 0)
        assert clips.records[index].origin == clip.origin


def test_who_draws_boxes_alone_sees_boxes_on_frame_0() -> None:
    clip = world().clip(0)
    with_masks, masks = control_maps(clip, STYLE)
    with_boxes, masks_too = control_maps(clip, STYLE, "boxes")
    drawn = render(sample(clip.trajectory), mode="box", opacity=STYLE.opacity, thickness=STYLE.thickness)
    assert np.array_equal(with_boxes, drawn)  # what the nodes draw without masks
    assert np.array_equal(with_boxes[1:], with_masks[1:])
    assert not np.array_equal(with_boxes[0], with_masks[0])
    assert np.array_equal(masks_too, masks)


def test_what_frame_0_shows_is_part_of_the_fingerprint() -> None:
    assert fingerprint({}, "a", STYLE, first_frame="boxes") != fingerprint({}, "a", STYLE)


def test_frame_0_is_the_encoded_start_image(vae: Vae, whole: Path) -> None:
    clips = EncodedClips(whole)
    for index in range(4):
        stored = clips.read(index)
        alone = vae.encode(world().clip(index).frames_THWC[:1])[0].half()
        assert torch.equal(stored["latent"][:, :1], alone)
        assert torch.equal(stored["control_box"][:, :1], stored["control_mask"][:, :1])
        assert not torch.equal(stored["control_box"][:, 1:], stored["control_mask"][:, 1:])


def test_continuing_gives_the_same_files(vae: Vae, whole: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", report=interrupt)
    with refuses(TrainError, key=str(tmp_path), value="no finished set", remedy="run the data phase, which continues"):
        EncodedClips(tmp_path)
    # What was being written, and what a power failure left.
    (tmp_path / f"{file_of('f', [3])}.part").write_bytes(b"half")
    (tmp_path / file_of("f", [2])).write_bytes(b"half")
    reported: list[tuple[int, int]] = []
    encode_clips(
        world(), vae, tmp_path, style=STYLE, fingerprint="f", report=lambda done, total: reported.append((done, total))
    )
    assert reported == [(2, 4), (3, 4), (4, 4)]
    assert hashes(tmp_path) == hashes(whole)


def test_a_second_run_changes_nothing(vae: Vae, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    reported: list[tuple[int, int]] = []
    encode_clips(
        world(), vae, whole, style=STYLE, fingerprint="f", report=lambda done, total: reported.append((done, total))
    )
    assert reported == [(4, 4)]
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == before


@pytest.mark.parametrize("encode", [False, True])
def test_other_processes_make_the_same_clips(vae: Vae, whole: Path, tmp_path: Path, encode: bool) -> None:
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", workers=1, encode_in_workers=encode)
    assert hashes(tmp_path) == hashes(whole)


def test_kill_at_any_moment(vae: Vae, tmp_path: Path) -> None:
    count, killed = 24, tmp_path / "killed"
    command = [sys.executable, "-m", "tests.support.encoding", str(killed), str(count)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 180
    while not (killed / file_of("f", [3])).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert not (killed / INDEX).exists()
    encode_clips(world(count), vae, killed, style=STYLE, fingerprint="f")
    encode_clips(world(count), vae, tmp_path / "whole", style=STYLE, fingerprint="f")
    assert hashes(killed) == hashes(tmp_path / "whole")


def test_texts_are_stored_without_padding(vae: Vae, tmp_path: Path) -> None:
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", text=words)
    clips = EncodedClips(tmp_path)
    for index, record in enumerate(clips.records):
        assert torch.equal(clips.read(index)["text"], words(record.prompt).half())


def test_more_clips_keep_those_that_are_there(vae: Vae, whole: Path, tmp_path: Path) -> None:
    encode_clips(world(2), vae, tmp_path, style=STYLE, fingerprint="f")
    two, mark = hashes(tmp_path), EncodedClips(tmp_path).mark
    reported: list[tuple[int, int]] = []
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", report=lambda *done: reported.append(done))
    assert reported == [(2, 4), (3, 4), (4, 4)]
    assert hashes(tmp_path) == hashes(whole)
    encode_clips(world(2), vae, tmp_path, style=STYLE, fingerprint="f")
    assert hashes(tmp_path) == two
    assert EncodedClips(tmp_path).mark == mark != EncodedClips(whole).mark
    reported.clear()
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", report=lambda *done: reported.append(done))
    assert reported == [(4, 4)]  # those that went are still there
    assert hashes(tmp_path) == hashes(whole)


def test_a_clip_that_was_lost_is_encoded_again(vae: Vae, whole: Path, tmp_path: Path) -> None:
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f")
    (tmp_path / file_of("f", [1])).unlink()
    (tmp_path / file_of("f", [2])).write_bytes(b"half")
    reported: list[tuple[int, int]] = []
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f", report=lambda *done: reported.append(done))
    assert reported == [(2, 4), (3, 4), (4, 4)]
    for index in range(4):
        assert hashes(tmp_path)[file_of("f", [index])] == hashes(whole)[file_of("f", [index])]


class Broken:
    """A codec whose latents overflow."""

    def encode(self, frames: Frames) -> Tensor:
        return torch.full((1, 48, (len(frames) - 1) // 4 + 1, 4, 4), 1e6)


class Short(SyntheticSource):
    """A source that does not check what it gives."""

    def clip(self, index: int) -> SourceClip:
        clip = super().clip(index)
        return SourceClip("still", clip.frames_THWC[:1], clip.fps, "", clip.trajectory, None, {})


def test_clips_that_cannot_be_used(vae: Vae, tmp_path: Path) -> None:
    with refuses(TrainError, key="clip still: the frame count", value=1, remedy="at least 5 frames"):
        encode_clips(Short(1, 1, "easy", (64, 64), 5), vae, tmp_path / "a", style=STYLE, fingerprint="f")
    with refuses(
        TrainError, key="clip train-11-0", value="its latent that is not finite in float16", remedy="check the codec"
    ):
        encode_clips(world(), Broken(), tmp_path / "b", style=STYLE, fingerprint="f")  # type: ignore[arg-type]


def test_a_clip_that_fails_in_another_process_is_named(vae: Vae, tmp_path: Path) -> None:
    source = world()
    source.split = "nothing"
    with refuses(TrainError, key="clip 0 cannot be used", value="split is 'nothing'", remedy="eval_a"):
        encode_clips(source, vae, tmp_path, style=STYLE, fingerprint="f", workers=1)


def test_folders_that_cannot_be_used(vae: Vae, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refuses(TrainError, key="encoded clips", value="file/data", remedy="choose another run folder"):
        encode_clips(world(), vae, tmp_path / "file" / "data", style=STYLE, fingerprint="f")


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(vae: Vae, whole: Path, tmp_path: Path) -> None:
    # A limit on the size of any file that the process writes fails like a full disk. Clips are larger than it, the index is not.
    limit = (whole / file_of("f", [0])).stat().st_size - 1000
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"import runpy, sys; sys.argv[1:] = [{str(tmp_path)!r}, '4'];"
        "runpy.run_module('tests.support.encoding', run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0
    assert last.startswith("train.errors.TrainError: "), done.stderr
    names(last, key="encoded clips cannot be written", value=str(tmp_path), remedy="free some space there")
    assert list(tmp_path.iterdir()) == []
    encode_clips(world(), vae, tmp_path, style=STYLE, fingerprint="f")
    assert hashes(tmp_path) == hashes(whole)


def test_a_fingerprint_tells_what_matters_apart(tmp_path: Path) -> None:
    settings = world().settings()
    first = fingerprint(settings, "codec", STYLE)
    assert fingerprint(world(5).settings(), "codec", STYLE) == first
    assert fingerprint(world().settings(), "codec", MapStyle(mode="mask", thickness=3)) == first
    others = [
        fingerprint(world(frames=9).settings(), "codec", STYLE),
        fingerprint(settings, "other", STYLE),
        fingerprint(settings, "codec", MapStyle(thickness=5)),
        fingerprint(settings, "codec", MapStyle(thickness=3, opacity=1)),
        fingerprint(settings, "codec", STYLE, text="umt5"),
    ]
    assert len({first, *others}) == 6
    (tmp_path / "a").write_bytes(b"12")
    alone, folder = content_hash(tmp_path / "a"), content_hash(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert content_hash(tmp_path) != folder
    assert content_hash(tmp_path / "b") == alone
