"""Where a picture of an object, with a weight per pixel, fits best in a frame."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import fft
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TOLERANCE = 0.14
"""Colour distance (root mean square of R, G, B; white to black is 1) up to which a pixel agrees."""
LARGEST_SEARCH = 640
"""Most pixels across a frame that is searched as a whole."""


class Template(NamedTuple):
    """What to look for: colours 0..1 [h, w, 3] and weights [h, w] that sum to 1."""

    colors_HW3: Floats
    weights_HW: Floats


class Place(NamedTuple):
    """Where a template fits: box (x, y, w, h) in pixels, weighted squared difference, and weighted share of pixels that agree."""

    box_4: Array
    difference: float
    agreement: float


class Padded(NamedTuple):
    """A picture with its border continued by `margin` pixels."""

    image: Any
    margin: int
    size: tuple[int, int]


def padded(frame_HWC: NDArray[np.uint8]) -> Padded:
    """A frame, 0..255 [H, W, 3], with a margin as wide as its longer side."""
    from PIL import Image

    height, width, _ = frame_HWC.shape
    margin = max(height, width)
    wide = np.pad(frame_HWC, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    return Padded(Image.fromarray(wide), margin, (width, height))


def cut(picture: Padded, box_4: Array, size: tuple[int, int]) -> Floats:
    """A part of the picture, scaled to `size` (width, height), 0..1 [h, w, 3]; the border continues outside."""
    from PIL import Image

    x, y, w, h = (box_4 + np.array([picture.margin, picture.margin, 0, 0])).tolist()
    across, down = picture.image.size
    # A box that has left the margin too is taken from the margin's end.
    x, y = min(max(x, 0), across - 1), min(max(y, 0), down - 1)
    box = (x, y, min(x + w, across), min(y + h, down))
    scaled = picture.image.resize(size, Image.Resampling.BILINEAR, box=box)
    colors_HW3: Floats = np.asarray(scaled, dtype=np.float32) / np.float32(255)
    return colors_HW3


def search(picture: Padded, template: Template, expected_4: Array, reach: float | None) -> Place:
    """The best place of a template for a box of this size, within `reach` sides of it, or (None) in the whole frame."""
    height, width = template.weights_HW.shape
    w, h = expected_4[2:].tolist()
    if reach is None:
        view_4 = np.array([-w / 2, -h / 2, picture.size[0] + w, picture.size[1] + h])
    else:
        view_4 = np.array(
            [expected_4[0] - reach * w, expected_4[1] - reach * h, (1 + 2 * reach) * w, (1 + 2 * reach) * h]
        )
    size = [max(round(view_4[2] * width / w), width), max(round(view_4[3] * height / h), height)]
    if max(size) > LARGEST_SEARCH and reach is None:
        return Place(expected_4, np.inf, 0.0)  # too small an object to look for everywhere
    seen_HW3 = cut(picture, view_4, (size[0], size[1]))
    difference_YX = _differences(seen_HW3, template)
    row, column = np.unravel_index(int(difference_YX.argmin()), difference_YX.shape)
    there_HW3 = seen_HW3[row : row + height, column : column + width]
    agrees_HW = np.square(there_HW3 - template.colors_HW3).mean(axis=2) < TOLERANCE**2
    agreement = float((agrees_HW * template.weights_HW).sum())
    y, x = _peak(difference_YX, int(row), int(column))
    box_4 = np.array([view_4[0] + x * view_4[2] / size[0], view_4[1] + y * view_4[3] / size[1], w, h])
    return Place(box_4, float(difference_YX[row, column]), agreement)


def _differences(seen_HW3: Floats, template: Template) -> Floats:
    """Weighted mean squared differences at every place where the template lies inside [rows, columns], by Fourier transforms."""
    height, width = template.weights_HW.shape
    rows, columns = seen_HW3.shape[0] - height + 1, seen_HW3.shape[1] - width + 1
    shape = seen_HW3.shape[:2]
    weights = template.weights_HW[..., None]
    seen = np.concatenate([seen_HW3, np.square(seen_HW3).sum(axis=2, keepdims=True)], axis=2)
    kernel = np.concatenate([-2 * template.colors_HW3 * weights, weights], axis=2)
    product = fft.rfft2(seen, axes=(0, 1)) * np.conj(fft.rfft2(kernel, s=shape, axes=(0, 1)))
    found_HW = fft.irfft2(product.sum(axis=2), s=shape, axes=(0, 1))[:rows, :columns]
    own = float((np.square(template.colors_HW3) * weights).sum())
    return (np.maximum(found_HW + own, 0) / 3 + 1e-6).astype(np.float32)


def _peak(values_YX: Floats, row: int, column: int) -> tuple[float, float]:
    """The lowest place to a part of a pixel, by a parabola through its neighbours."""

    def part(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend > 1e-12 else 0.0

    y, x = float(row), float(column)
    if 0 < row < values_YX.shape[0] - 1:
        y += part(*(float(value) for value in values_YX[row - 1 : row + 2, column]))
    if 0 < column < values_YX.shape[1] - 1:
        x += part(*(float(value) for value in values_YX[row, column - 1 : column + 2]))
    return y, x
