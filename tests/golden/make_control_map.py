"""Write the golden pictures of the control map, `control_map/*.png`, and `control_map/scenes.json` that describes them.

    python tests/golden/make_control_map.py        (needs opencv-python-headless)

The pictures come from the slow painter below: outlines and colours by OpenCV itself, as the released adapters' training
data was made; masks pixel by pixel in exact fractions. It shares no code with `flashmotion_core`.

A picture holds all frames of its scene, one below the other; `<scene>.masks.png` holds frame 0's masks likewise (white is
inside). In `scenes.json`, `boxes` [T][N] are (x, y, w, h) in pixels with the top-left corner, `visible` is [T][N], `shapes`
[N] the cells over the box on frame 0, rows of # inside, or null.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

TARGET = Path(__file__).with_name("control_map")
PALETTE = [
    *("A351FB", "FF4040", "FFA1A0", "FF7633", "FFB633", "D1D435", "4CFB12", "94CF1A", "40DE8A", "1B9640", "00D6C1"),
    *("2E9CAA", "00C4FF", "364797", "6675FF", "0019EF", "863AFF", "530087", "CD3AFF", "FF97CA", "FF39C9"),
]


def colour(k: int, opacity: float) -> tuple[int, ...]:
    solid = np.array([[list(bytes.fromhex(PALETTE[(k + 1) % len(PALETTE)]))]], dtype=np.uint8)
    return tuple(cv2.addWeighted(solid, opacity, np.zeros_like(solid), 1 - opacity, 0)[0, 0].tolist())


def half_up(value: float) -> int:
    return math.floor(Fraction(value) + Fraction(1, 2))


def rectangle(box, width: int, height: int):
    """Clipped (left, top, right, bottom), or None outside the picture."""
    x, y, w, h = box
    left, top = half_up(x), half_up(y)
    right, bottom = max(half_up(x + w), left + 1), max(half_up(y + h), top + 1)
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return None
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def moved(mask, box0, box, column: int, row: int) -> bool:
    """Whether frame 0's mask, moved from box0 to box, covers a pixel."""
    (x0, y0, w0, h0), (x, y, w, h) = (tuple(map(Fraction, b)) for b in (box0, box))
    source_x = math.floor(x0 + (column + Fraction(1, 2) - x) * w0 / w)
    source_y = math.floor(y0 + (row + Fraction(1, 2) - y) * h0 / h)
    return 0 <= source_y < len(mask) and 0 <= source_x < len(mask[0]) and bool(mask[source_y][source_x])


def paint(scene: dict, masks) -> np.ndarray:
    width, height = scene["size"]
    frames = []
    for t, (boxes, visible) in enumerate(zip(scene["boxes"], scene["visible"], strict=True)):
        picture = np.zeros((height, width, 3), dtype=np.uint8)
        for k, box in enumerate(boxes):
            corners = rectangle(box, width, height)
            if corners is None or not visible[k]:
                continue
            left, top, right, bottom = corners
            if t > 0 and scene["mode"] == "box":
                thickness = scene["thickness"] or max(1, min(width, height) // 100)
                cv2.rectangle(picture, (left, top), (right, bottom), colour(k, scene["opacity"]), thickness)
            elif masks is None or not masks[k].any() or (scene.get("shapes") and not scene["shapes"][k]):
                picture[top:bottom, left:right] = colour(k, scene["opacity"])
            else:
                for row in range(height):
                    for column in range(width):
                        if moved(masks[k], scene["boxes"][0][k], box, column, row):
                            picture[row, column] = colour(k, scene["opacity"])
        frames.append(picture)
    return np.concatenate(frames)


def scene(boxes, visible=None, size=(64, 48), mode="box", opacity=0.5, thickness=None, shapes=None) -> dict:
    visible = visible or [[True] * len(frame) for frame in boxes]
    return {
        "size": list(size), "mode": mode, "opacity": opacity, "thickness": thickness, "boxes": boxes, "visible": visible,
        **({"shapes": shapes} if shapes else {}),
    }  # fmt: skip


def masks_of_shapes(scene: dict) -> np.ndarray:
    """Frame 0's masks: the cells over the box; the filled box where they leave no pixel, or there is no shape."""
    width, height = scene["size"]
    masks = np.zeros((len(scene["shapes"]), height, width), dtype=bool)
    for mask, rows, box in zip(masks, scene["shapes"], scene["boxes"][0], strict=True):
        x, y, w, h = map(Fraction, box)
        for row in range(height if rows else 0):
            for column in range(width):
                i = math.floor((column + Fraction(1, 2) - x) * len(rows[0]) / w)
                j = math.floor((row + Fraction(1, 2) - y) * len(rows) / h)
                mask[row, column] = 0 <= j < len(rows) and 0 <= i < len(rows[0]) and rows[j][i] == "#"
        corners = rectangle(box, width, height)
        if not mask.any() and corners:
            left, top, right, bottom = corners
            mask[top:bottom, left:right] = True
    return masks


def shapes(width: int, height: int, boxes) -> np.ndarray:
    """A triangle in the first box, ellipses in the others."""
    row, column = np.mgrid[:height, :width]
    masks = []
    for k, (x, y, w, h) in enumerate(boxes):
        u, v = (column + 0.5 - x) / w, (row + 0.5 - y) / h
        triangle = (np.abs(u - 0.5) * 2 < v) & (v < 1)
        masks.append(triangle if k == 0 else (u - 0.5) ** 2 + (v - 0.5) ** 2 < 0.25)
    return np.array(masks)


TWO = [
    [[5, 6, 20, 15], [30.5, 20.25, 22, 17.5]],
    [[9, 8, 24, 15], [26.5, 16.5, 22, 20]],
    [[20.4, 12.6, 30.2, 18], [4, 4, 9, 40]],
]
LEAVING = [
    [[2, 2, 12, 10], [50, 30, 12, 16]],
    [[-6, -3, 12, 10], [56, 40, 20, 20]],
    [[-12, 20, 12, 10], [64, 10, 8, 8]],
    [[-30, -30, 200, 200], [-1.5, 47.4, 3, 0.2]],
]
CROWD = [[[2 + 8 * (k % 8), 2 + 15 * (k // 8), 6.2, 11.7] for k in range(22)] for _ in range(2)]
HIDDEN = [[True, False], [False, True], [True, True]]

HOOK = ["..##....", ".#..##..", "#.....##", "#..#...#", "#......."]
DOT = ["....", ".##.", "...."]
SHAPED = [
    [[5, 6, 20, 15], [30.5, 20.25, 22, 17.5], [40, 2, 8, 8], [50.2, 40.3, 0.6, 0.4], [-8, 20, 12, 9]],
    [[9, 8, 24.5, 12], [26.5, 16.5, 22, 20], [50, 1, 12, 4], [30, 40, 5, 3], [2, 20, 12, 9]],
    [[-4, 12.6, 30.2, 18], [4, 4, 9, 40], [60, -3, 12, 14], [20, 44, 2, 9], [50, 30, 24, 18]],
]
SHAPES = [HOOK, DOT, None, DOT, DOT]

SCENES = {
    "boxes": (scene(TWO), False),
    "boxes_thick": (scene(TWO, thickness=4), False),
    "boxes_usual_thickness": (scene(TWO, thickness=7), False),
    "boxes_large_picture": (scene([[[30, 40, 200, 120]], [[60, 70, 120, 100]]], size=(320, 304)), False),
    "boxes_full_intensity": (scene(TWO, opacity=1.0), False),
    "boxes_third_intensity": (scene(CROWD, opacity=0.3), False),
    "boxes_leaving": (scene(LEAVING, thickness=3), False),
    "boxes_hidden": (scene(TWO, HIDDEN, thickness=2), False),
    "boxes_palette_wraps": (scene(CROWD), False),
    "boxes_first_frame_masks": (scene(TWO, thickness=1), True),
    "filled": (scene(TWO, mode="mask"), False),
    "filled_leaving": (scene(LEAVING, mode="mask"), False),
    "masks_moved": (scene(TWO, mode="mask"), True),
    "masks_leaving": (scene(LEAVING, mode="mask"), True),
    "masks_hidden": (scene(TWO, HIDDEN, mode="mask"), True),
    "shapes": (scene(SHAPED, shapes=SHAPES), False),
    "shapes_moved": (scene(SHAPED, mode="mask", shapes=SHAPES), False),
    "shapes_hidden": (scene(TWO, HIDDEN, mode="mask", shapes=[HOOK, DOT]), False),
}


def save(name: str, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(TARGET / f"{name}.png", optimize=True)


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    listing = {}
    for name, (described, with_masks) in SCENES.items():
        width, height = described["size"]
        masks = shapes(width, height, described["boxes"][0]) if with_masks else None
        if masks is not None:
            masks[~np.array(described["visible"][0])] = False
            save(f"{name}.masks", (np.concatenate(masks) * 255).astype(np.uint8))
        if "shapes" in described:
            masks = masks_of_shapes(described)
            masks[~np.array(described["visible"][0])] = False
        save(name, paint(described, masks))
        listing[name] = {**described, "masks": with_masks}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in listing.items())
    (TARGET / "scenes.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8", newline="\n")
    print(f"{TARGET}: {len(listing)} scenes")
