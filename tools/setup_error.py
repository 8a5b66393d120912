"""The one exception whose text is shown to the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SetupError(Exception):
    """Something outside this program prevents it from continuing.

    The text is one sentence that names the problem and the remedy. `details`, such as the last lines of a log, are shown
    above it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@contextmanager
def refused(option: str) -> Iterator[None]:
    """What the core refuses of an option's file, as a `SetupError` that names the option."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SetupError(f"{option}: {error}") from error
