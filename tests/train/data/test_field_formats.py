"""Containers, codecs and colours of the field: what is read is what a player shows."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from flashmotion_core.files.file_kinds import VIDEO_SUFFIXES
from flashmotion_core.video.hdr import BT2020, HLG, PQ, WHITE, to_sdr
from train.data.video_files import find_videos
from train.data.video_folder import VideoFolder

from ...support.videos import document, place, scene, write_video

EVEN = [t / 24 for t in range(12)]
SHOWN = scene(EVEN, 96, 64)
CODECS = {
    ".avi": ("mpeg4", "yuv420p"), ".gif": ("gif", "rgb8"), ".mpg": ("mpeg2video", "yuv420p"), ".mpeg": ("mpeg2video", "yuv420p"),
    ".wmv": ("wmv2", "yuv420p"), ".asf": ("msmpeg4v2", "yuv420p"), ".flv": ("flv", "yuv420p"), ".mxf": ("mpeg2video", "yuv420p"),
    ".vob": ("mpeg2video", "yuv420p"), ".m2v": ("mpeg2video", "yuv420p"), ".y4m": ("wrapped_avframe", "yuv420p"),
    ".webm": ("libvpx-vp9", "yuv420p"), ".mkv": ("ffv1", "yuv420p10le"), ".3gp": ("libx264", "yuv420p"), ".mov": ("mjpeg", "yuvj420p"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [suffix for suffix in VIDEO_SUFFIXES if suffix != ".ogv"])
def test_every_container_is_read(tmp_path: Path, suffix: str) -> None:
    codec, pixels = CODECS.get(suffix, ("libx264", "yuv420p"))
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    rate = 25 if suffix in (".mpg", ".mpeg", ".mxf", ".gif") else 24
    lossy = {"crf": "4"} if codec.startswith("lib") else {"global_quality": "236", "flags": "+qscale"}
    video = write_video(
        tmp_path / f"\u65c5\u884c d\u00e9j\u00e0{suffix.upper()}", SHOWN, rate=rate, codec=codec, pixels=pixels, **lossy
    )
    document(video, 9, (96, 64))
    assert find_videos(tmp_path) == [video]
    clip = VideoFolder(tmp_path, (96, 64), 9).clip(0)
    assert clip.fps == pytest.approx(rate, rel=0.01)
    assert [place(frame) for frame in clip.frames_THWC] == pytest.approx([place(frame) for frame in SHOWN[:9]], abs=1)
    assert np.abs(clip.frames_THWC.astype(int) - SHOWN[:9]).mean() < 12
    assert clip.name == video.name


@pytest.mark.parametrize("bidirectional", ["0", "3"])
def test_an_avi_whose_frames_are_stored_in_another_order(tmp_path: Path, bidirectional: str) -> None:
    video = write_video(tmp_path / "clip.avi", SHOWN, pixels="yuv420p", crf="4", bf=bidirectional)
    document(video, 9, (96, 64))
    clip = VideoFolder(tmp_path, (96, 64), 9).clip(0)
    assert [place(frame) for frame in clip.frames_THWC] == pytest.approx([place(frame) for frame in SHOWN[:9]], abs=1)


def coded(light: float, transfer: int) -> int:
    """The 16-bit value of so many cd/m2 on a grey pixel, by the formulas of BT.2100 in the other direction."""
    if transfer == PQ:
        y = (light / 10000) ** (2610 / 16384)
        return round(65535 * ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))
    scene_light = (light / 1000) ** (1 / 1.2)
    e = (
        (3 * scene_light) ** 0.5
        if scene_light <= 1 / 12
        else 0.17883277 * np.log(12 * scene_light - 0.28466892) + 0.55991073
    )
    return round(65535 * e)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_keeps_faces_and_does_not_clip_the_sun(transfer: int) -> None:
    lights = np.array([0.5, 5, 20, 60, 140, WHITE, 400, 700, 1000])
    grey = np.array([[[coded(light, transfer)] * 3 for light in lights]], np.uint16)
    found = to_sdr(grey, transfer, BT2020)[0]
    assert (found.max(axis=1) - found.min(axis=1)).max() <= 1, "grey stays grey"
    expected = 255 * (lights[:5] / WHITE) ** (1 / 2.4)
    assert np.abs(found[:5, 1] - expected).max() <= 2  # BT.1886, up to 70 % of white
    assert (np.diff(found[:, 1].astype(int)) > 0).all()
    assert 225 < found[5, 1] < 250
    assert found[-1, 1] <= 255


def test_a_wide_gamut_keeps_the_hue_of_bt709_red() -> None:
    red_2020 = np.array([0.6274, 0.0691, 0.0164])  # BT.2087: BT.709 red in BT.2020
    code = np.round(65535 * red_2020 ** (1 / 2.4)).astype(np.uint16)[None, None]
    assert np.abs(to_sdr(code, 1, BT2020)[0, 0].astype(int) - (255, 0, 0)).max() <= 12


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_an_hdr_file_is_tone_mapped(tmp_path: Path, transfer: int) -> None:
    frames = np.full((9, 64, 96, 3), coded(60, transfer), np.uint16)
    frames[:, :, 48:] = coded(1000, transfer)
    video = write_video(
        tmp_path / "hdr.mkv", frames, codec="ffv1", pixels="yuv444p10le", colors=(transfer, BT2020, BT2020), threads="1"
    )
    document(video, 9, (96, 64))
    clip = VideoFolder(tmp_path, (96, 64), 9).clip(0)
    dark, bright = clip.frames_THWC[4, 32, 20].astype(int), clip.frames_THWC[4, 32, 80].astype(int)
    assert np.abs(dark - 255 * (60 / WHITE) ** (1 / 2.4)).max() <= 4
    assert (bright > 240).all()


def test_ten_bits_of_an_ordinary_video_are_eight(tmp_path: Path) -> None:
    video = write_video(tmp_path / "ten.mkv", SHOWN, codec="ffv1", pixels="yuv444p10le", threads="1")
    document(video, 9, (96, 64))
    assert np.abs(VideoFolder(tmp_path, (96, 64), 9).clip(0).frames_THWC.astype(int) - SHOWN[:9]).max() <= 3


@pytest.mark.parametrize(("codec", "pixels"), [("png", "rgba"), ("qtrle", "argb")])
def test_what_is_transparent_is_black(tmp_path: Path, codec: str, pixels: str) -> None:
    alpha = np.full((12, 64, 96, 1), 255, np.uint8)
    alpha[:, :, :48], alpha[:, :, 48:60] = 0, 128
    video = write_video(
        tmp_path / "cut_out.mov", np.concatenate([SHOWN, alpha], axis=-1), codec=codec, pixels=pixels, threads="1"
    )
    document(video, 9, (96, 64))
    frame = VideoFolder(tmp_path, (96, 64), 9).clip(0).frames_THWC[8]
    assert not frame[:, :48].any()
    assert np.abs(frame[4, 50].astype(int) - SHOWN[8, 4, 50] // 2).max() <= 1
    assert np.array_equal(frame[:, 60:], SHOWN[8, :, 60:])
