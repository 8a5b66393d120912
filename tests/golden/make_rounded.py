"""Write `rounded.json`: numbers, and what is saved of them, which Python and the editor must agree on.

    python tests/golden/make_rounded.py

The reference computes with exact fractions: the double nearest to value times a million, halves up, then over a million.
"""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from pathlib import Path

TARGET = Path(__file__).with_name("rounded.json")
PICKED = [
    0.0,
    -0.0,
    0.5,
    1 / 3,
    -1 / 3,
    1e-6,
    5e-7,
    4.9e-7,
    -5e-7,
    -4.9e-7,
    0.1234565,
    0.1234575,
    -0.1234565,
    4.0,
    -3.9999995,
    4.9999999,
]


def reference(value: float) -> float:
    return math.floor(Fraction(value * 1e6) + Fraction(1, 2)) / 1e6


def main() -> None:
    draw = random.Random(1)
    values = [
        *PICKED,
        *(draw.uniform(-4, 5) for _ in range(40)),
        *((draw.randrange(-4000000, 5000000) + 0.5) / 1e6 for _ in range(40)),
    ]
    pairs = [[value, reference(value)] for value in values]
    TARGET.write_text(json.dumps(pairs) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
