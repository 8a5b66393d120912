"""Go through a video once: small pictures of all frames for cuts, and larger ones of a few for the background."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flashmotion_core.video.frames import Frames
from flashmotion_core.video.video_reader import Shown, look, pictures

from .cuts import THUMBNAIL
from .windows import Window

BACKGROUND_FRAMES = 128
"""Larger pictures that are kept of a video of any length."""
BACKGROUND_SIDE = 384


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass over a video leaves.

    Attributes:
        shown: size and times of all frames.
        thumbnails_THWC: all frames that could be decoded, at the size `THUMBNAIL`.
        sampled: the numbers of the larger pictures' frames.
        samples_KHWC: the larger pictures.
        problem: why the rest of the frames could not be decoded; "" if all could.
    """

    shown: Shown
    thumbnails_THWC: Frames
    sampled: tuple[int, ...]
    samples_KHWC: Frames
    problem: str

    def background(self, first: int, last: int, size: tuple[int, int]) -> Frames:
        """The larger pictures of frames `first` to `last`, at most 31 of them, at the given (width, height)."""
        import cv2

        inside = [k for k, number in enumerate(self.sampled) if first <= number <= last]
        chosen = inside[:: max(1, -(-len(inside) // 31))]
        resized = [cv2.resize(self.samples_KHWC[k], size, interpolation=cv2.INTER_AREA) for k in chosen]
        return np.stack(resized) if resized else np.zeros((0, size[1], size[0], 3), dtype=np.uint8)


def scan(video: Path) -> Scan:
    """See the module.

    Raises:
        ValueError: not a single frame can be decoded; see `video_reader.look`.
    """
    import cv2

    shown = look(video)
    width, height = shown.size
    scale = min(1.0, BACKGROUND_SIDE / max(width, height))
    side = (max(2, round(width * scale)), max(2, round(height * scale)))
    every = max(1, -(-len(shown.ticks) // BACKGROUND_FRAMES))
    thumbnails: list[Frames] = []
    samples: list[Frames] = []
    sampled, problem = list[int](), ""
    try:
        with closing(pictures(video, shown)) as frames:
            for number, picture in frames:
                while len(thumbnails) < number:  # a frame that the decoder left out
                    thumbnails.append(thumbnails[-1])
                small = cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
                thumbnails.append(cv2.resize(small, THUMBNAIL, interpolation=cv2.INTER_AREA))
                if number % every == 0:
                    sampled.append(number)
                    samples.append(small)
    except ValueError as error:
        if not thumbnails:
            raise
        problem = str(error)
    return Scan(shown, np.stack(thumbnails), tuple(sampled), np.stack(samples), problem)


def cut_out(
    video: Path, shown: Shown, windows: Sequence[Window], size: tuple[int, int]
) -> Generator[tuple[Window, Frames], None, None]:
    """The windows one after the other with their frames [T, H, W, 3], scaled to (width, height); only those in work are in memory.

    Raises:
        ValueError: the video is damaged.
    """
    from PIL import Image

    waiting = sorted(windows, key=lambda window: window.taken[-1])
    if not waiting:
        return
    needed = {number for window in waiting for number in window.taken}
    held: dict[int, Frames] = {}
    with closing(pictures(video, shown)) as frames:
        for number, picture in frames:
            if number in needed:
                fits = picture.shape[1::-1] == size
                resized = (
                    picture if fits else np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
                )
                held[number] = resized
            while waiting and waiting[0].taken[-1] <= number:
                window = waiting.pop(0)
                missing = [one for one in window.taken if one not in held]
                if missing:
                    raise ValueError(f"its frame {missing[0]} cannot be decoded; repair or remove it")
                yield window, np.stack([held[one] for one in window.taken])
                first = min((one.taken[0] for one in waiting), default=number)
                held = {one: kept for one, kept in held.items() if one >= first}
            if not waiting:
                return
    raise ValueError(f"it is damaged, as {len(waiting)} of its clips cannot be decoded; repair or remove it")
