"""Short films of known things: textured blocks that move over a photograph, with the camera still or panning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashmotion_core.video.frames import Frames
from flashmotion_core.video.mp4 import write_mp4

PHOTOGRAPH = next((Path(__file__).resolve().parents[2] / "train/world/photographs").glob("*.png"))


def film(
    blocks: Sequence[tuple[float, float, float, float, float, float]],
    *,
    frames: int = 17,
    size: tuple[int, int] = (160, 96),
    pan: float = 0.0,
    seed: int = 0,
) -> tuple[Frames, NDArray[np.float64]]:
    """Frames [T, H, W, 3] and the blocks' true boxes [T, N, 4].

    Args:
        blocks: (x, y, w, h) on frame 0 and (dx, dy) per frame, in pixels on the screen; the first is in front.
        frames, size: of the film.
        pan: pixels per frame that the background moves to the left.
        seed: of colours and textures.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    wide = round(width + pan * frames + 8)
    with Image.open(PHOTOGRAPH) as picture:
        ground = np.asarray(picture.convert("RGB").resize((wide, height), Image.Resampling.LANCZOS))
    ground = np.clip(ground + rng.normal(0, 12, ground.shape[:2])[..., None], 0, 255).astype(np.uint8)
    textures = [_texture(rng, round(w), round(h)) for _, _, w, h, _, _ in blocks]
    out = np.empty((frames, height, width, 3), dtype=np.uint8)
    boxes = np.empty((frames, len(blocks), 4))
    for t in range(frames):
        left = round(pan * t)
        out[t] = ground[:, left : left + width]
        for n in reversed(range(len(blocks))):
            x, y, w, h, dx, dy = blocks[n]
            boxes[t, n] = round(x + dx * t), round(y + dy * t), round(w), round(h)
            _paste(out[t], textures[n], int(boxes[t, n, 0]), int(boxes[t, n, 1]))
    return out, boxes


def write_film(path: Path, frames: Frames, fps: float = 10.0) -> Path:
    """Write a film as a good mp4."""
    write_mp4(path, frames, fps, 8)
    return path


def _texture(rng: np.random.Generator, width: int, height: int) -> Frames:
    color = rng.integers(60, 256, 3)
    grain = rng.normal(0, 25, (height // 4 + 1, width // 4 + 1)).repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return np.clip(color + grain[..., None], 0, 255).astype(np.uint8)


def _paste(picture: Frames, block: Frames, x: int, y: int) -> None:
    height, width = picture.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + block.shape[1], width), min(y + block.shape[0], height)
    if left < right and top < bottom:
        picture[top:bottom, left:right] = block[top - y : bottom - y, left - x : right - x]
