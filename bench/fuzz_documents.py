"""Fuzz the parser and the sampler with random and mutated trajectory documents.

    python bench/fuzz_documents.py [100000] [--seed 0] [--node PATH]

Each text is parsed; if that works, it is sampled, written, read back and cut. Any error but a `TrajectoryError` from the
parser, boxes that are not finite, or a document that changes in the round trip counts as a crash. The editor's JavaScript reads each
text too, and must say the same; without node only Python is tried, and the last line says so. Prints the rate, the slowest text and the
peak memory; exits with 1 on any crash or difference, after printing the seed that reproduces it.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.languages import Node, alike
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
        objects.append(tracked)
    size = [rng.randint(32, 4096), rng.randint(32, 4096)]
    return {"version": 1, "size": size, "frames": frames, "fps": rng.uniform(1, 240), "objects": objects}


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
            change_value(document, rng)
    text = json.dumps(document)
    if kind == 2:
        for _ in range(rng.randint(1, 3)):
            at, length = rng.randrange(len(text) + 1), rng.choice((0, 1, 1, 5, 200))
            piece = rng.choice((*TEXT_PIECES, "", text[at : at + 50]))
            text = text[:at] + piece + text[at + length :]
    return text


def change_value(document: dict[str, Any], rng: random.Random) -> None:
    """Replace, remove, duplicate or add one value somewhere in the document."""
    parent: Any = document
    while parent:
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        if isinstance(parent[key], (dict, list)) and rng.random() < 0.8:
            parent = parent[key]
            continue
        action = rng.randrange(4)
        if action == 0:
            del parent[key]
        elif action == 1 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif action == 2 and isinstance(parent, dict):
            parent[str(key) + rng.choice("sx")] = copy.deepcopy(rng.choice(STRANGE))
        else:
            parent[key] = copy.deepcopy(rng.choice(STRANGE))
        return


def try_one(text: str) -> str:
    """ "parsed", "refused", or what went wrong."""
    return try_python(text)[0]


def try_python(text: str) -> tuple[str, dict[str, str]]:
    """ "parsed", "refused", or what went wrong; and the canonical text, or the problem."""
    try:
        trajectory = parse(text)
    except TrajectoryError as error:
        return "refused", {"problem": str(error)}
    except Exception:  # any other exception is a finding
        return traceback.format_exc(), {}
    outcome = used(trajectory)
    return outcome, {"canonical": dumps(trajectory)} if outcome == "parsed" else {}


def used(trajectory: Trajectory) -> str:
    """ "parsed", or what went wrong where a document was sampled, written and cut."""
    try:
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
            return "parsed" if "at most 512" in str(error) else f"trim refused: {error}"
        parse(dumps(cut))
    except Exception:  # any exception is a finding
        return traceback.format_exc()
    return "parsed"


def peak_memory() -> str:
    """The process's largest memory so far."""
    try:
        import resource
    except ImportError:  # Windows
        return "unknown on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (1024 if sys.platform != 'darwin' else 1024**2):.0f} MiB"


def main() -> int:
    """Run and report; the exit status says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--node", default=shutil.which("node"), help="the node program (default: the one on the PATH)")
    options = parser.parse_args()

    node = Node(options.node, WORKER) if options.node else None
    outcomes: Counter[str] = Counter()
    slowest = (0.0, 0, 0)
    spent = 0.0
    before = peak_memory()
    for number in range(options.count):
        seed = options.seed * 1_000_000_007 + number
        text = make_text(random.Random(seed))
        start = time.perf_counter()
        outcome, python = try_python(text)
        seconds = time.perf_counter() - start
        spent += seconds
        slowest = max(slowest, (seconds, seed, len(text)))
        if outcome not in ("parsed", "refused"):
            print(f"seed {seed}: {outcome}\n{text[:500]!a}\n")
            outcome = "crashed"
        elif node and not alike(python, script := node.read(text)):
            print(
                f"seed {seed}: different\n{text[:500]!a}\n  Python:     {str(python)[:600]!a}\n  JavaScript: {str(script)[:600]!a}\n"
            )
            outcome = "different"
        outcomes[outcome] += 1
    if node:
        node.close()
    print(", ".join(f"{amount} {name}" for name, amount in sorted(outcomes.items())))
    print(f"{options.count / max(spent, 1e-9):.0f} documents per second (generating them is not counted)")
    print(f"slowest: {slowest[0] * 1000:.1f} ms, a text of {slowest[2]} characters, seed {slowest[1]}")
    print(f"peak memory: {peak_memory()} (at the start: {before})")
    print(
        "Python and JavaScript were compared" if node else "Python alone: no node program was found, give one by --node"
    )
    return 1 if outcomes["crashed"] or outcomes["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
