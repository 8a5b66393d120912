"""Write clips as mp4 files with PyAV."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..files.whole_file import write_whole
from .frames import BT709, LIMITED_RANGE, Frames

Item = TypeVar("Item")
_POLL_S = 0.1


SLOWEST, FASTEST = 0.001, 1000
"""Frames per second that an mp4 file can hold as a fraction of whole numbers."""


def write_mp4(
    path: str | Path, frames: Iterable[Frames], fps: float, crf: int = 16, *, same_bytes: bool = False
) -> None:
    """Write an h264 mp4 (yuv420p, BT.709) that plays everywhere.

    The file is written beside its place and moved there when it is complete: an error or Ctrl+C leaves no broken file, and an older
    file of that name stays as it was.

    Args:
        path: the target; its folder must exist.
        frames: uint8 frames ``[H, W, 3]`` one by one, or a whole clip ``[T, H, W, 3]``; sides even.
        fps: frames per second, see ``check_fps``.
        crf: constant rate factor, 0 (lossless) to 51; lower is better and larger.
        same_bytes: encode with one thread and without x264's macroblock tree, whose choices depend on what memory held before, so that the
            same frames always make the same file.

    Raises:
        ValueError: no folder, no frames, another shape or type, odd sides, or a number out of range.
    """
    import av

    path = Path(path)
    check_target(path)
    check_fps(fps)
    if not 0 <= crf <= 51:
        raise ValueError(f"crf is {crf!r}, but must be from 0 (lossless) to 51.")

    def write(part: Path) -> None:
        # Absolute, because FFmpeg takes what stands before a colon in a relative name for a protocol.
        with av.open(os.path.abspath(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream: Any = None
            for number, frame in enumerate(frames):
                if stream is None:
                    stream = _add_stream(container, frame, fps, crf, same_bytes)
                _check_frame(frame, (stream.height, stream.width))
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                picture = picture.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED_RANGE)
                picture.pts, picture.time_base = number, 1 / stream.codec_context.framerate
                container.mux(stream.encode(picture))
            if stream is None:
                raise ValueError(f"there are no frames to write to {path}; give at least one.")
            container.mux(stream.encode())

    write_whole(path, write)


def check_fps(fps: float) -> float:
    """Return the frames per second.

    Raises:
        ValueError: not a number from ``SLOWEST`` to ``FASTEST``.
    """
    if not SLOWEST <= fps <= FASTEST:
        raise ValueError(
            f"fps is {fps!r}, but must be a number of frames per second from {SLOWEST} to {FASTEST}, such as 24."
        )
    return fps


def check_target(path: Path) -> None:
    """Check early, before minutes of work, that an mp4 file can be written there.

    Raises:
        ValueError: another ending, a missing folder, a folder where the file should go, or on Windows a name with a colon.
    """
    if os.name == "nt" and ":" in path.name:
        raise ValueError(
            f"the output is {path.name!r}, but on Windows a name with a colon is a hidden part of another file; take the colon out."
        )
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"the output is {path.name!r}, but must end in .mp4.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; create it first.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file in it.")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"the folder {path.parent} cannot be written to; choose another one.")


def _add_stream(container: Any, frame: Frames, fps: float, crf: int, same_bytes: bool) -> Any:
    _check_frame(frame, None)
    height, width, _ = frame.shape
    if height % 2 or width % 2:
        raise ValueError(
            f"the frames are {width} x {height}, but h264 needs even sides; crop or pad them by one pixel."
        )
    options = {"crf": str(crf), **({"x264-params": "mbtree=0", "threads": "1"} if same_bytes else {})}
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # Untagged files are shown with whatever matrix the player guesses from the size.
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
    return stream


def _check_frame(frame: Frames, size: tuple[int, int] | None) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"a frame is {frame.dtype} {list(frame.shape)}, but must be uint8 [height, width, 3].")
    if size is not None and frame.shape[:2] != size:
        raise ValueError(
            f"a frame is {frame.shape[1]} x {frame.shape[0]}, but the first one was {size[1]} x {size[0]}; give one size."
        )


def ahead(items: Iterator[Item], depth: int = 16) -> Iterator[Item]:
    """The same items in the same order, up to ``depth`` of them computed before they are needed.

    The device decodes the next frames while the file's encoder works on the last ones. An error of the items is raised where the items
    are read; closing this iterator early ends the thread and closes the items.

    Args:
        items: computed in one other thread.
        depth: how many may wait; 0 computes nothing ahead and starts no thread.
    """
    if depth < 1:
        yield from items
        return
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stopped.is_set():
            try:
                waiting.put((kind, value), timeout=_POLL_S)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if stopped.is_set():
                    break
        except BaseException as error:  # raised again by the reader
            put("error", error)
        else:
            put("end", None)
        finally:
            if stopped.is_set() and hasattr(items, "close"):
                items.close()

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        thread.join()
