"""An enlarged animation of a run: the requested boxes, the picture's cut-outs along them, the video. Inside the environment: Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from flashmotion_core.trajectory import Trajectory, animatic, sample

from .overlay import COLOURS, Box

LARGE = 384  # pixels: the smallest length of the longer side, a whole multiple of the video's
MARGIN, CAPTION = 12, 34
BACKGROUND, INK = (24, 24, 24), (235, 235, 235)
HOLD = 0.8  # seconds for which the first and the last frame are shown
COLORS = 256
CAPTIONS = "the picture, and boxes that move", "its cut-outs along the boxes", "the video that comes out"


def cut_and_moved(start: Image.Image, asked: Trajectory, size: tuple[int, int]) -> list[Image.Image]:
    """The animatic of the picture `start`, cropped around its centre to `size` (width, height)."""
    frames = animatic(np.asarray(_still(start, size)), sample(asked, size=size))
    return [Image.fromarray((frame.picture_HWC * 255 + 0.5).astype(np.uint8)) for frame in frames]


def moving_picture(
    start: Image.Image,
    moved: Sequence[Image.Image],
    frames: Sequence[Image.Image],
    boxes_per_frame: Sequence[Sequence[Box | None]],
    fps: float,
    file: Path,
) -> Path:
    """Write the looping GIF `file`: the picture `start` with its moving boxes, its animatic `moved`, and the video `frames`.

    `start` is cropped around its centre to the video's shape, as in the workflow. `boxes_per_frame` is as in
    `overlay.contact_sheet`. Raises ValueError if its length differs from that of `frames`.
    """
    if len(frames) != len(boxes_per_frame):
        raise ValueError(
            f"The video has {len(frames)} frames, and there are boxes for {len(boxes_per_frame)}: give one list per frame."
        )
    scale = max(1, -(-LARGE // max(frames[0].size)))
    still = _still(start, frames[0].size)
    pages = [
        _page([_asked(_enlarged(still, scale), boxes_per_frame, number, scale), *(_enlarged(p, scale) for p in pair)])
        for number, pair in enumerate(zip(moved, frames, strict=True))
    ]
    # GIF counts in hundredths of a second. One palette for all frames keeps still areas still.
    durations = [max(2, round(100 / fps)) * 10] * len(pages)
    for end in (0, -1):
        durations[end] = round(HOLD * 1000)
    palette = _palette(pages)
    indexed = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    indexed[0].save(file, save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=False)
    return file


def _still(start: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(ImageOps.exif_transpose(start).convert("RGB"), size, Image.Resampling.BILINEAR)


def _enlarged(picture: Image.Image, scale: int) -> Image.Image:
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def _asked(
    picture: Image.Image, boxes_per_frame: Sequence[Sequence[Box | None]], number: int, scale: int
) -> Image.Image:
    """The start picture, the paths of all boxes, and the boxes of frame `number`."""
    draw = ImageDraw.Draw(picture)
    for index in range(len(boxes_per_frame[0])):
        colour = COLOURS[index % len(COLOURS)]
        path = [box for boxes in boxes_per_frame if (box := boxes[index]) is not None]
        draw.line([((x + w / 2) * scale, (y + h / 2) * scale) for x, y, w, h in path], fill=colour, width=3)
        box = boxes_per_frame[number][index]
        if box is not None:
            x, y, w, h = (value * scale for value in box)
            draw.rectangle((x, y, max(x, x + w - 1), max(y, y + h - 1)), outline=colour, width=4)
    return picture


def _page(pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    page = Image.new("RGB", (MARGIN + len(pictures) * (width + MARGIN), CAPTION + height + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(18)
    for place, (picture, caption) in enumerate(zip(pictures, CAPTIONS, strict=True)):
        x = MARGIN + place * (width + MARGIN)
        page.paste(picture, (x, CAPTION))
        draw.text((x, 7), caption, fill=INK, font=font)
    return page


def _palette(pages: Sequence[Image.Image]) -> Image.Image:
    """A picture whose palette holds the colours of the first, middle and last page."""
    chosen = [pages[0], pages[len(pages) // 2], pages[-1]]
    strip = Image.new("RGB", (pages[0].width, pages[0].height * len(chosen)))
    for row, page in enumerate(chosen):
        strip.paste(page, (0, row * page.height))
    return strip.quantize(COLORS, method=Image.Quantize.MEDIANCUT)
