"""Frames as everything here passes them on: uint8 RGB, frames first. Decoded ones to RGB, and pictures fitted to a video's size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


# Numbers of ITU-T H.273, as PyAV takes them.
BT709, BT601 = 1, 5


LIMITED_RANGE, FULL_RANGE = 1, 2


LARGEST_CLIP = 4 << 30
"""Bytes of a clip or array that are read into memory: 1,000 frames of 1280 x 704 are 2.7e9. A few bytes of a compressed file can say more."""


def to_rgb(frame: Any, form: str = "rgb24") -> npt.NDArray[Any]:
    """A decoded `av.VideoFrame` as ``[H, W, 3]``, or in another RGB form such as rgb48le, by its own matrix and range.

    Where the file names none, they are BT.601 and limited range.

    PyAV before 17 ignores both unless the target differs (a BT.709 file then comes out up to 29 of 255 wrong), so all four are given.
    The target's matrix has no meaning for RGB.
    """
    matrix = int(frame.colorspace)
    converted = frame.reformat(
        format=form,
        src_colorspace=matrix,
        dst_colorspace=BT709 if matrix == BT601 else BT601,
        src_color_range=int(frame.color_range),
        dst_color_range=FULL_RANGE,
    )
    pixels: npt.NDArray[Any] = converted.to_ndarray()
    return pixels


def cover(image: npt.NDArray[Any], width: int, height: int) -> npt.NDArray[Any]:
    """Resize a picture ``[H, W, 3]`` uint8 or mask ``[H, W]`` bool to cover width x height pixels, and cut off the overhang evenly.

    Pictures are resampled by Lanczos, as the official Wan code does, masks by the nearest pixel. ``cover_notice`` says what is lost.
    """
    from PIL import Image

    left, top, crop_width, crop_height = _crop_box(image.shape[1], image.shape[0], width, height)
    is_mask = image.dtype == np.bool_
    picture = Image.fromarray(image.astype(np.uint8) * 255 if is_mask else image)
    box = (left, top, left + crop_width, top + crop_height)
    resized = np.asarray(
        picture.resize((width, height), Image.Resampling.NEAREST if is_mask else Image.Resampling.LANCZOS, box=box)
    )
    return resized > 127 if is_mask else resized.copy()


def cover_notice(image: npt.NDArray[Any], width: int, height: int) -> str | None:
    """One sentence on what ``cover`` cuts off; None if the shape fits (to within one pixel of the output)."""
    left, top, _, _ = _crop_box(image.shape[1], image.shape[0], width, height)
    scale = max(width / image.shape[1], height / image.shape[0])
    if max(left, top) * scale < 1:
        return None
    side, lost = ("left and right", left / image.shape[1]) if left > top else ("top and bottom", top / image.shape[0])
    return f"{image.shape[1]} x {image.shape[0]} pixels are cut to the video's {width} x {height}: {lost:.0%} is lost at {side} each."


def _crop_box(image_width: int, image_height: int, width: int, height: int) -> tuple[float, float, float, float]:
    """Left, top, width and height (in image pixels) of the largest centred part with the video's shape."""
    scale = max(width / image_width, height / image_height)
    crop_width, crop_height = min(width / scale, image_width), min(height / scale, image_height)
    return (image_width - crop_width) / 2, (image_height - crop_height) / 2, crop_width, crop_height
