"""Names and paths in the lists of sets. Others made most sets, so a list must not name files outside its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..benchmark.clip_set import NOT_DOCUMENTS


def check_listed(path: str, where: str) -> None:
    """Raise ValueError for a path in a list that is absolute, here or on Windows, or has "..".

    Args:
        path: as the list writes it.
        where: the list and the line, for the sentence.
    """
    kinds = PurePosixPath(path), PureWindowsPath(path)
    if any(kind.anchor or ".." in kind.parts for kind in kinds):
        raise ValueError(
            f"{where} names {path!r}, which is outside the set's folder; put the file there, and write its path from that folder."
        )


def check_names(names: Sequence[str], where: Path) -> None:
    """Raise ValueError for a name that no file can have, such as "..", that a file of our form has, or that stands twice."""
    wrong = [name for name in names if name[:1] in ("", ".") or Path(name).name != name]
    wrong += [name for name in names if f"{name}.json".lower() in NOT_DOCUMENTS]
    if wrong:
        raise ValueError(
            f"{where} names a clip {wrong[0]!r}, which cannot be the name of its files; rename its files and correct its list."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{where} names {len(twice)} clips more than once, such as {twice[0]}; keep one line of each.")
