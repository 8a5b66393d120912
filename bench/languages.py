"""The same text read by Python and by JavaScript, for the fuzzers."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any


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


_NO_JSON = " is not valid JSON"
_FAULTS_OF_TEXT = (_NO_JSON, "twice in one object", " is nested too deeply")


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both languages say the same; numbers and the reasons for wrong JSON may be written differently."""
    if "problem" not in one or "problem" not in other:
        return one == other
    problems = [plain(one["problem"]), plain(other["problem"])]
    # Which of two faults of a JSON text is named first is each language's own, too.
    return problems[0] == problems[1] or (
        any(_NO_JSON in p for p in problems) and all(any(fault in p for fault in _FAULTS_OF_TEXT) for p in problems)
    )


def plain(problem: str) -> str:
    """A sentence without what each language writes in its own form."""
    problem = re.sub(r" (is not valid JSON \(|contains the number ).*", " is not valid JSON", problem)
    return re.sub(r" is (-?[0-9.]+(e[+-]?[0-9]+)?|inf|-inf|an integer of [0-9]+ bits): ", " is NUMBER: ", problem)
