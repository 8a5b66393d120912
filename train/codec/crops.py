"""Crops of the synthetic world for the codec, from an endless supply of clips of which a few hundred are in memory at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..engine.streams import Streams
from ..world import synthetic
from ..world.difficulty import Difficulty

PHOTOGRAPHED = Difficulty(photographs=1.0, cutouts=0.5)


class Kept(NamedTuple):
    """What stays in memory of a clip."""

    number: int
    frames_THWC: NDArray[np.uint8]
    boxes_TN4: NDArray[np.float64]
    visible_TN: NDArray[np.bool_]


class Crops:
    """Random crops in space and time, one per position in the batch.

    Each step replaces the oldest clip by a new one. Which clips a step has does not depend on the steps before, so a resumed run sees what
    an uninterrupted one would have seen.
    """

    def __init__(
        self,
        seed: int,
        difficulty: str,
        size: tuple[int, int],
        frames: int,
        *,
        crop: int,
        length: int,
        keep: int,
        photographs: int = 0,
    ) -> None:
        """Clips of `frames` frames and `size` (width, height); crops of `length` frames and `crop` x `crop` pixels.

        One clip in `photographs` shows cut-outs of a photograph in front of another photograph; 0 for none.
        """
        self.photographs = photographs
        self.seed, self.difficulty, self.size, self.frames = seed, difficulty, size, frames
        self.crop, self.length, self.keep = crop, length, keep
        self._slots: dict[int, Kept] = {}

    def batch(self, step: int, count: int) -> Tensor:
        """Crops ``[count, 3, T, h, w]`` in 0..1: the first half from anywhere, the second half with a sprite in it."""
        streams = Streams(self.seed, "codec", step)
        crops = [
            self._crop(step, streams.generator("crop", position), position >= count // 2) for position in range(count)
        ]
        return torch.from_numpy(np.stack(crops)).permute(0, 4, 1, 2, 3).float() / 255

    def _crop(self, step: int, generator: torch.Generator, on_sprite: bool) -> NDArray[np.uint8]:
        def draw(count: int) -> int:
            return int(torch.randint(count, (), generator=generator))

        width, height = self.size
        clip = self._clip(step, draw(self.keep))
        t = draw(self.frames - self.length + 1)
        x, y = draw(width - self.crop + 1), draw(height - self.crop + 1)
        shown = np.flatnonzero(clip.visible_TN[t])
        if on_sprite and len(shown):
            left, top, across, down = clip.boxes_TN4[t, shown[draw(len(shown))]]
            # The sprite's centre may be anywhere in the crop, as far as the frame's border allows.
            x = int(np.clip(left + across / 2 - draw(self.crop), 0, width - self.crop))
            y = int(np.clip(top + down / 2 - draw(self.crop), 0, height - self.crop))
        return clip.frames_THWC[t : t + self.length, y : y + self.crop, x : x + self.crop]

    def _clip(self, step: int, slot: int) -> Kept:
        """The newest clip of a slot: clip number n comes in step n - keep, into slot n mod keep."""
        number = slot + self.keep * ((self.keep + step - 1 - slot) // self.keep)
        kept = self._slots.get(slot)
        if kept is None or kept.number != number:
            photographed = self.photographs and number % self.photographs == 0
            difficulty = PHOTOGRAPHED if photographed else self.difficulty
            clip = synthetic.clip(self.seed, number, difficulty, self.size, self.frames)
            kept = Kept(number, clip.frames_THWC, clip.boxes_TN4, clip.visible_TN)
            self._slots[slot] = kept
        return kept
