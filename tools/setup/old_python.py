"""The check that must run on any Python, so this file is written in what Python 2.7 and 3.14 both understand."""

import sys

OLDEST = (3, 10)


def require_python(version=None):
    # type: (tuple[int, ...] | None) -> None
    """End with one sentence when `version` (None: this Python's) is older than OLDEST."""
    found = tuple(sys.version_info[:2] if version is None else version[:2])
    if found < OLDEST:
        sentence = (
            "FlashMotion needs Python {}.{} or newer and this is Python {}.{}: "
            "run the same command with a newer one, for example `python3.12`."
        )
        sys.exit(sentence.format(*(OLDEST + found)))
