"""Fuzz the parser and the sampler with random and mutated trajectory documents.

    python bench/fuzz_documents.py [100000] [--seed 0] [--node PATH]

Each text is parsed; if that works, it is sampled, written, read back and cut. Any error but a `TrajectoryError` from the
parser, boxes that are not finite, or a document that changes in the round trip counts as a crash. The editor's JavaScript reads each
text too, and must say the same; without node only Python is tried, and the last line says so. Exits with 1 on any crash or difference,
after printing the seed that reproduces it.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.fuzzing import change_value, damaged
from bench.languages import fuzz_languages
from flashmotion_core.trajectory import Trajectory, TrajectoryError, dumps, parse, retime, sample, trim

WORKER = Path(__file__).with_suffix(".js")
STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1, 1e308, -1e308, 5e-324, math.nan, math.inf, 10**400, 0.5, 4097, 1025, 1026),
    *("", "linear", "smooth", "hold", "\x00", "\ud800", "#12345g", "x" * 300, [], {}, [[]], [{}], [0, 0], [0, 0, 1, 1]),
]  # fmt: skip
TEXT_PIECES = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "NaN",
    "1e999",
    "-",
    "null",
    "\ud800",
    "\x00",
    "[" * 3000,
    "9" * 5000,
)


def make_shape(rng: random.Random) -> dict[str, Any]:
    """Cells that are inside with a chance that differs from shape to shape."""
    columns, rows, inside = rng.choice((1, 7, 40)), rng.choice((1, 5, 30)), rng.uniform(0.05, 1)
    cells = [rng.random() < inside for _ in range(columns * rows)]
    cells[rng.randrange(len(cells))] = True
    lengths = [len(list(run)) for _, run in itertools.groupby(cells)]
    return {"columns": columns, "rows": rows, "runs": [0, *lengths] if cells[0] else lengths}


def make_document(rng: random.Random) -> dict[str, Any]:
    """A valid document, occasionally a large one."""
    frames = rng.choice((1, 2, 5, 81, 121, 1025))
    most_keys = rng.choice((1, 3, 12)) if rng.random() < 0.99 else 512
    objects = []
    for n in range(rng.choice((0, 1, 2, 6)) if rng.random() < 0.995 else 64):
        tracked: dict[str, Any] = {
            "id": f"o{n}",
            "keyframes": [
                {
                    "frame": frame,
                    "x": rng.uniform(-4, 5),
                    "y": rng.uniform(-4, 5),
                    "w": 10 ** rng.uniform(-6, 0.6),
                    "h": 10 ** rng.uniform(-6, 0.6),
                    **({} if rng.random() < 0.3 else {"ease": make_ease(rng)}),
                }
                for frame in sorted(rng.sample(range(frames), rng.randint(1, min(frames, most_keys))))
            ],
        }
        if rng.random() < 0.5:
            tracked |= {"path": "smooth", "label": "cat", "color": "#a0B1c2"}
        if rng.random() < 0.5:
            tracked["hidden"] = [sorted(rng.choices(range(frames), k=2)) for _ in range(rng.randint(0, 4))]
        if rng.random() < 0.3:
            tracked["shape"] = make_shape(rng)
        objects.append(tracked)
    size = [rng.randint(32, 4096), rng.randint(32, 4096)]
    return {
        "version": 2 if any("shape" in tracked for tracked in objects) else rng.randint(1, 2),
        "size": size,
        "frames": frames,
        "fps": rng.uniform(1, 240),
        "objects": objects,
    }


def make_ease(rng: random.Random) -> Any:
    """A named ease or a cubic-bezier, overshooting ones included."""
    if rng.random() < 0.5:
        return rng.choice(("linear", "hold", "in", "out", "in-out"))
    return [rng.random(), rng.uniform(-2, 3), rng.random(), rng.uniform(-2, 3)]


def make_text(rng: random.Random) -> str:
    """A document's text: one third valid, one third with changed values, one third with damaged text."""
    document = make_document(rng)
    kind = rng.randrange(3)
    if kind == 1:
        for _ in range(rng.randint(1, 3)):
            change_value(document, rng, STRANGE)
    text = json.dumps(document)
    if kind == 2:
        for _ in range(rng.randint(1, 3)):
            text = damaged(text, rng, TEXT_PIECES)
    return text


def try_python(text: str) -> dict[str, str]:
    """What Python makes of a text: its canonical form, a problem, or a crash."""
    try:
        try:
            trajectory = parse(text)
        except TrajectoryError as error:
            return {"problem": str(error)}
        wrong = fault_of(trajectory)
        return {"crash": wrong} if wrong else {"canonical": dumps(trajectory)}
    except Exception:  # any exception is a finding
        return {"crash": traceback.format_exc()}


def fault_of(trajectory: Trajectory) -> str:
    """What goes wrong where a document is sampled, written and cut; "" if nothing does."""
    sampled = sample(trajectory)
    if not np.isfinite(sampled.boxes_TN4).all() or not (sampled.boxes_TN4[..., 2:] > 0).all():
        return "boxes that are not finite"
    if parse(dumps(trajectory)) != trajectory:
        return "another document after writing and reading"
    shorter = (trajectory.frames + 1) // 2
    parse(dumps(retime(trajectory, shorter)))
    try:
        cut = trim(trajectory, shorter)
    except TrajectoryError as error:
        return "" if "at most 512" in str(error) else f"trim refused: {error}"
    parse(dumps(cut))
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Run and report; the exit status says whether all went well."""
    return fuzz_languages(__doc__, make_text, try_python, WORKER, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
