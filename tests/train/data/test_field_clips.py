"""Clips as makers bring them: from phones, of uneven rate, damaged, changed after the first run."""

from __future__ import annotations

import shutil
import struct
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from flashmotion_core.files.weights import save_whole
from flashmotion_core.trajectory import sample
from flashmotion_core.video.frames import Frames
from flashmotion_core.video.video_reader import is_hidden, oriented
from train.data.clip_index import INDEX
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.video_folder import VideoFolder
from train.errors import TrainError
from train.story import run_phases

from ...support.encoding import STYLE, tiny_vae
from ...support.sentences import names, refuses
from ...support.tiny_run import open_run
from ...support.videos import TURNS, document, place, scene, set_matrix, write_video

EVEN = [t / 24 for t in range(12)]
SLOWING = [*range(24), *range(24, 24 + 4 * 30, 4)]
"""24 frames a second for a second, then 6 a second."""


def difference(found: Frames, shown: Frames) -> float:
    return float(np.abs(found.astype(int) - shown).mean())


# Turned, oblong, odd


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_phone_clip_is_upright(tmp_path: Path, degrees: int, container: str) -> None:
    size = (64, 96)
    shown = scene(EVEN, *size)
    # What a camera held sideways stores: turned counter-clockwise by what the player turns clockwise.
    stored = np.rot90(shown, degrees // 90, axes=(1, 2))
    video = tmp_path / f"phone.{container}"
    if container == "mp4":
        set_matrix(write_video(video, stored), TURNS[degrees])
    elif hasattr(av.VideoStream, "set_display_rotation"):
        write_video(video, stored, rotation=degrees)
    else:
        pytest.skip("this PyAV writes no rotation into mkv")
    document(video, 12, size)
    clip = VideoFolder(tmp_path, size, 9).clip(0)
    assert clip.frames_THWC.shape == (9, 96, 64, 3)
    assert difference(clip.frames_THWC, shown[:9]) < 2
    assert clip.trajectory.size == size
    assert sample(clip.trajectory).boxes_TN4[0, 0].tolist() == pytest.approx([8, 24, 16, 48])
    document(video, 12, size[::-1])
    if degrees != 180:
        with refuses(TrainError, key="phone.json", value="96 x 64 pixels, but the video has 64 x 96", remedy="draw it"):
            VideoFolder(tmp_path, size, 9)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_all_eight_turns(degrees: int, mirrored: bool) -> None:
    a, b, c, d = TURNS[degrees]
    turn = (-a, b, -c, d) if mirrored else (a, b, c, d)  # mirrored left to right after it was turned
    shown = scene([0.5], 24, 16)[0]
    stored = np.rot90(shown[:, ::-1] if mirrored else shown, degrees // 90)
    assert np.array_equal(oriented(stored, turn), shown)


def test_a_slanted_clip_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "slanted.mp4", scene(EVEN, 96, 64))
    content = bytearray(video.read_bytes())
    start = content.index(b"tkhd") + 44
    content[start : start + 20] = struct.pack(">5i", 46341, 46341, 0, -46341, 46341)
    video.write_bytes(content)
    document(video, 12, (96, 64))
    with refuses(TrainError, key="slanted.mp4", value="turned by 45 degrees", remedy="save it upright"):
        VideoFolder(tmp_path, (96, 64), 9)


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(2), (192, 64)), (Fraction(1, 2), (96, 128)), (Fraction(4, 3), (128, 64))]
)
def test_oblong_pixels_become_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    video = write_video(tmp_path / "wide.mp4", scene(EVEN, 96, 64), aspect=aspect)
    document(video, 12, size)
    clip = VideoFolder(tmp_path, size, 9).clip(0)
    assert clip.frames_THWC.shape[1:3] == size[::-1]
    middle = place(clip.frames_THWC[8]) / size[0]
    assert middle == pytest.approx(place(scene(EVEN, 96, 64)[8]) / 96, abs=0.02)


def test_odd_sizes_are_taken(tmp_path: Path) -> None:
    shown = scene(EVEN, 97, 65)
    video = write_video(tmp_path / "odd.mkv", shown)
    document(video, 12, (97, 65))
    clip = VideoFolder(tmp_path, (96, 64), 9).clip(0)
    assert difference(clip.frames_THWC[:, 2:-2, 2:-2], shown[:9, 2:64, 2:95][:, :60, :92]) < 8
    assert place(clip.frames_THWC[8]) == pytest.approx(place(shown[8]), abs=1)


# Frames by time


def taken(folder: Path, container: str, fps: float | None, frames: int) -> tuple[NDArray[np.float64], float]:
    """Where the square of a clip that slows down is on each frame, and the clip's rate."""
    folder.mkdir()
    video = folder / f"slowing.{container}"
    write_video(video, scene([t / 24 for t in SLOWING], 256, 64), SLOWING)
    document(video, len(SLOWING), (256, 64))
    clip = VideoFolder(folder, (256, 64), frames, fps).clip(0)
    return np.array([place(frame) for frame in clip.frames_THWC]), clip.fps


@pytest.mark.parametrize("fps", [6.0, 3.0, None])
def test_motion_keeps_its_speed_at_an_uneven_rate(tmp_path: Path, fps: float | None) -> None:
    frames = 17 if fps == 3.0 else 33
    (mp4, mp4_fps), (mkv, mkv_fps) = (taken(tmp_path / kind, kind, fps, frames) for kind in ("mp4", "mkv"))
    rate = fps or 6.0  # without a rate: the highest that repeats no frame
    assert (mp4_fps, mkv_fps) == (rate, rate)
    assert np.abs(np.diff(mp4) - 40 / rate).max() <= 1  # pixels
    assert np.array_equal(mp4, mkv)


def test_frames_are_not_invented_where_a_clip_slows_down(tmp_path: Path) -> None:
    for kind in ("mp4", "mkv"):
        with refuses(TrainError, key="shows one frame for 0.17 s", value="data.fps=24", remedy="lower data.fps to 6"):
            taken(tmp_path / kind, kind, 24.0, 33)


def test_a_dropped_frame_is_no_hindrance(tmp_path: Path) -> None:
    ticks = [t for t in range(30) if t != 7]
    video = write_video(tmp_path / "dropped.mp4", scene([t / 30 for t in ticks], 96, 64), ticks, rate=30)
    document(video, len(ticks), (96, 64))
    clip = VideoFolder(tmp_path, (96, 64), 25, 30.0).clip(0)
    places = [place(frame) for frame in clip.frames_THWC]
    assert places[7] in (places[6], places[8])
    assert places[24] == place(scene([24 / 30], 96, 64)[0])
    assert sample(clip.trajectory).boxes_TN4[24, 0, 0] == pytest.approx(
        sample(clip.trajectory).boxes_TN4[23, 0, 0] + 48 / 28
    )


def test_a_clip_that_ends_before_it_slows_down_keeps_all_its_frames(tmp_path: Path) -> None:
    places, fps = taken(tmp_path / "mkv", "mkv", None, 21)
    assert fps == 24.0
    assert np.abs(np.diff(places) - 40 / 24).max() <= 1


def test_frames_that_nobody_sees_are_not_counted() -> None:
    """VP8 has packets of frames that only others refer to: bit 4 of the first byte is 0."""
    seen, hidden = av.Packet(bytes([0b1_000_1, 0, 0])), av.Packet(bytes([0b0_000_1, 0, 0]))
    assert [is_hidden(packet, "vp8") for packet in (seen, hidden)] == [False, True]
    assert not is_hidden(hidden, "h264")


# Damage


@cache
def encoded_once(frames: int, which: int) -> bytes:
    """A video of about 400 kB, whose frames are larger than 10 kB."""
    shown = scene([0.1 * which + t / 24 for t in range(frames)], 192, 128, noise=30)
    with TemporaryDirectory() as folder:
        return write_video(Path(folder) / "video.mp4", shown, pixels="yuv420p", crf="20").read_bytes()


def busy(folder: Path, name: str, frames: int = 25, which: int = 0) -> Path:
    """A clip of `encoded_once`."""
    folder.mkdir(exist_ok=True)
    video = folder / f"{name}.mp4"
    video.write_bytes(encoded_once(frames, which))
    document(video, frames, (192, 128))
    return video


def overwrite(video: Path, start: float, content: bytes) -> None:
    whole = bytearray(video.read_bytes())
    at = int(len(whole) * start)
    whole[at : at + len(content)] = content
    video.write_bytes(whole)


@pytest.mark.parametrize("start", [0.25, 0.4, 0.5, 0.65])
@pytest.mark.parametrize("length", [600, 20_000])
def test_a_hole_of_zeros_is_noticed(tmp_path: Path, start: float, length: int) -> None:
    video = busy(tmp_path, "hole")
    assert video.stat().st_size > 200_000
    overwrite(video, start, bytes(length))
    with refuses(
        TrainError, key="hole.mp4: it has a hole of zeros", value="near 0.", remedy="copy it again, repair or remove it"
    ):
        VideoFolder(tmp_path, (192, 128), 25)


def test_what_the_decoder_notices_is_named_and_may_be_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for name in ("a", "b", "c"):
        busy(folder, name, 9)
    overwrite(folder / "b.mp4", 0.5, np.random.default_rng(1).bytes(3000))
    problems = tmp_path / "problems.txt"
    with refuses(TrainError, key="b.mp4: it is damaged about 0.", value="1 of 3 clips", remedy="set skip_bad"):
        encode(VideoFolder(folder, (192, 128), 9, problems=problems), tmp_path / "encoded")
    assert len(list((tmp_path / "encoded").glob("*.safetensors"))) == 2  # the others did not wait
    source = VideoFolder(folder, (192, 128), 9, skip_bad=True, problems=problems)
    before = written(tmp_path / "encoded")
    encode(source, tmp_path / "encoded")
    assert written(tmp_path / "encoded") == before
    assert [clip.name for clip in EncodedClips(tmp_path / "encoded").records] == ["a.mp4", "c.mp4"]
    assert list(EncodedClips(tmp_path / "encoded").numbers) == [0, 2]
    names(problems.read_text(encoding="utf-8"), key="b.mp4: it is damaged", remedy="repair or remove it")


def encode(source: VideoFolder, folder: Path) -> int:
    """Encode; how many clips were."""
    reported: list[int] = []
    encode_clips(source, tiny_vae(), folder, style=STYLE, fingerprint="f", report=lambda done, _: reported.append(done))
    return len(set(reported)) - 1


def written(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}


def test_a_clip_that_was_cut_off_is_named_and_removing_it_encodes_nothing_again(tmp_path: Path) -> None:
    folder, kept = tmp_path / "clips", tmp_path / "encoded"
    for name in ("a", "b", "c"):
        busy(folder, name, 9)
    assert encode(VideoFolder(folder, (192, 128), 9), kept) == 3
    before, video = written(kept), folder / "b.mp4"
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 6 // 10])
    for frames in (9, 5):  # whether its end is used or not
        with refuses(
            TrainError, key="b.mp4: it is cut off", value="bytes are there", remedy="copy it again, repair or remove it"
        ):
            VideoFolder(folder, (192, 128), frames)
    video.unlink()
    assert encode(VideoFolder(folder, (192, 128), 9), kept) == 0
    assert [clip.name for clip in EncodedClips(kept).records] == ["a.mp4", "c.mp4"]
    assert written(kept).items() < before.items()


def test_what_changes_encodes_itself_and_what_is_damaged_repairs_itself(tmp_path: Path) -> None:
    folder, run_folder = tmp_path / "clips", tmp_path / "run"
    for index, name in enumerate(("a", "b", "c")):
        busy(folder, name, 9, index)
    busy(tmp_path / "held_out", "d", 9, 3)
    codec = tmp_path / "codec.safetensors"
    save_whole(codec, tiny_vae().codec.state_dict(), {})
    settings = {
        "size": [192, 128], "frames": 9, "thickness": 3, "workers": 0, "prepare": None,
        "train": {"kind": "videos", "folder": str(folder)},
        "evaluation": {"kind": "videos", "folder": str(tmp_path / "held_out")},
    }  # fmt: skip

    def data_phase() -> tuple[str, int, list[str], str]:
        """What state the data phase was in, how many files it wrote, the prompts then, and what it said."""
        run, said = open_run(
            run_folder, data=settings, models={"vae": str(codec), "adapters": [{"kind": "resnet", "width": 32}]}
        )
        run.open()
        (phase,) = (phase for phase in run_phases(run) if phase.name == "data")
        state, before = run.state(phase), written(run_folder / "data/train")
        run.do(phase)
        after = written(run_folder / "data/train")
        changed = sum(before.get(name) != time for name, time in after.items())
        return (
            state,
            changed,
            [clip.prompt for clip in EncodedClips(run_folder / "data/train").records],
            said.getvalue(),
        )

    def clip(number: int) -> Path:
        clips = EncodedClips(run_folder / "data/train")
        return clips.folder / clips.records[number].file

    assert data_phase()[:3] == ("open", 3, ["", "", ""])
    assert data_phase()[:2] == ("done", 0)
    (folder / "b.txt").write_text("a box crosses", encoding="utf-8")
    assert data_phase()[:3] == ("other", 1, ["", "a box crosses", ""])
    document(folder / "a.mp4", 10, (192, 128))
    assert data_phase()[:2] == ("other", 1)
    busy(folder, "c", 9, 4)
    assert data_phase()[:2] == ("other", 1)
    (folder / "b.txt").unlink()
    assert data_phase()[:2] == ("other", 1)  # as it was: its file comes back
    (folder / "b.mp4").unlink()
    assert data_phase()[:3] == ("other", 0, ["", ""])
    busy(folder, "e", 9, 5)
    assert data_phase()[:3] == ("other", 1, ["", "", ""])

    cut = clip(1)
    cut.write_bytes(cut.read_bytes()[:-10])
    state, changed, _, said = data_phase()
    assert (state, changed) == ("done", 1)
    names(said, key="the encoded clip c.mp4", value="bytes", remedy="encodes this clip only")
    index = run_folder / "data/train" / INDEX
    whole = index.read_bytes()
    for damaged in (whole[:-30], whole.splitlines(keepends=True)[0], b"\xff", b'{"format": 2, "fingerprint": "f"}\n'):
        index.write_bytes(damaged)
        assert data_phase()[:2] == ("done", 0)
        assert index.read_bytes() == whole
    # A bit that fell over is found when the index does not vouch for it, or when it is read.
    turned, path = bytearray(clip(0).read_bytes()), clip(0)
    turned[-1] ^= 1
    path.write_bytes(turned)
    index.unlink()
    assert data_phase()[:2] == ("begun", 1)

    shutil.copy(folder / "a.mp4", tmp_path / "held_out" / "z.mp4")
    shutil.copy(folder / "a.json", tmp_path / "held_out" / "z.json")
    with refuses(
        TrainError, key="1 evaluation clips", value="z.mp4 (in data.train: a.mp4)", remedy="remove them from one"
    ):
        data_phase()
    (tmp_path / "held_out" / "z.mp4").write_bytes(b"")
    busy(folder, "f", 9, 6)
    before = written(run_folder / "data/train")
    with refuses(TrainError, key="z.mp4", value="1 of 2 clips", remedy="correct or remove them"):
        data_phase()
    assert written(run_folder / "data/train") == before, "held-out clips are looked at first"
