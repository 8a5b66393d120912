"""The version of FlashMotion, which pyproject.toml holds. `python -m tools.version TAG` checks that a release's files agree with its tag."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .terminal import options_of

ROOT = Path(__file__).resolve().parents[1]


def version(root: Path = ROOT) -> str:
    """`version` of pyproject.toml, for example "0.1.0". Read with a pattern, as Python 3.10 has no tomllib."""
    return _find(root / "pyproject.toml", r'^version = "(.+)"$')


def disagreements(tag: str, root: Path = ROOT) -> list[str]:
    """One sentence for each place whose version is not that of the git tag `tag`; none when `tag` can be published."""
    wanted = tag.removeprefix("v")
    found = {"pyproject.toml": version(root), "CITATION.cff": _find(root / "CITATION.cff", r"^version: (.+)$")}
    wrong = [f"{name} has the version {said!r}, the tag is {tag}." for name, said in found.items() if said != wanted]
    heading = rf"^## \[{re.escape(wanted)}\] - \d{{4}}-\d{{2}}-\d{{2}}$"
    if not re.search(heading, (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        wrong.append(f"CHANGELOG.md has no heading `## [{wanted}] - YYYY-MM-DD`, the tag is {tag}.")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what disagrees with the tag; 1 when something does."""
    parser = options_of("tools.version", __doc__)
    parser.add_argument("tag", metavar="TAG", help="for example v0.1.0")
    tag: str = parser.parse_args(arguments).tag
    wrong = disagreements(tag)
    print("\n".join(wrong) if wrong else f"{tag} is the version everywhere.")
    return 1 if wrong else 0


def _find(file: Path, pattern: str) -> str:
    found = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file.name} has no line that matches {pattern}; write the version there.")
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
