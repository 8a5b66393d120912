"""Clips and pictures: round trips, files that never break, cropping, error sentences."""

import sys

import av
import numpy as np
import pytest

from flashmotion_core.video import mp4 as video
from flashmotion_core.video.frames import cover, cover_notice, to_rgb
from flashmotion_core.video.mp4 import write_mp4

from ...support.clips import read_clip
from ...support.sentences import refuses


def bars(frames=5, height=64, width=96):
    """Red, green and blue bars, with a white square that moves one square's width per frame."""
    clip = np.zeros((frames, height, width, 3), np.uint8)
    for index, colour in enumerate(((220, 30, 20), (30, 200, 40), (20, 50, 230))):
        clip[:, :, index * width // 3 : (index + 1) * width // 3] = colour
    for frame in range(frames):
        clip[frame, :16, 16 * frame : 16 * frame + 16] = 255
    return clip


@pytest.mark.parametrize("fps", [24, 16, 29.97, 7.5])
def test_clip_comes_back_with_its_colours_frames_and_rate(tmp_path, fps):
    path = tmp_path / "clip.mp4"
    write_mp4(path, bars(), fps, crf=4)
    frames, rate = read_clip(path)
    assert frames.shape == (5, 64, 96, 3)
    assert frames.dtype == np.uint8
    assert rate == pytest.approx(fps, rel=1e-3)
    # Away from the edges, where halved chroma blurs.
    for column in (16, 48, 80):
        assert np.abs(frames[2, 40, column].astype(int) - bars()[2, 40, column]).max() <= 4
    assert [int(frame[8].min(axis=1).argmax()) // 16 for frame in frames] == [0, 1, 2, 3, 4]


# Colour to (Y, U, V), in 0..1 and -0.5..0.5: the weights of red and blue of ITU-R BT.709, BT.601 and BT.2020; files that name none are BT.601.
WEIGHTS = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
COLOURS = np.array(
    [(220, 30, 20), (30, 200, 40), (20, 50, 230), (240, 200, 20), (255, 255, 255), (0, 0, 0), (128, 128, 128)], np.uint8
)


def stored(colours, matrix, full):
    """8-bit Y, U and V of some colours, by the definition."""
    red, blue = WEIGHTS[matrix]
    colours = colours / 255
    y = colours @ (red, 1 - red - blue, blue)
    u, v = (colours[:, 2] - y) / (2 - 2 * blue), (colours[:, 0] - y) / (2 - 2 * red)
    levels = (255 * y, 255 * u + 128, 255 * v + 128) if full else (219 * y + 16, 224 * u + 128, 224 * v + 128)
    return np.stack(levels).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
@pytest.mark.parametrize("colour_range", [0, 1, 2])
def test_decoded_colours_are_those_of_the_files_own_matrix_and_range(matrix, pixels, colour_range):
    frame = av.VideoFrame(32 * len(COLOURS), 32, pixels)
    frame.colorspace, frame.color_range = matrix, colour_range
    for plane, levels in zip(frame.planes, stored(COLOURS, matrix, colour_range == 2), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = np.repeat(levels, plane.width // len(COLOURS))
        plane.update(rows.tobytes())
    found = to_rgb(frame)[16, 16::32]
    assert np.abs(found.astype(int) - COLOURS).max() <= 3


def test_written_levels_are_those_of_bt709(tmp_path):
    clip = np.repeat(COLOURS, 32, axis=0)[None, None].repeat(32, axis=1).repeat(2, axis=0)
    write_mp4(tmp_path / "clip.mp4", clip, 24, crf=0)
    with av.open(tmp_path / "clip.mp4") as container:
        frame = next(container.decode(video=0))
    for plane, levels, step in zip(frame.planes, stored(COLOURS, 1, False), (32, 16, 16), strict=True):
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        assert np.abs(rows[8, step // 2 :: step][: len(COLOURS)].astype(int) - levels).max() <= 1
    assert np.abs(to_rgb(frame)[16, 16::32].astype(int) - COLOURS).max() <= 3


def test_file_is_tagged_h264_yuv420p_bt709(tmp_path):
    write_mp4(tmp_path / "clip.mp4", bars(), 24)
    with av.open(tmp_path / "clip.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_range) == ("h264", "yuv420p", 1, 1)


def test_frames_may_come_one_by_one_and_lower_crf_is_larger(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    write_mp4(tmp_path / "good.mp4", iter(noise), 24, crf=5)
    write_mp4(tmp_path / "small.mp4", iter(noise), 24, crf=45)
    assert len(read_clip(tmp_path / "good.mp4")[0]) == 4
    assert (tmp_path / "good.mp4").stat().st_size > 2 * (tmp_path / "small.mp4").stat().st_size


def test_the_same_frames_make_the_same_file(tmp_path):
    """Whatever memory held before: otherwise x264 makes nearly each of these files in another way."""
    y, x = np.mgrid[0:128, 0:170]
    draws = np.random.default_rng(0)
    waves = [np.stack([x * 3 + t * 5, y * 2 + t, (x + y) * 4 + t * 9], -1) % 256 for t in range(9)]
    frames = [np.clip(wave + draws.normal(0, 12, wave.shape), 0, 255).astype(np.uint8) for wave in waves]

    def littering():
        for frame in frames:
            litter = [np.full(int(draws.integers(20000, 60000)), draws.integers(256), np.uint8) for _ in range(300)]
            del litter
            yield frame

    made = set()
    for _ in range(5):
        write_mp4(tmp_path / "a.mp4", littering(), 10, crf=8, same_bytes=True)
        made.add((tmp_path / "a.mp4").read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("fps", [0.001, 1000])
def test_the_slowest_and_the_fastest_clip(tmp_path, fps):
    write_mp4(tmp_path / "clip.mp4", bars(), fps)
    assert len(read_clip(tmp_path / "clip.mp4")[0]) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="such a name is refused there")
@pytest.mark.parametrize("name", ["take:1.mp4", "http:x.mp4", "concat:a|b.mp4", "file:c.mp4", "100%d.mp4"])
def test_names_that_ffmpeg_takes_for_something_else(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_mp4(name, bars(), 24)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(read_clip(tmp_path / name)[0]) == 5


def test_a_name_with_a_colon_is_refused_on_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(video.os, "name", "nt")
    with refuses(key="the output", value="take:1.mp4", remedy="take the colon out"):
        video.check_target(tmp_path / "take:1.mp4")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_stop_leaves_no_broken_file_and_keeps_the_old_one(tmp_path, stop):
    def frames():
        yield from bars(3)
        raise stop

    with pytest.raises(stop):
        write_mp4(tmp_path / "new.mp4", frames(), 24)
    assert list(tmp_path.iterdir()) == []
    write_mp4(tmp_path / "old.mp4", bars(), 24)
    before = (tmp_path / "old.mp4").read_bytes()
    with pytest.raises(stop):
        write_mp4(tmp_path / "old.mp4", frames(), 24)
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "frames", "fps", "crf", "key", "value", "remedy"),
    [
        ("a.avi", bars(), 24, 16, "output", "'a.avi'", "must end in .mp4"),
        ("none/a.mp4", bars(), 24, 16, "no folder", "none", "create it first"),
        ("a.mp4", bars(), 0, 16, "fps", "is 0", "from 0.001 to 1000"),
        ("a.mp4", bars(), 0.0009, 16, "fps", "is 0.0009", "from 0.001 to 1000"),
        ("a.mp4", bars(), 1e9, 16, "fps", "is 1000000000.0", "from 0.001 to 1000"),
        ("a.mp4", bars(), float("nan"), 16, "fps", "nan", "from 0.001 to 1000"),
        ("a.mp4", bars(), 24, 52, "crf", 52, "must be from 0 (lossless) to 51"),
        ("a.mp4", [], 24, 16, "a.mp4", "no frames", "give at least one"),
        ("a.mp4", bars(width=95), 24, 16, "frames", "95 x 64", "crop or pad them"),
        ("a.mp4", bars().astype(np.float32), 24, 16, "frame", "float32 [64, 96, 3]", "must be uint8"),
        (
            "a.mp4",
            [bars()[0], bars(width=48)[0]],
            24,
            16,
            "frame",
            "48 x 64, but the first one was 96 x 64",
            "give one size",
        ),
    ],
)
def test_wrong_clips_are_named_and_leave_nothing(tmp_path, name, frames, fps, crf, key, value, remedy):
    with refuses(key=key, value=value, remedy=remedy):
        write_mp4(tmp_path / name, frames, fps, crf)
    assert list(tmp_path.iterdir()) == []


def test_cover_keeps_a_picture_of_the_right_size():
    picture = bars(1)[0]
    assert np.array_equal(cover(picture, 96, 64), picture)
    assert cover_notice(picture, 96, 64) is None
    assert cover_notice(picture, 192, 128) is None


def test_cover_cuts_the_overhang_evenly_and_says_so():
    picture = bars(1)[0]
    square = cover(picture, 64, 64)
    assert np.array_equal(square, picture[:, 16:80])
    assert (
        cover_notice(picture, 64, 64)
        == "96 x 64 pixels are cut to the video's 64 x 64: 17% is lost at left and right each."
    )
    assert cover(picture, 96, 32).shape == (32, 96, 3)
    assert "25% is lost at top and bottom each" in str(cover_notice(picture, 96, 32))


def test_cover_of_a_mask_matches_the_cover_of_its_picture():
    mask = np.zeros((60, 100), np.bool_)
    mask[20:40, 30:70] = True
    picture = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    covered = cover(mask, 64, 64)
    assert covered.dtype == np.bool_
    assert np.mean(covered != (cover(picture, 64, 64)[..., 0] > 127)) < 0.02
