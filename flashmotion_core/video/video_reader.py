"""Frames of a video as a player shows them: upright, with square pixels, each at its own time. Damage is noticed, not concealed.

Decoders conceal: half a frame of zeros becomes a smear that looks like a picture. So packets are looked at before they are decoded, the
decoder is asked to give up at its first error, and a frame that it calls corrupt, or leaves out, is an error here.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import Frames, to_rgb
from .hdr import BT2020, HLG, PQ, to_sdr

REORDERED = 32
"""Packets come in decoding order. No codec shows a frame later than this many packets after its turn."""
HOLE = bytes(64)
ENTROPY_CODED = ("h264", "hevc", "vvc", "vp8", "vp9", "av1", "wmv1", "wmv2", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3")
"""Codecs whose packets never hold that many zeros in a row: what they write looks random."""
UPRIGHT = (1, 0, 0, 1)


@dataclass(frozen=True)
class Shown:
    """What a player shows of a video.

    Attributes:
        size: (width, height) in pixels after pixels were made square and the picture was turned.
        coded: (width, height) as it is stored.
        square: (width, height) of the stored picture with square pixels.
        turn: signs (a, b, c, d) of the display matrix: a step right in the file is (a, b) on the screen, a step down (c, d).
        ticks: when each frame is shown, ascending, in units of `time_base`; only of the part that was looked at.
        time_base: seconds per tick.
        rate: frames per second as the container states them; None if it does not.
        ordered: whether frames are told apart by their order alone, as an avi file only stores when they are decoded.
        colors: transfer function and primaries, as numbers of ITU-T H.273; 2 where nothing says so.
    """

    size: tuple[int, int]
    coded: tuple[int, int]
    square: tuple[int, int]
    turn: tuple[int, int, int, int]
    ticks: tuple[int, ...]
    time_base: Fraction
    rate: float | None
    ordered: bool = False
    colors: tuple[int, int] = (2, 2)

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame to each."""
        return np.array([float((tick - self.ticks[0]) * self.time_base) for tick in self.ticks], dtype=np.float64)


def look(video: Path, *, frames: int | None = None, seconds: float | None = None) -> Shown:
    """Size and times of a video, from its packets and its first frame.

    Args:
        video: the file.
        frames, seconds: no packet is read after this many frames or seconds (and a few more); neither for the whole file.

    Raises:
        ValueError: it cannot be read, is cut off, has a hole of zeros, or is turned by something else than quarter turns.
    """
    import av

    _check_whole(video)
    first, start, beyond = None, None, 0
    ticks: set[int] = set()
    try:
        with av.open(video.absolute()) as container:  # FFmpeg takes "a:" in a relative name for a protocol
            if not container.streams.video:
                raise ValueError("it has no video stream; repair or remove it")
            stream: Any = container.streams.video[0]
            base = Fraction(stream.time_base or 0)
            rate = stream.average_rate or stream.guessed_rate
            for packet in container.demux(stream):
                if first is None:
                    first = next(iter(packet.decode()), None)
                if not packet.size:
                    continue
                _check_packet(packet, stream.codec_context.name)
                if packet.is_discard or is_hidden(packet, stream.codec_context.name):
                    continue
                tick = packet.dts if packet.pts is None else packet.pts
                if tick is None or not base:
                    raise ValueError("its frames have no times; convert it to mp4")
                ticks.add(tick)
                start = tick if start is None else min(start, tick)
                beyond += (frames is not None and len(ticks) > frames) or (
                    seconds is not None and (tick - start) * base > seconds
                )
                if beyond > REORDERED:
                    break
            if first is None or not ticks:
                raise ValueError("it has 0 frames that can be decoded; repair or remove it")
            ordered = container.format.name == "avi"
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            colors = (int(stream.codec_context.color_trc), int(stream.codec_context.color_primaries))
    except av.error.FFmpegError as error:
        raise ValueError(f"it cannot be read as a video ({error.strerror}); repair, convert or remove it") from error
    coded = (first.width, first.height)
    square = _square(coded, aspect)
    turn = _turn(first)
    size = square if turn[0] else square[::-1]
    return Shown(size, coded, square, turn, tuple(sorted(ticks)), base, float(rate) if rate else None, ordered, colors)


def pictures(video: Path, shown: Shown) -> Generator[tuple[int, Frames], None, None]:
    """Number and picture ``[H, W, 3]`` of each frame of `shown`, in order; close it when there are enough.

    Raises:
        ValueError: the file is damaged, or the size of its frames changes.
    """
    import av

    numbers = {tick: number for number, tick in enumerate(shown.ticks)}
    count, seconds = 0, 0.0
    try:
        with av.open(video.absolute()) as container:  # FFmpeg takes "a:" in a relative name for a protocol
            stream: Any = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux(stream):
                _check_packet(packet, stream.codec_context.name)
                for frame in packet.decode():
                    number = count if shown.ordered or frame.pts is None else numbers.get(frame.pts, -1)
                    if not count <= number < len(shown.ticks):
                        continue
                    count, seconds = number + 1, float((shown.ticks[number] - shown.ticks[0]) * shown.time_base)
                    if frame.is_corrupt:
                        raise ValueError("parts of a frame are missing")
                    if (frame.width, frame.height) != shown.coded:
                        raise ValueError(
                            f"its frames change from {_by(shown.coded)} to {_by((frame.width, frame.height))} pixels"
                        )
                    yield number, _picture(frame, shown)
    except (av.error.FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, av.error.FFmpegError) else error
        raise ValueError(
            f"it is damaged about {seconds:.2f} s after its start ({reason}); repair or remove it"
        ) from error


def oriented(picture_HWC: Frames, turn: tuple[int, int, int, int]) -> Frames:
    """A stored picture as the screen shows it; `turn` as in `Shown`."""
    a, b, c, d = turn
    if not a:
        picture_HWC, a, d = picture_HWC.swapaxes(0, 1), c, b
    return np.ascontiguousarray(picture_HWC[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1])


def _picture(frame: Any, shown: Shown) -> Frames:
    from PIL import Image

    picture = _eight_bits(frame, *shown.colors)
    if shown.square != shown.coded:
        picture = np.asarray(Image.fromarray(picture).resize(shown.square, Image.Resampling.LANCZOS))
    return picture if shown.turn == UPRIGHT else oriented(picture, shown.turn)


def _eight_bits(frame: Any, transfer: int, primaries: int) -> Frames:
    """A decoded frame as an ordinary screen shows it: HDR and wide colours in BT.709, transparent parts on black."""
    if transfer in (PQ, HLG) or primaries == BT2020:
        return to_sdr(to_rgb(frame, "rgb48le"), transfer, primaries)
    if any(component.is_alpha for component in frame.format.components):
        seen_HWC = to_rgb(frame, "rgba").astype(np.float32)
        on_black: Frames = (seen_HWC[..., :3] * (seen_HWC[..., 3:] / 255) + 0.5).astype(np.uint8)
        return on_black
    return to_rgb(frame)


def _square(coded: tuple[int, int], aspect: Fraction) -> tuple[int, int]:
    """The size with square pixels; the longer side of a pixel decides, so that none is lost."""
    width, height = coded
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _turn(frame: Any) -> tuple[int, int, int, int]:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("<9i", bytes(matrix))[:5]
    largest = max(map(abs, (a, b, c, d)))
    signs = tuple(int(value / largest * 8) and (1 if value > 0 else -1) for value in (a, b, c, d)) if largest else ()
    if (
        len(signs) != 4
        or bool(signs[0]) != bool(signs[3])
        or abs(signs[0]) == abs(signs[1])
        or abs(signs[2]) == abs(signs[3])
    ):
        raise ValueError(f"it is turned by {-frame.rotation} degrees, but only quarter turns are read; save it upright")
    return signs


def is_hidden(packet: Any, codec: str) -> bool:
    """A VP8 frame that others refer to and nobody sees has a packet of its own (RFC 6386, section 9.1)."""
    return codec == "vp8" and not bytes(packet)[0] >> 4 & 1


def _check_packet(packet: Any, codec: str) -> None:
    if packet.is_corrupt:
        raise ValueError("it is cut off or damaged, as a frame is not whole; copy it again, repair or remove it")
    if codec in ENTROPY_CODED and packet.size and HOLE in bytes(packet):
        when = 0 if packet.pts is None else float(packet.pts * packet.time_base)
        raise ValueError(f"it has a hole of zeros near {when:.2f} s; copy it again, repair or remove it")


def _check_whole(video: Path) -> None:
    """Notice a file of boxes (mp4, mov) whose media or index ends after the file was cut off."""
    size, end = video.stat().st_size, 0
    with video.open("rb") as file:
        while end + 8 <= size:
            file.seek(end)
            length, kind = _box(file.read(16), size - end)
            if length < 8 or (end == 0 and kind not in _FIRST_BOXES):
                return
            end += length
            if end > size and kind in (b"mdat", b"moov", b"moof"):
                raise ValueError(
                    f"it is cut off, as {size:,} of {end:,} bytes are there; copy it again, repair or remove it"
                )


_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def _box(head: bytes, rest: int) -> tuple[int, bytes]:
    """Length in bytes and kind of the box that begins with `head`; 0 bytes stand for the rest of the file, 1 for a long number behind."""
    length = int.from_bytes(head[:4], "big")
    if length == 1:
        length = int.from_bytes(head[8:16], "big")
    return rest if length == 0 else length, head[4:8]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
