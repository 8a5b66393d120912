"""The same text read by Python and by JavaScript, for the fuzzers."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.fuzzing import fuzz, fuzz_options


class Node:
    """A node process that reads one text after the other."""

    def __init__(self, node: str, worker: Path, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [node, str(worker), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii"
        )

    def read(self, text: str) -> dict[str, Any]:
        """What JavaScript makes of a text."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"crash": "node ended"}
        return found

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=30)


def fuzz_languages(
    description: str | None,
    make_text: Callable[[random.Random], str],
    read: Callable[[str], dict[str, Any]],
    worker: Path,
    *worker_arguments: object,
    arguments: list[str] | None = None,
) -> int:
    """The command of a fuzzer that has Python and JavaScript read the same texts; returns its exit status.

    Args:
        description: what the command's help says.
        make_text: a text by chance.
        read: what Python makes of a text: a "problem", a "crash", or whatever JavaScript must make of it, too.
        worker: JavaScript's side, a module that `fuzz_worker.js` serves.
        *worker_arguments: its arguments.
        arguments: of the command; None takes the process's.
    """
    parser = fuzz_options(description, 100_000)
    parser.add_argument("--node", default=shutil.which("node"), help="the node program (default: the one on the PATH)")
    options = parser.parse_args(arguments)
    node = Node(options.node, worker, *worker_arguments) if options.node else None

    def attempt(text: str) -> tuple[str, str]:
        python = read(text)
        script = node.read(text) if node else python
        if "crash" not in python and "crash" not in script and alike(python, script):
            return "refused" if "problem" in python else "read", ""
        outcome = "crashed" if "crash" in python or "crash" in script else "different"
        return outcome, f"{text[:500]!a}\n  Python:     {str(python)[:2000]!a}\n  JavaScript: {str(script)[:600]!a}"

    status = fuzz(make_text, attempt, count=options.count, seed=options.seed)
    if node:
        node.close()
    print(
        "Python and JavaScript were compared" if node else "Python alone: no node program was found, give one by --node"
    )
    return status


_NO_JSON = " is not valid JSON"
_FAULTS_OF_TEXT = (_NO_JSON, "twice in one object", " is nested too deeply")


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both languages say the same; numbers and the reasons for wrong JSON may be written differently."""
    if "problem" not in one or "problem" not in other:
        return one == other
    problems = [plain(one["problem"]), plain(other["problem"])]
    # Which of two faults of a JSON text is named first is each language's own, too.
    return problems[0] == problems[1] or all(any(fault in p for fault in _FAULTS_OF_TEXT) for p in problems)


def plain(problem: str) -> str:
    """A sentence without what each language writes in its own form."""
    problem = re.sub(r" (is not valid JSON \(|contains the number ).*", " is not valid JSON", problem)
    return re.sub(r" is (-?[0-9.]+(e[+-]?[0-9]+)?|inf|-inf|an integer of [0-9]+ bits): ", " is NUMBER: ", problem)
