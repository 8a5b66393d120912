"""A check that must run on any Python, so this file uses only syntax shared by Python 2.7 and 3.14."""

import sys

OLDEST = (3, 10)


def require_python(version=None):
    # type: (tuple[int, ...] | None) -> None
    """Exit with one sentence if `version` (None: this Python's) is older than OLDEST."""
    found = tuple(sys.version_info[:2] if version is None else version[:2])
    if found < OLDEST:
        sentence = (
            "FlashMotion needs Python {}.{} or newer, and this is Python {}.{}: "
            "run the same command with a newer one, for example `python3.12`."
        )
        sys.exit(sentence.format(*(OLDEST + found)))
