"""A row's figures on the disk, a line per clip, written as they come: an evaluation that was killed continues with the next clip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flashmotion_core.files.whole_file import write_whole

from .control_measures import Scores

Figures = tuple[Scores, list[float] | None]
"""A clip's values, and its features."""


class KeptRow:
    """What is known of a row. A line holds what was measured under a mark, which covers all that it depends on; others are not looked at."""

    def __init__(self, file: Path) -> None:
        """Read what is there; a line that cannot be read, such as a torn last one, does not count."""
        self.file = file
        self._lines: dict[str, dict[str, Any]] = {}
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                self._lines[entry["mark"]] = entry
            except (ValueError, TypeError, KeyError, RecursionError):
                continue

    def figures(self, mark: str) -> Figures | None:
        """A clip's figures."""
        entry = self._lines.get(mark, {})
        return (entry["scores"], entry.get("features")) if isinstance(entry.get("scores"), dict) else None

    def value(self, mark: str, name: str) -> Any:
        """Something else that was kept, or None."""
        return self._lines.get(mark, {}).get(name)

    def keep(self, mark: str, **values: Any) -> None:
        """Add a line. NaN is refused."""
        entry = {"mark": mark, **values}
        self._lines[mark] = entry
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"\n{json.dumps(entry, allow_nan=False)}\n")  # a torn line may stand before it

    def tidy(self, marks: Sequence[str]) -> None:
        """Write the file again with these lines alone, in this order."""
        lines = [json.dumps(self._lines[mark], allow_nan=False) for mark in marks if mark in self._lines]
        write_whole(self.file, "\n".join(lines) + "\n")
