"""Write `trajectory.json`, the golden vectors that both samplers (Python and JavaScript) must reproduce.

    python tests/golden/make_trajectory.py

The boxes come from the slow reference below, which shares no code and no method with `flashmotion_core`: scalar, one frame
at a time, 50-digit decimals, the bezier solved by its x in 160 halvings, the spline by Barry and Goldman's pyramid instead
of tangents. Expected numbers are therefore exact to the last bit that a double can hold.

Layout: {"tolerance", "cases": [{"name", "document", "calls": [{"frames", "size", "fit", "boxes", "visible"}]}]};
`boxes` [T][N][4] is (x, y, w, h) in pixels with the top-left corner, `visible` is [T][N].
"""

from __future__ import annotations

import json
from decimal import Decimal, getcontext
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

getcontext().prec = 50
TARGET = Path(__file__).with_name("trajectory.json")
CURVES = {"in": (0.42, 0, 1, 1), "out": (0, 0, 0.58, 1), "in-out": (0.42, 0, 0.58, 1)}
MINIMUM = Decimal("1e-6")


def bernstein(p1: Decimal, p2: Decimal, s: Decimal) -> Decimal:
    return 3 * (1 - s) ** 2 * s * p1 + 3 * (1 - s) * s**2 * p2 + s**3


def ease(kind, x: Decimal) -> Decimal:
    if kind == "linear":
        return x
    if kind == "hold":
        return Decimal(0)
    x1, y1, x2, y2 = (Decimal(value) for value in (CURVES[kind] if isinstance(kind, str) else kind))
    low, high = Decimal(0), Decimal(1)
    for _ in range(160):
        middle = (low + high) / 2
        low, high = (middle, high) if bernstein(x1, x2, middle) < x else (low, middle)
    return bernstein(y1, y2, low)


def knot(p, q) -> Decimal:
    """Centripetal knot distance: the square root of the chord's length."""
    return ((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2).sqrt().sqrt()


def pyramid(points, u: Decimal):
    """Barry and Goldman's evaluation of the Catmull-Rom segment between points[1] and points[2] at share u of its knots."""
    times = [Decimal(0)]
    for p, q in pairwise(points):
        times.append(times[-1] + knot(p, q))
    t = times[1] + u * (times[2] - times[1])

    def mix(a, b, start, stop):
        return tuple(((stop - t) * i + (t - start) * j) / (stop - start) for i, j in zip(a, b, strict=True))

    a1, a2, a3 = (mix(points[i], points[i + 1], times[i], times[i + 1]) for i in range(3))
    b1, b2 = mix(a1, a2, times[0], times[2]), mix(a2, a3, times[1], times[3])
    return mix(b1, b2, times[1], times[2])


def spline(keys, index: int, u: Decimal):
    """The centre at share u of the segment after key `index`; straight on along the end tangents outside [0, 1]."""
    centres = [(Decimal(key["x"]), Decimal(key["y"])) for key in keys]
    p, q = centres[index], centres[index + 1]
    if p == q:
        return p
    mirrored_before = tuple(2 * i - j for i, j in zip(p, q, strict=True))
    mirrored_after = tuple(2 * j - i for i, j in zip(p, q, strict=True))
    before = centres[index - 1] if index > 0 and centres[index - 1] != p else mirrored_before
    after = centres[index + 2] if index + 2 < len(centres) and centres[index + 2] != q else mirrored_after
    points = (before, p, q, after)
    if 0 <= u <= 1:
        return pyramid(points, u)
    edge, small = (Decimal(0), Decimal("1e-20")) if u < 0 else (Decimal(1), Decimal("-1e-20"))
    start, near = pyramid(points, edge), pyramid(points, edge + small)
    return tuple(i + (u - edge) * (j - i) / small for i, j in zip(start, near, strict=True))


def box_at(tracked, t: Fraction, size):
    keys = tracked["keyframes"]
    index = max((i for i, key in enumerate(keys) if key["frame"] <= t), default=None)
    if index is None or index == len(keys) - 1:
        key = keys[0 if index is None else index]
        x, y, w, h = (Decimal(key[name]) for name in "xywh")
    else:
        first, second = keys[index], keys[index + 1]
        share = (t - first["frame"]) / (second["frame"] - first["frame"])
        u = ease(first.get("ease", "linear"), Decimal(share.numerator) / Decimal(share.denominator))
        x, y, w, h = (Decimal(first[name]) + (Decimal(second[name]) - Decimal(first[name])) * u for name in "xywh")
        if tracked.get("path", "linear") == "smooth":
            x, y = spline(keys, index, u)
        w, h = max(w, MINIMUM), max(h, MINIMUM)
    return [float((x - w / 2) * size[0]), float((y - h / 2) * size[1]), float(w * size[0]), float(h * size[1])]


def reference(document, frames: int, size, fit: str):
    boxes, visible = [], []
    for f in range(frames):
        last = document["frames"] - 1
        t = Fraction(min(f, last)) if fit == "trim" else Fraction(f * last, max(frames - 1, 1))
        nearest = int(t + Fraction(1, 2))
        boxes.append([box_at(tracked, t, size) for tracked in document["objects"]])
        visible.append(
            [not any(a <= nearest <= b for a, b in tracked.get("hidden", [])) for tracked in document["objects"]]
        )
    return boxes, visible


def key(frame, x, y, w=0.2, h=0.3, ease=None):
    return {"frame": frame, "x": x, "y": y, "w": w, "h": h, **({"ease": ease} if ease is not None else {})}


def document(*objects, size=(1280, 704), frames=13, **more):
    entries = [{"id": f"o{n + 1}", **tracked} for n, tracked in enumerate(objects)]
    return {"version": 1, "size": list(size), "frames": frames, "objects": entries, **more}


def two_keys(curve, **more):
    return {"keyframes": [key(1, 0.2, 0.3, 0.1, 0.2, curve), key(11, 0.75, 0.6, 0.35, 0.25)], **more}


WINDING = [
    key(0, 0.1, 0.8),
    key(3, 0.15, 0.2, 0.1, 0.1),
    key(4, 0.55, 0.25),
    key(10, 0.8, 0.7, 0.3, 0.2),
    key(12, 0.4, 0.9),
]
OWN = [(None, None, "retime")]
RETIMES = [(None, None, "retime"), (7, None, "retime"), (20, (832, 480), "retime"), (1, None, "retime")]
TRIMS = [(5, None, "trim"), (17, (480, 832), "trim"), (1, None, "trim")]

CASES = [
    ("linear", document(two_keys("linear")), OWN),
    ("default ease is linear", document(two_keys(None)), OWN),
    ("hold", document(two_keys("hold")), OWN),
    ("ease in", document(two_keys("in")), OWN),
    ("ease out", document(two_keys("out")), OWN),
    ("ease in-out", document(two_keys("in-out")), OWN),
    ("cubic-bezier", document(two_keys([0.1, 0.9, 0.7, 0.2])), OWN),
    ("cubic-bezier with overshoot", document(two_keys([0.3, -1.5, 0.6, 2.5])), OWN),
    ("cubic-bezier with steep ends", document(two_keys([0.0, 1.0, 1.0, 0.0])), OWN),
    ("cubic-bezier almost flat in the middle", document(two_keys([0.95, 0.1, 0.05, 0.9])), OWN),
    (
        "overshoot below the smallest box",
        document({"keyframes": [key(0, 0.5, 0.5, 0.4, 0.4, [0.2, 1.8, 0.5, 2.0]), key(12, 0.5, 0.5, 0.02, 0.3)]}),
        OWN,
    ),
    ("single keyframe", document({"keyframes": [key(6, 0.25, 0.75)]}), [*OWN, *TRIMS]),
    ("one-frame clip", document({"keyframes": [key(0, 0.4, 0.6)]}, frames=1), [*OWN, (5, None, "retime"), (5, None, "trim")]),
    ("holds before the first and after the last keyframe", document({"keyframes": [key(4, 0, 0), key(8, 1, 1)]}), OWN),
    ("no objects", document(), [*OWN, (4, None, "retime")]),
    ("smooth path", document({"path": "smooth", "keyframes": WINDING}), OWN),
    ("smooth path of two keyframes is straight", document({"path": "smooth", **two_keys("in-out")}), OWN),
    (
        "smooth path through equal points",
        document({"path": "smooth", "keyframes": [
            key(0, 0.2, 0.2), key(3, 0.2, 0.2), key(6, 0.6, 0.3), key(9, 0.6, 0.3), key(12, 0.3, 0.9)]}),
        OWN,
    ),
    (
        "smooth path with every easing",
        document({"path": "smooth", "keyframes": [
            key(0, 0.1, 0.1, ease="in"), key(2, 0.5, 0.1, ease="hold"), key(4, 0.9, 0.4, ease="out"),
            key(6, 0.6, 0.6, ease="in-out"), key(8, 0.2, 0.5, ease=[0.3, -0.8, 0.6, 1.9]), key(12, 0.1, 0.9)]}),
        RETIMES,
    ),
    ("hidden intervals", document({"hidden": [[0, 2], [5, 5], [11, 12]], **two_keys("linear")}), [*RETIMES, *TRIMS]),
    (
        "several objects, retimed and trimmed",
        document(
            {"label": "cat", "color": "#ff8800", "hidden": [[3, 7]], **two_keys("in")},
            {"path": "smooth", "keyframes": WINDING},
            {"keyframes": [key(0, -0.5, 1.5, 3.5, 4, "hold"), key(12, 5, -4, 0.000001, 0.5)]},
            fps=16,
        ),
        [*RETIMES, *TRIMS],
    ),
    ("portrait and odd sizes", document(two_keys("out"), size=(333, 1001), frames=12), [*OWN, (9, (4096, 32), "retime")]),
]  # fmt: skip


def build() -> dict:
    cases = []
    for name, doc, calls in CASES:
        done = []
        for frames, size, fit in calls:
            boxes, visible = reference(doc, frames or doc["frames"], size or doc["size"], fit)
            done.append({"frames": frames, "size": size, "fit": fit, "boxes": boxes, "visible": visible})
        cases.append({"name": name, "document": doc, "calls": done})
    return {"tolerance": 1e-9, "cases": cases}


def dump(golden: dict) -> str:
    """One line per call."""
    lines = []
    for case in golden["cases"]:
        calls = ",\n".join("   " + json.dumps(call, separators=(",", ":")) for call in case["calls"])
        head = f'  {{"name": {json.dumps(case["name"])},\n   "document": {json.dumps(case["document"], separators=(",", ":"))},'
        lines.append(f'{head}\n   "calls": [\n{calls}\n   ]}}')
    return f'{{"tolerance": {golden["tolerance"]}, "cases": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    TARGET.write_text(dump(build()), encoding="utf-8", newline="\n")
    print(f"{TARGET}: {len(CASES)} documents")
