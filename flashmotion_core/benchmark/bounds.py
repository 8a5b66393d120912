"""Bounds: clips that need no model, and between which every model must be read.

- `real`: the real clip. Hardly anything does better; it also shows what the tracker itself loses.
- `codec`: the real clip through the codec that generators decode with.
- `static`: frame 0 repeated, which is what comes out when boxes are ignored.
- `paste`: frame 0's objects, cut out and moved along the boxes (`trajectory.drawing.animatic`). If this beats a model, the set is too easy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..trajectory import animatic
from ..video.frames import Frames
from .clip_set import BenchClip

Codec = Callable[[Frames], Frames]

REAL, CODEC, STATIC, PASTE = "real", "codec", "static", "paste"
OTHERS = "other_boxes"
"""The first row's clips, measured against the boxes of the next clip: what not following scores by chance."""
TITLES = {
    REAL: "real clip",
    CODEC: "real clip through the codec",
    STATIC: "frame 0, standing still",
    PASTE: "copy and paste of frame 0's objects",
    OTHERS: "another clip's boxes",
}


def static(first_HWC: Frames, clip: BenchClip) -> Frames:
    """Frame 0 on every frame."""
    return np.repeat(first_HWC[None], clip.trajectory.frames, axis=0)


def pasted(first_HWC: Frames, clip: BenchClip) -> Frames:
    """Frame 0's objects moved along their boxes, their holes filled softly."""
    drawn = animatic(first_HWC, clip.asked)
    return np.stack([np.floor(frame.picture_HWC * 255 + 0.5).astype(np.uint8) for frame in drawn])
