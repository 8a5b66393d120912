"""Write `simplify.json`: per-frame boxes and the keyframes that `flashmotion_core.trajectory.from_boxes` makes of them.

    python -m tests.golden.make_simplify        (in the repository's root)

`web/editor/model/simplify.js` must make the same ones, to the last bit. Layout: a list of {"name", "size", "tolerance", "boxes"
[T][N] (x, y, w, h) in pixels with the top-left corner or null, "visible" [T][N], "document" (canonical text)}.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashmotion_core.trajectory import dumps, from_boxes

TARGET = Path(__file__).with_name("simplify.json")
SIZE = (640, 360)


def walks(frames: int, count: int, step: float, seed: int) -> NDArray[np.float64]:
    """Random walks, rounded so that the file stays small."""
    steps = np.random.default_rng(seed).normal(0, step, (frames, count, 4)).cumsum(axis=0)
    return np.round(np.array([200.0, 100, 80, 60]) + np.clip(steps, -45, 45), 2)


def along(x_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """One box of 40 x 30 pixels whose left edge is `x_T`."""
    return np.stack([x_T, x_T * 0 + 5, x_T * 0 + 40, x_T * 0 + 30], axis=1)[:, None]


def cases() -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_], float]]:
    t_T = np.arange(31, dtype=np.float64)
    corners = along(np.concatenate([np.arange(0, 50, 10.0), np.full(5, 40.0), np.arange(40, -20, -20.0)]))
    curve = along(np.round(200 * (t_T / 30) ** 2, 3))
    settling = along(np.round(100 * (1 - 0.6**t_T), 3))
    gaps = walks(40, 2, 4, 1)
    gaps[5:9, 0] = gaps[:3, 1] = gaps[-1, 1] = np.nan
    shown = ~np.isnan(gaps[..., 0])
    shown[20:24, 1] = False
    found: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_], float]] = {
        "rest": (along(np.full(9, 12.0)), np.ones((9, 1), bool), 0),
        "one frame": (along(np.array([7.5])), np.ones((1, 1), bool), 0),
        "corners": (corners, np.ones((len(corners), 1), bool), 0),
        "gaps and hidden frames": (gaps, shown, 1),
    }
    for tolerance in (0.0, 0.5, 2.0, 20.0):
        found[f"random walks to {tolerance:g} px"] = (walks(60, 2, 3, 0), np.ones((60, 2), bool), tolerance)
        found[f"parabola to {tolerance:g} px"] = (curve, np.ones((31, 1), bool), tolerance)
        found[f"settling to {tolerance:g} px"] = (settling, np.ones((31, 1), bool), tolerance)
    return found


def build() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "size": list(SIZE),
            "tolerance": tolerance,
            "boxes": [[None if np.isnan(box).any() else box for box in frame] for frame in boxes_TN4.tolist()],
            "visible": visible_TN.tolist(),
            "document": dumps(from_boxes(boxes_TN4, visible_TN, size=SIZE, tolerance=tolerance)),
        }
        for name, (boxes_TN4, visible_TN, tolerance) in cases().items()
    ]


def dump(entries: list[dict[str, Any]]) -> str:
    """One line per case."""
    return "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]\n"


if __name__ == "__main__":
    TARGET.write_text(dump(build()), encoding="utf-8", newline="\n")
    print(f"{TARGET.name}: {len(build())} cases")
