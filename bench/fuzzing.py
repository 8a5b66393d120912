"""What the fuzzers share: damage by chance, and the loop that tries, times and reports."""

from __future__ import annotations

import argparse
import copy
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Case = TypeVar("Case")


def fuzz_options(description: str | None, count: int) -> argparse.ArgumentParser:
    """The command line of a fuzzer: how many cases, and which."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=count)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def fuzz(
    make: Callable[[random.Random], Case], attempt: Callable[[Case], tuple[str, str]], *, count: int, seed: int
) -> int:
    """Try `count` cases and print each finding with the seed that reproduces it, then the rate, the slowest case and the peak memory.

    Args:
        make: a case by chance; its time is not counted.
        attempt: what became of the case in one word, and what to print about it; "" if all went well.
        count: how many cases.
        seed: the cases are others for another one.

    Returns:
        the exit status: 1 after any finding.
    """
    outcomes: Counter[str] = Counter()
    slowest, spent, findings = (0.0, 0), 0.0, 0
    before = peak_memory()
    for this in range(seed * 1_000_000_007, seed * 1_000_000_007 + count):
        case = make(random.Random(this))
        start = time.process_time()
        outcome, finding = attempt(case)
        seconds = time.process_time() - start
        spent += seconds
        slowest = max(slowest, (seconds, this))
        outcomes[outcome] += 1
        if finding:
            findings += 1
            print(f"seed {this}: {outcome}\n{finding}\n")
    print(", ".join(f"{amount} {name}" for name, amount in sorted(outcomes.items())))
    print(
        f"{count / max(spent, 1e-9):.0f} a second of Python's processor time; slowest: {slowest[0] * 1000:.1f} ms, seed {slowest[1]}"
    )
    print(f"peak memory: {peak_memory()} (at the start: {before})")
    return 1 if findings else 0


def peak_memory() -> str:
    """The process's largest memory so far."""
    try:
        import resource
    except ImportError:  # Windows
        return "unknown on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (1024 if sys.platform != 'darwin' else 1024**2):.0f} MiB"


def damaged(text: str, rng: random.Random, pieces: Sequence[str], longest: int = 200) -> str:
    """The text with a part of at most `longest` characters replaced by one of `pieces`, another part of it, or nothing."""
    at, length = rng.randrange(len(text) + 1), rng.choice((0, 1, 1, 5, longest))
    piece = rng.choice((*pieces, "", text[at : at + 50]))
    return text[:at] + piece + text[at + length :]


def change_value(document: Any, rng: random.Random, strange: Sequence[Any], keys: Sequence[str] = ()) -> None:
    """Replace, remove, copy, nudge or add one value somewhere in decoded JSON, in place.

    Args:
        document: lists and objects.
        rng: the chance.
        strange: values to put in.
        keys: names of values to add; without any, names like those beside them.
    """
    parent = document
    while parent:
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        value = parent[key]
        if isinstance(value, (dict, list)) and value and rng.random() < 0.7:
            parent = value
            continue
        action = rng.randrange(5)
        if action == 0:
            del parent[key]
        elif action == 1 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(value))
        elif action == 2 and isinstance(parent, dict):
            parent[rng.choice(keys or [f"{key}s", f"{key}x"])] = copy.deepcopy(rng.choice(strange))
        elif action == 3 and type(value) in (int, float) and abs(value) < 1e300:
            parent[key] = rng.choice((value + 1, value - 1, 2 * value, -value, value / 3, str(value)))
        else:
            parent[key] = copy.deepcopy(rng.choice(strange))
        return
