"""The one exception whose text is shown to the person at the terminal."""

from __future__ import annotations


class SetupError(Exception):
    """Something outside this program is in the way.

    The text is one sentence that says what and what to do; `details` (the last lines of a log, for example) are
    shown above it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
