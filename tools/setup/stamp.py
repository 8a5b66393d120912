"""Small files that say which request a finished step answered, so that it is not done again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """The stamp at `path` of a step whose result depends on `request` and on nothing else.

    Written after the step, so that an interrupted one is done again.
    """

    path: Path
    request: str

    def is_current(self) -> bool:
        """Whether the step was finished for this very request."""
        return self.path.is_file() and self.path.read_text(encoding="utf-8") == self._digest()

    def write(self) -> None:
        """Say that the step is finished."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self._digest(), encoding="utf-8")

    def _digest(self) -> str:
        return hashlib.sha256(self.request.encode()).hexdigest() + "\n"
