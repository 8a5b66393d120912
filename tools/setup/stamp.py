"""Small files that record which request a finished step answered, so that it is not repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """The stamp at `path` of a step whose result depends only on `request`.

    It is written after the step, so an interrupted step is repeated.
    """

    path: Path
    request: str

    def is_current(self) -> bool:
        """Whether the step was finished for exactly this request."""
        return self.path.is_file() and self.path.read_text(encoding="utf-8") == self._digest()

    def write(self) -> None:
        """Record that the step is finished."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self._digest(), encoding="utf-8")

    def _digest(self) -> str:
        return hashlib.sha256(self.request.encode()).hexdigest() + "\n"
