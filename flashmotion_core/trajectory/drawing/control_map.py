"""The control map: the RGB video of masks and boxes that a trajectory adapter reads.

The format is MagicMotion's, which FlashMotion's adapters inherit. `web/` draws the same pixels from the same rules:

* Black background. Object k (0-based, document order) has the colour `palette[(k + 1) % 21]` at `opacity`, in all frames;
  each channel is float32(channel) * float32(opacity), rounded half to even (so OpenCV's addWeighted on black: at 0.5,
  FF4040 gives 128, 32, 32). Later objects cover earlier ones.
* Pixel rectangle of a box: left = round(x), right = round(x + w), top = round(y), bottom = round(y + h), at least one
  pixel wide and high, right and bottom exclusive. round(v) = floor(v + 0.5 + 2**-20): the 2**-20 lets what is half a pixel
  in exact arithmetic round up regardless of the float's last bits.
* A hidden object, or one whose rectangle does not meet the frame, draws nothing. Otherwise the rectangle is clipped to
  the frame before it is drawn, so that a box leaving the picture keeps an edge along the border (as the bounding
  rectangle of a mask does, which the adapters were trained on).
* Frame 0 of the clip: filled masks; where none are given the objects' own shapes (`first_shape.py`), and the filled
  rectangle of an object without one.
* Later frames, mode "box": the outline as `cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness)` draws
  it, pixel by pixel: a line through those corners, `right` and `bottom` included, with r = (thickness + 1) // 2 pixels on
  either side of the line (r = 0 for thickness 1; OpenCV paints 2 * r + 1 pixels, 9 for the usual thickness 7) and corners
  rounded outside by a midpoint circle of radius r.
* Later frames, mode "mask": the mask of frame 0 moves and scales with its box, nearest pixel: pixel (column, row) takes
  the mask at floor(x0 + (column + 0.5 - x) * (w0 / w) + 2**-20), likewise in y, with the unclipped box (x, y, w, h) now and
  (x0, y0, w0, h0) on frame 0. Without a mask, or with an empty one (an object hidden on frame 0): the filled rectangle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..field_checks import choice, items, number, whole
from ..sample import Sampled
from .masks import CutMask, cut_masks, cut_shapes, paint_moved

Rgb: TypeAlias = tuple[int, int, int]
Mode = Literal["box", "mask"]

# supervision.ColorPalette.DEFAULT, in its order.
PALETTE: tuple[Rgb, ...] = tuple(
    (value >> 16, value >> 8 & 255, value & 255)
    for value in (
        *(0xA351FB, 0xFF4040, 0xFFA1A0, 0xFF7633, 0xFFB633, 0xD1D435, 0x4CFB12, 0x94CF1A, 0x40DE8A, 0x1B9640, 0x00D6C1),
        *(0x2E9CAA, 0x00C4FF, 0x364797, 0x6675FF, 0x0019EF, 0x863AFF, 0x530087, 0xCD3AFF, 0xFF97CA, 0xFF39C9),
    )
)
_HALF = 0.5 + 2.0**-20


def render(
    sampled: Sampled,
    masks_NHW: object = None,
    *,
    mode: Mode = "box",
    opacity: float = 0.5,
    thickness: int | None = None,
    palette: Sequence[Rgb] = PALETTE,
    frames: slice = slice(None),
) -> NDArray[np.uint8]:
    """Draw the control map, uint8 RGB [T, H, W, 3], by the rules of this module.

    Args:
        sampled: boxes and visibility; its `size` is the picture's.
        masks_NHW: frame 0's mask per object, values above 0.5 count (bool, or float 0..1; tensor or array); None: their own
            shapes, and filled boxes of those without one.
        mode: "box" (outlines) or "mask" (filled) on the frames after frame 0.
        opacity: 0..1, of the palette on black; 0.5 is what released adapters were trained with, 1 is full intensity.
        thickness: OpenCV's line thickness, 1..255; max(1, min(H, W) // 100) when None.
        palette: colours to use, (red, green, blue) 0..255 each; class 0 first, so object 0 has the second.
        frames: which frames of the clip to draw. Frame 0 is the clip's first one, regardless of the slice.

    Only painted pixels are written (the array comes zeroed from the system), and nothing but the result is held.
    Raises `TrajectoryError` for options out of range, masks of another size, and the empty mask of an object that is
    visible inside the picture on frame 0.
    """
    return Drawing(sampled, masks_NHW, mode=mode, opacity=opacity, thickness=thickness, palette=palette)[frames]


def render_chunks(
    sampled: Sampled,
    masks_NHW: object = None,
    *,
    mode: Mode = "box",
    opacity: float = 0.5,
    thickness: int | None = None,
    palette: Sequence[Rgb] = PALETTE,
    chunk: int = 16,
) -> Iterator[NDArray[np.uint8]]:
    """`render` in pieces of `chunk` frames (the last may be shorter), so that the whole video need not be in memory.

    Options are checked at the call, not at the first piece. Raises as `render`.
    """
    whole(chunk, "chunk", 1, 4096, "frames per piece")
    drawing = Drawing(sampled, masks_NHW, mode=mode, opacity=opacity, thickness=thickness, palette=palette)
    return (drawing[first : first + chunk] for first in range(0, drawing.shape[0], chunk))


class Drawing:
    """A control map of which frames are drawn when they are asked for: ``drawing[8:12]``; arguments and errors as of `render`."""

    def __init__(
        self,
        sampled: Sampled,
        masks_NHW: object = None,
        *,
        mode: Mode = "box",
        opacity: float = 0.5,
        thickness: int | None = None,
        palette: Sequence[Rgb] = PALETTE,
    ) -> None:
        self._plan = _plan(sampled, masks_NHW, mode, opacity, thickness, palette)
        width, height = sampled.size
        self.shape = (len(self._plan.drawn_TN), height, width, 3)

    def __getitem__(self, frames: slice) -> NDArray[np.uint8]:
        """uint8 RGB [T, H, W, 3]."""
        return _draw(self._plan, range(*frames.indices(self.shape[0])))


def pixel_boxes(sampled: Sampled) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The clipped pixel rectangles [T, N, 4] (left, top, right, bottom; end-exclusive) and whether they are drawn [T, N]."""
    width, height = sampled.size
    boxes_TN4 = sampled.boxes_TN4
    start_TN2 = np.floor(boxes_TN4[..., :2] + _HALF).astype(np.int64)
    stop_TN2 = np.floor(boxes_TN4[..., :2] + boxes_TN4[..., 2:] + _HALF).astype(np.int64)
    stop_TN2 = np.maximum(stop_TN2, start_TN2 + 1)
    limit_2 = np.array([width, height])
    meets_TN = ((stop_TN2 > 0) & (start_TN2 < limit_2)).all(axis=2)
    rects_TN4 = np.concatenate([np.clip(start_TN2, 0, limit_2), np.clip(stop_TN2, 0, limit_2)], axis=2)
    return rects_TN4, meets_TN & sampled.visible_TN


def object_color(k: int, *, opacity: float = 0.5, palette: Sequence[Rgb] = PALETTE) -> Rgb:
    """The control map's colour of object `k` (0-based): `palette[(k + 1) % len(palette)]` at `opacity` on black."""
    channels = np.array(palette[(k + 1) % len(palette)], dtype=np.float32) * np.float32(opacity)
    red, green, blue = np.rint(channels).astype(int).tolist()
    return red, green, blue


def default_thickness(size: tuple[int, int]) -> int:
    """max(1, min(width, height) // 100): 7 at 1280 x 704."""
    return max(1, min(size) // 100)


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that drawing a frame needs."""

    size: tuple[int, int]
    mode: Mode
    thickness: int
    boxes_TN4: NDArray[np.float64]
    rects_TN4: NDArray[np.int64]
    drawn_TN: NDArray[np.bool_]
    rows_NX: NDArray[np.uint8]  # a full row of each object's colour, [N, W * 3]: slices of it are what gets copied
    masks: list[CutMask | None]


def _plan(
    sampled: Sampled, masks: object, mode: Mode, opacity: float, thickness: int | None, palette: Sequence[Rgb]
) -> _Plan:
    choice(mode, "mode", ("box", "mask"))
    number(opacity, "opacity", 0, 1, "share of the palette's intensity")
    if thickness is None:
        thickness = default_thickness(sampled.size)
    whole(thickness, "thickness", 1, 255, "of box outlines, as OpenCV counts")
    for index, color in enumerate(items(palette, "palette", 1, 256, "colours")):
        for channel in items(color, f"palette[{index}]", 3, 3, "channels (red, green, blue)"):
            whole(channel, f"palette[{index}]", 0, 255, "of a colour channel")
    rects_TN4, drawn_TN = pixel_boxes(sampled)
    count = drawn_TN.shape[1]
    colors = [object_color(k, opacity=opacity, palette=palette) for k in range(count)]
    rows_NX = np.tile(np.array(colors, dtype=np.uint8).reshape(count, 3), (1, sampled.size[0]))
    drawn_N = drawn_TN[0]
    cut = cut_shapes(sampled, rects_TN4[0], drawn_N) if masks is None else cut_masks(masks, sampled.size, drawn_N)
    return _Plan(sampled.size, mode, thickness, sampled.boxes_TN4, rects_TN4, drawn_TN, rows_NX, cut)


def _draw(plan: _Plan, frames: range) -> NDArray[np.uint8]:
    width, height = plan.size
    pictures_THWC = np.zeros((len(frames), height, width, 3), dtype=np.uint8)
    # Rows of bytes: a slice of a colour row is then one contiguous copy.
    pictures_THX = pictures_THWC.reshape(len(frames), height, width * 3)
    for picture_HX, t in zip(pictures_THX, frames, strict=True):
        for n in np.flatnonzero(plan.drawn_TN[t]).tolist():
            left, top, right, bottom = plan.rects_TN4[t, n].tolist()
            mask = plan.masks[n]
            if t > 0 and plan.mode == "box":
                _outline(picture_HX, plan.rows_NX[n], left, top, right, bottom, plan.thickness)
            elif mask is None:
                picture_HX[top:bottom, left * 3 : right * 3] = plan.rows_NX[n, left * 3 : right * 3]
            else:
                paint_moved(picture_HX, plan.rows_NX[n], mask, plan.boxes_TN4[0, n], plan.boxes_TN4[t, n])
    return pictures_THWC


def _outline(
    picture_HX: NDArray[np.uint8],
    row_X: NDArray[np.uint8],
    left: int,
    top: int,
    right: int,
    bottom: int,
    thickness: int,
) -> None:
    """The outline of `cv2.rectangle((left, top), (right, bottom))`, clipped to the picture."""
    radius = 0 if thickness == 1 else (thickness + 1) // 2

    def paint(y0: int, y1: int, x0: int, x1: int) -> None:
        """Rows y0..y1 and columns x0..x1, both inclusive."""
        picture_HX[max(y0, 0) : max(y1 + 1, 0), max(x0, 0) * 3 : max(x1 + 1, 0) * 3] = row_X[
            max(x0, 0) * 3 : max(x1 + 1, 0) * 3
        ]

    for away, reach in enumerate(_circle(radius)[1:], start=1):
        paint(top - away, top - away, left - reach, right + reach)
        paint(bottom + away, bottom + away, left - reach, right + reach)
    paint(top, min(top + radius, bottom), left - radius, right + radius)
    paint(max(bottom - radius, top), bottom, left - radius, right + radius)
    paint(top, bottom, left - radius, left + radius)
    paint(top, bottom, right - radius, right + radius)


def _circle(radius: int) -> list[int]:
    """Half widths of a filled midpoint circle at 0, 1, ... `radius` rows from its centre (what `cv2.circle` fills)."""
    half = [0] * (radius + 1)
    across, along, error = radius, 0, 0
    while across >= along:
        half[along] = max(half[along], across)
        half[across] = max(half[across], along)
        error += 2 * along + 1
        along += 1
        if error > 0:
            error -= 2 * across - 1
            across -= 1
    return half
