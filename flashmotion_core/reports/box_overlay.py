"""Frames with the boxes that were asked for and those that were found."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..trajectory import object_color

Array = NDArray[np.float64]

DARK = (0, 0, 0)
DASHES = 6
"""Dashes along a side of a found box."""


def asked_and_found(
    frame_HWC: NDArray[np.uint8], asked_N4: Array, visible_N: NDArray[np.bool_], found_N4: Array
) -> NDArray[np.uint8]:
    """A frame with each object's boxes in its control colour: asked for as a full line (where visible), found as a dashed line with a cross.

    Args:
        frame_HWC: uint8 RGB.
        asked_N4, found_N4: (x, y, w, h) in pixels; a found box of NaN is not drawn.
        visible_N: where a box is asked for.
    """
    from PIL import Image, ImageDraw

    height, width, _ = frame_HWC.shape
    picture = Image.fromarray(frame_HWC)
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(width, height) / 160))
    for n, (asked, found) in enumerate(zip(asked_N4.tolist(), found_N4.tolist(), strict=True)):
        color = object_color(n, opacity=1.0)
        if visible_N[n]:
            x, y, w, h = asked
            # A dark rim keeps the line visible over any picture.
            draw.rectangle((x - line, y - line, x + w + line, y + h + line), outline=DARK, width=3 * line)
            draw.rectangle((x, y, x + w, y + h), outline=color, width=line)
        if np.isfinite(found).all():
            _dashed(draw, found, color, line)
    drawn: NDArray[np.uint8] = np.asarray(picture).copy()
    return drawn


def _dashed(draw: Any, box: list[float], color: tuple[int, int, int], line: int) -> None:
    x, y, w, h = box
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]
    cx, cy, arm = x + w / 2, y + h / 2, max(3 * line, 3)
    strokes = [((cx - arm, cy), (cx + arm, cy)), ((cx, cy - arm), (cx, cy + arm))]
    for (ax, ay), (bx, by) in pairwise(corners):
        for number in range(DASHES):
            near, far = number / DASHES, (number + 0.55) / DASHES
            strokes.append(
                ((ax + (bx - ax) * near, ay + (by - ay) * near), (ax + (bx - ax) * far, ay + (by - ay) * far))
            )
    for width, ink in ((3 * line, DARK), (line, color)):
        for a, b in strokes:
            draw.line((*a, *b), fill=ink, width=width)
