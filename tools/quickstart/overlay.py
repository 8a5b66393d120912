"""A picture of a video with the requested boxes drawn over its frames. Runs inside the environment: PyAV, Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
from PIL import Image, ImageDraw

from flashmotion_core.video.frames import to_rgb

SHOWN_FRAMES = 6
COLUMNS = 3
NARROW, WIDE = 320, 640  # pixels: narrower frames are enlarged by a whole number, wider ones are reduced
MARGIN, CAPTION = 8, 16
# One colour per object, bright enough to show on any picture.
COLOURS = ((255, 64, 64), (64, 200, 255), (255, 208, 0), (96, 255, 96), (255, 96, 255), (255, 255, 255))

Box = tuple[float, float, float, float]


def contact_sheet(
    frames: Sequence[Image.Image], boxes_per_frame: Sequence[Sequence[Box | None]], picture: Path
) -> Path:
    """Write `picture`: up to six of `frames`, from first to last, each with its boxes drawn over it.

    `boxes_per_frame`: for every frame and object, (x, y, w, h) in pixels from the top left corner, or None where the
    object is hidden. Raises ValueError if its length differs from that of `frames`.
    """
    if len(frames) != len(boxes_per_frame):
        raise ValueError(
            f"The video has {len(frames)} frames, and there are boxes for {len(boxes_per_frame)}: give one list per frame."
        )
    chosen = spread(len(frames), SHOWN_FRAMES)
    tiles = [_tile(frames[index], boxes_per_frame[index], f"frame {index}") for index in chosen]
    width, height = tiles[0].size
    rows = -(-len(tiles) // COLUMNS)
    columns = min(COLUMNS, len(tiles))
    size = (MARGIN + columns * (width + MARGIN), MARGIN + rows * (height + MARGIN))
    sheet = Image.new("RGB", size, (24, 24, 24))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, COLUMNS)
        sheet.paste(tile, (MARGIN + column * (width + MARGIN), MARGIN + row * (height + MARGIN)))
    sheet.save(picture)
    return picture


def read_frames(video: Path) -> list[Image.Image]:
    """All frames of `video`, RGB; raises ValueError if it has none."""
    with av.open(str(video)) as container:
        frames = [Image.fromarray(to_rgb(frame)) for frame in container.decode(video=0)]
    if not frames:
        raise ValueError(f"{video} has no frames: give a video that plays.")
    return frames


def spread(count: int, shown: int) -> list[int]:
    """At most `shown` different indices of 0..count-1, evenly spaced from the first to the last."""
    shown = min(count, shown)
    return [0] if shown == 1 else [round(index * (count - 1) / (shown - 1)) for index in range(shown)]


def _tile(frame: Image.Image, boxes: Sequence[Box | None], caption: str) -> Image.Image:
    scale = -(-NARROW // frame.width) if frame.width < NARROW else min(1.0, WIDE / frame.width)
    size = (round(frame.width * scale), round(frame.height * scale))
    resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    tile = Image.new("RGB", (size[0], size[1] + CAPTION), (24, 24, 24))
    tile.paste(frame.resize(size, resampling), (0, CAPTION))
    draw = ImageDraw.Draw(tile)
    draw.text((0, 2), caption, fill=(230, 230, 230))
    for index, box in enumerate(boxes):
        if box is not None:
            x, y, w, h = (value * scale for value in box)
            corners = (x, y + CAPTION, max(x, x + w - 1), max(y, y + h - 1) + CAPTION)
            draw.rectangle(corners, outline=COLOURS[index % len(COLOURS)], width=3)
    return tile
