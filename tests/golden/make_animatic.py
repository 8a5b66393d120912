"""Write the golden vectors of the animatic, `animatic.json`, and its golden pictures, `animatic/*.png`.

    python tests/golden/make_animatic.py

A slow reference, pixel by pixel; it shares no code with `flashmotion_core`. Python and the editor are held to the shapes (opacity in
1/10000), to how far holes are open, to whose pixels those of two objects are, and to the fillings; the editor also to what it draws where,
in order: `layers` [T] of [kind, n, m, left, top, width, height, opacity]. A picture holds all frames of its scene, one below the other,
and `start.png` the picture of frame 0. `boxes` [T][N] are (x, y, w, h) in pixels with the top-left corner, `visible` is [T][N], `masks`
[N] the rows of a mask, # inside, or null.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).with_name("animatic")
SIZE = (96, 72)
SWEEPS = 4


def smooth(u: float) -> float:
    u = min(max(u, 0.0), 1.0)
    return u * u * (3 - 2 * u)


def feather(box) -> float:
    return max(1.0, min(0.12 * min(box[2:]), 0.03 * min(SIZE)))


def beyond(x: float, y: float, soft: float) -> float:
    return smooth(1 - max(-x, x - SIZE[0], -y, y - SIZE[1], 0) / soft)


def box_alpha(box, x, y, rounding, level) -> float:
    left, top, w, h = box
    a = abs(x - left - w / 2) - w / 2 + rounding
    b = abs(y - top - h / 2) - h / 2 + rounding
    return smooth(level - (math.hypot(max(a, 0), max(b, 0)) + min(max(a, b), 0) - rounding) / feather(box))


def inside(mask, column: int, row: int) -> float:
    """The mask, whose border pixels continue outside the picture."""
    return float(mask[min(max(row, 0), SIZE[1] - 1)][min(max(column, 0), SIZE[0] - 1)])


def kernel(radius: int) -> list[float]:
    one = np.full(2 * radius + 1, 1 / (2 * radius + 1))
    return np.convolve(np.convolve(one, one), one).tolist()


def mask_alpha(mask, column: int, row: int, radius: int, low: float, width: float) -> float:
    weights = kernel(radius)
    reach = len(weights) // 2
    blurred = sum(
        weights[j + reach] * weights[i + reach] * inside(mask, column + i, row + j)
        for j in range(-reach, reach + 1)
        for i in range(-reach, reach + 1)
    )
    return smooth((blurred - low) / width)


def shape(box, mask, hole: bool):
    """{(column, row): opacity above 0} of a cut-out or its hole."""
    soft, found = feather(box), {}
    radius = max(1, math.floor(0.004 * min(SIZE) + 0.5))
    rim = 0 if hole else math.ceil(soft)
    for row in range(-rim, SIZE[1] + rim):
        for column in range(-rim, SIZE[0] + rim):
            x, y = column + 0.5, row + 0.5
            if mask is None:
                rounding = soft if hole else 0.18 * min(box[2:])
                alpha = box_alpha(box, x, y, rounding, 1.5 if hole else 0.5)
            else:
                alpha = mask_alpha(
                    mask, column, row, 2 * radius if hole else radius, *((0, 0.25) if hole else (0.3, 0.5))
                )
            alpha *= 1 if hole else beyond(x, y, soft)
            if alpha > 0:
                found[column, row] = alpha
    return found


def owns(boxes, m: int, n: int) -> bool:
    area = [w * h for _, _, w, h in boxes]
    return m != n and (area[m] < area[n] or (area[m] == area[n] and m > n))


def own_masks(scene):
    """Masks without what smaller objects own; None for boxes."""
    boxes = scene["boxes"][0]
    given = [None if mask is None else np.array([[c == "#" for c in row] for row in mask]) for mask in scene["masks"]]
    own = list(given)
    for n, mask in enumerate(given):
        for m, other in enumerate(given):
            if mask is not None and other is not None and owns(boxes, m, n) and (own[n] & ~other).any():
                own[n] = own[n] & ~other
    return own


def meets(box) -> bool:
    x, y, w, h = (math.floor(v + 0.5) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return max(w, x + 1) > 0 and x < SIZE[0] and max(h, y + 1) > 0 and y < SIZE[1]


def fill(image, known):
    """Push and pull, cell by cell: image[row][column] is a list of channels."""
    height, width = len(known), len(known[0])
    if not any(any(row) for row in known):
        mean = np.mean(np.reshape(image, (height * width, -1)), axis=0).tolist()
        return [[mean] * width for _ in range(height)]
    if min(min(row) for row in known) >= 1 or height == width == 1:
        return image
    small, share = [], []
    for row in range(0, height, 2):
        small.append([])
        share.append([])
        for column in range(0, width, 2):
            cells = [
                (known[j][i], image[j][i])
                for j in range(row, min(row + 2, height))
                for i in range(column, min(column + 2, width))
            ]
            total = sum(w for w, _ in cells)
            colours = zip(*[[w * c for c in colour] for w, colour in cells], strict=True)
            small[-1].append([sum(c) / total if total else 0.0 for c in colours])
            share[-1].append(min(1.0, total))
    coarse = fill(small, share)

    def at(cells, j, i):
        return np.array(cells[min(max(j, 0), len(cells) - 1)][min(max(i, 0), len(cells[0]) - 1)])

    def finer(row, column):
        j, i, dj, di = row // 2, column // 2, row % 2 * 2 - 1, column % 2 * 2 - 1
        return (
            9 * at(coarse, j, i) + 3 * at(coarse, j + dj, i) + 3 * at(coarse, j, i + di) + at(coarse, j + dj, i + di)
        ) / 16

    def mixed(source):
        return [
            [
                (
                    known[row][column] * np.array(image[row][column]) + (1 - known[row][column]) * source(row, column)
                ).tolist()
                for column in range(width)
            ]
            for row in range(height)
        ]

    filled = mixed(finer)
    for _ in range(SWEEPS):
        before = filled
        filled = mixed(
            lambda row, column, before=before: (
                sum(at(before, row + j, column + i) for j, i in ((-1, 0), (1, 0), (0, -1), (0, 1))) / 4
            )
        )
    return filled


def catmull_rom(d: float) -> float:
    d = abs(d)
    if d < 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def taps(centre: float, ratio: float):
    wide = max(1.0, ratio)
    found = {
        i: catmull_rom((centre - i) / wide)
        for i in range(math.floor(centre - 2 * wide), math.ceil(centre + 2 * wide) + 1)
    }
    total = sum(found.values())
    return {i: weight / total for i, weight in found.items() if weight}


def over(picture, colour_of, alpha, box0, box, share):
    """Lay a part of the plane over the picture, moved from box0 to box."""
    ratio = box0[2] / box[2], box0[3] / box[3]
    for row in range(SIZE[1]):
        down = taps(box0[1] + (row + 0.5 - box[1]) * ratio[1] - 0.5, ratio[1])
        for column in range(SIZE[0]):
            total = np.zeros(4)
            for i, across in taps(box0[0] + (column + 0.5 - box[0]) * ratio[0] - 0.5, ratio[0]).items():
                for j, weight in down.items():
                    if (a := alpha.get((i, j), 0.0)) > 0:
                        total += across * weight * a * np.array([*colour_of(i, j), 1.0])
            total = np.clip(total, 0, 1)
            picture[row, column] = (
                picture[row, column] * (1 - share * total[3]) + share * np.minimum(total, total[3])[:3]
            )


def clamp(image):
    return lambda i, j: image[min(max(j, 0), SIZE[1] - 1)][min(max(i, 0), SIZE[0] - 1)]


def describe(scene, start):
    """(what the vectors hold, the frames)."""
    boxes0, masks = scene["boxes"][0], own_masks(scene)
    there = [n for n, box in enumerate(boxes0) if scene["visible"][0][n] and meets(box)]
    cuts = {n: (shape(boxes0[n], masks[n], False), shape(boxes0[n], masks[n], True)) for n in there}
    everywhere = [[1.0] * SIZE[0] for _ in range(SIZE[1])]
    for n in there:
        for (i, j), alpha in cuts[n][1].items():
            everywhere[j][i] *= 1 - alpha
    plate = fill(start.tolist(), everywhere)
    pairs = [
        (n, m) for n in there for m in there
        if owns(boxes0, m, n) and any(alpha * cuts[m][1].get(at, 0) > 0.01 for at, alpha in cuts[n][0].items())
    ]  # fmt: skip
    patches = {}
    for n in dict.fromkeys(n for n, _ in pairs):
        columns, rows = zip(*cuts[n][0], strict=True)
        left, top = min(columns), min(rows)
        known = [
            [cuts[n][0].get((i, j), 0.0) for i in range(left, max(columns) + 1)] for j in range(top, max(rows) + 1)
        ]
        for k, m in pairs:
            for (i, j), alpha in cuts[m][1].items():
                if k == n and (i, j) in cuts[n][0]:
                    known[j - top][i - left] *= 1 - alpha
        source = clamp(start)
        filled = fill(
            [[source(i, j).tolist() for i in range(left, max(columns) + 1)] for j in range(top, max(rows) + 1)], known
        )
        patches[n] = lambda i, j, filled=filled, left=left, top=top: filled[j - top][i - left]
    opened, layers, frames = [], [], []
    for boxes, visible in zip(scene["boxes"], scene["visible"], strict=True):
        opened.append([0.0] * len(boxes))
        for n in there:
            (x, y, w, h), (x0, y0, w0, h0) = boxes[n], boxes0[n]
            moved = max(abs(x - x0), abs(y - y0), abs(x + w - x0 - w0), abs(y + h - y0 - h0))
            opened[-1][n] = min(moved / max(1, feather(boxes0[n]) / 3), 1.0) if visible[n] else 1.0
        picture, drawn = start.copy(), []
        if any(opened[-1]):
            for n in there:
                if opened[-1][n]:
                    over(picture, clamp(plate), cuts[n][1], (0, 0, 1, 1), (0, 0, 1, 1), opened[-1][n])
                    drawn.append(["hole", n, n, *bounds(cuts[n][1]), opened[-1][n]])
            for n in there:
                if visible[n]:
                    over(picture, clamp(start), cuts[n][0], boxes0[n], boxes[n], 1)
                    at = moved_bounds(bounds(cuts[n][0]), boxes0[n], boxes[n])
                    drawn.append(["object", n, n, *at, 1])
                    for k, m in pairs:
                        if k == n and opened[-1][m]:
                            both = {p: a * cuts[m][1].get(p, 0.0) for p, a in cuts[n][0].items()}
                            over(picture, patches[n], both, boxes0[n], boxes[n], opened[-1][m])
                            drawn.append(["patch", n, m, *at, opened[-1][m]])
        layers.append(drawn)
        frames.append(picture)
    held = {
        "feathers": [feather(boxes0[n]) if n in there else None for n in range(len(boxes0))],
        "shapes": [stored(cuts[n][0]) if n in there else None for n in range(len(boxes0))],
        "holes": [stored(cuts[n][1]) if n in there else None for n in range(len(boxes0))],
        "pairs": pairs, "openness": opened, "layers": layers,
    }  # fmt: skip
    return held, frames


def bounds(alpha):
    columns, rows = zip(*alpha, strict=True)
    return min(columns), min(rows), max(columns) + 1 - min(columns), max(rows) + 1 - min(rows)


def moved_bounds(rectangle, box0, box):
    left, top, width, height = rectangle
    x, y = box[2] / box0[2], box[3] / box0[3]
    return [box[0] + (left - box0[0]) * x, box[1] + (top - box0[1]) * y, width * x, height * y]


def stored(alpha):
    left, top, width, height = bounds(alpha)
    rows = [
        [round(10000 * alpha.get((i, j), 0.0)) for i in range(left, left + width)] for j in range(top, top + height)
    ]
    return {"left": left, "top": top, "alpha": rows}


def scene(boxes, visible=None, masks=None) -> dict:
    count = len(boxes[0])
    return {
        "size": list(SIZE), "boxes": boxes, "visible": visible or [[True] * count] * len(boxes),
        "masks": masks or [None] * count,
    }  # fmt: skip


def ellipse(x, y, w, h) -> list[str]:
    return [
        "".join(
            "#" if ((i + 0.5 - x) / w - 0.5) ** 2 + ((j + 0.5 - y) / h - 0.5) ** 2 < 0.25 else "."
            for i in range(SIZE[0])
        )
        for j in range(SIZE[1])
    ]


FACE, BALL, TAIL = [20, 14, 30, 36], [34.5, 30.25, 12, 12.5], [-6, 50, 22, 16.5]
SCENES = {
    # A large box with a small one over it; the large one stays, then both move. The third comes in later.
    "boxes": scene(
        [
            [FACE, BALL, [60, 10, 20, 20]],
            [FACE, [35, 30.5, 12, 12.5], [60, 10, 20, 20]],
            [FACE, [60.2, 40.6, 12, 12.5], [62, 14, 20, 20]],
            [[34.25, 8.5, 36, 30], [40, 34.1, 18, 9], [64, 18, 20, 20]],
        ],
        [[True, True, False], [True, True, False], [True, True, True], [True, True, True]],
    ),
    # Leaving and hidden; one that was half outside.
    "leaving": scene(
        [[TAIL, FACE], [[20.5, 44, 22, 16.5], [78, 20, 30, 36]], [[20.5, 44, 11, 8.25], [120, 20, 30, 36]], [TAIL, FACE]],
        [[True, True], [True, True], [True, True], [True, False]],
    ),
    # Two masks that share pixels, one of them at the border.
    "masks": scene(
        [[FACE, BALL, [70, 40, 26, 32]], [[22.75, 12.1, 33, 39.6], [10, 20, 12, 12.5], [50.5, 40, 26, 32]]],
        masks=[ellipse(*FACE), ellipse(*BALL), ellipse(78, 40, 34, 32)],
    ),
}  # fmt: skip


def start_picture() -> np.ndarray:
    """Stripes, discs and a shade, as bytes."""
    row, column = np.mgrid[: SIZE[1], : SIZE[0]]
    picture = np.stack([90 + column, 120 + row, 160 - row // 2 + 20 * (column // 6 % 2)], axis=2)
    for (x, y, w, h), colour in (
        (FACE, (220, 160, 60)),
        (BALL, (40, 60, 190)),
        (TAIL, (200, 40, 40)),
        ((78, 40, 34, 32), (30, 90, 40)),
    ):
        disc = ((column + 0.5 - x) / w - 0.5) ** 2 + ((row + 0.5 - y) / h - 0.5) ** 2 < 0.25
        picture[disc] = colour + (column[disc] % 3 * 12)[:, None]
    return picture.astype(np.uint8)


def fills() -> list[dict]:
    random = np.random.default_rng(3)
    cases = []
    for height, width in ((1, 1), (5, 7), (8, 12)):
        image, known = random.random((height, width, 3)).round(3), random.random((height, width)).round(3)
        known[1:4, 2:6] = 0
        for weights in (known, (known > 0.5) * 1.0, np.zeros((height, width)), np.ones((height, width))):
            cases.append(
                {
                    "image": image.tolist(),
                    "known": weights.tolist(),
                    "filled": np.round(fill(image.tolist(), weights.tolist()), 5).tolist(),
                }
            )
    return cases


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    start = start_picture()
    Image.fromarray(start).save(TARGET / "start.png", optimize=True)
    vectors = {}
    for name, described in SCENES.items():
        held, frames = describe(described, start / 255)
        vectors[name] = {**described, **held}
        pixels = np.floor(np.concatenate(frames) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(pixels).save(TARGET / f"{name}.png", optimize=True)
    text = json.dumps({"scenes": vectors, "fills": fills()}, separators=(",", ":"))
    TARGET.with_name("animatic.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    print(f"{TARGET}: {len(vectors)} scenes")
