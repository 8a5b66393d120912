"""What an error must say, without its wording: the thing it is about, the value received, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def names(error: BaseException | str, *, key: str = "", value: object = "", remedy: str = "") -> None:
    """Assert that an error (or a printed text) names the setting or thing `key`, the `value` received and the `remedy`.

    Each is looked for as it stands, upper and lower case alike; one that is left out is not asked for. A number must stand alone: 0 is not
    found in 1025 or 0.5. An error's text must also be a single line, as everything that a user reads is one sentence.
    """
    text = str(error)
    if isinstance(error, BaseException):
        assert "\n" not in text.strip(), text
    for what, wanted in (("the thing", key), ("the value", value), ("the remedy", remedy)):
        pattern = re.escape(str(wanted))
        if isinstance(wanted, (int, float)):
            pattern = rf"(?<![\w.-]){pattern}(?!\w|\.\d)"
        assert re.search(pattern, text, re.IGNORECASE), f"{what} ({wanted}) is missing in: {text}"


@contextmanager
def refuses(
    kind: type[BaseException] = ValueError, *, key: str = "", value: object = "", remedy: str = ""
) -> Iterator[pytest.ExceptionInfo[BaseException]]:
    """`pytest.raises` with `names`: within it, an error of this kind is raised that says these three parts."""
    assert key or value != "" or remedy, "name at least one part that the error must say"
    with pytest.raises(kind) as raised:
        yield raised
    names(raised.value, key=key, value=value, remedy=remedy)
