"""What a clip shows of a picture of another shape: the picture is scaled to cover the clip and cropped about its centre."""

from __future__ import annotations


def crop_to_cover(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a picture that a clip shows: ``(left, top, width, height)`` in whole pixels of the picture.

    ComfyUI's own rounding (``comfy.utils.common_upscale`` with ``"center"``), so the part's shape is that of the clip within a pixel.

    Args:
        picture: its width and height in pixels.
        size: the clip's width and height in pixels.

    Raises:
        ValueError: a picture so thin that nothing would be left of it.
    """
    (width, height), (wide, high) = picture, size
    left, top = 0, 0
    if width / height > wide / high:
        left = round((width - width * ((wide / high) / (width / height))) / 2)
    elif width / height < wide / high:
        top = round((height - height * ((width / height) / (wide / high))) / 2)
    kept = width - 2 * left, height - 2 * top
    if min(kept) < 1:
        raise ValueError(
            f"a picture of {width} x {height} pixels is too thin to fill a clip of {wide} x {high}; connect one of a shape like the clip's."
        )
    return left, top, *kept
