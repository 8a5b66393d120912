"""Videos as phones and converters write them: turned, uneven in time, with oblong pixels, damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, dumps
from flashmotion_core.video.frames import Frames

TURNS = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
"""The display matrix (a, b, c, d) of a picture that is shown turned clockwise by so many degrees."""


def scene(times: Sequence[float], width: int, height: int, *, noise: float = 0) -> Frames:
    """A red corner at the top left, and a white square in the lower half that moves 40 pixels a second to the right."""
    frames = np.full((len(times), height, width, 3), (40, 60, 80), np.uint8)
    frames[:, : height // 4, : width // 4] = (220, 30, 20)
    for frame, time in zip(frames, times, strict=True):
        left = round(40 * time)
        frame[height // 2 : height // 2 + 16, left : left + 16] = 255
    if noise:
        grain = np.random.default_rng(0).normal(0, noise, frames.shape)
        frames = (frames + grain).clip(0, 255).astype(np.uint8)
    return frames


def place(frame: Frames) -> float:
    """Where the white square of a scene is: its middle column."""
    columns = np.flatnonzero((frame[frame.shape[0] // 2 + 4 : frame.shape[0] // 2 + 12].min(axis=(0, 2))) > 200)
    return float(columns.mean())


def write_video(
    path: Path,
    frames: NDArray[Any],
    ticks: Sequence[int] | None = None,
    *,
    rate: int = 24,
    codec: str = "libx264",
    pixels: str = "yuv444p",
    aspect: Fraction | None = None,
    rotation: int = 0,
    colors: tuple[int, int, int] | None = None,
    **options: str,
) -> Path:
    """Frame t is shown at ticks[t] / rate seconds; `rotation` in degrees clockwise (mkv only), `colors` as transfer, primaries, matrix."""
    muxer = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=muxer) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {"crf": "4"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, rate)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if colors is not None:
            context = stream.codec_context
            context.color_trc, context.color_primaries, context.colorspace = colors
        if rotation:
            stream.set_display_rotation(-rotation)
        for number, frame in enumerate(frames):
            form = {(np.uint8, 3): "rgb24", (np.uint8, 4): "rgba", (np.uint16, 3): "rgb48le"}[
                frame.dtype.type, frame.shape[2]
            ]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=form)
            if colors is not None:
                picture = picture.reformat(format=pixels, dst_colorspace=colors[2])
            picture.pts = number if ticks is None else ticks[number]
            picture.time_base = Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write (a, b, c, d) into the mp4's track header, as a phone does."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def document(video: Path, frames: int, size: tuple[int, int]) -> None:
    """A trajectory beside the video: one object that crosses it."""
    keys = (Keyframe(0, 0.25, 0.5, 0.25, 0.5), Keyframe(frames - 1, 0.75, 0.5, 0.25, 0.5))
    drawn = Trajectory(size, frames, (TrackedObject("o1", keys, label="box"),), 24.0)
    video.with_suffix(".json").write_text(dumps(drawn), encoding="utf-8")
