"""A set of clips to measure on: one trajectory document each, and the real clips and masks where there are any."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ..files.texts import read_text
from ..trajectory import Sampled, Trajectory, dumps, parse, sample
from .bench_files import MASKS, find_clip

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class BenchClip:
    """One clip of a set.

    Attributes:
        name: of its files, without suffix.
        trajectory: what was asked for; its size and length are the clip's.
        real: the real clip, if there is one.
        masks: folder of the objects' masks as label pictures, one per frame, if there is one.
        tracks: file of points that are asked for, see `sets.point_tracks`, if there is one.
    """

    name: str
    trajectory: Trajectory
    real: Path | None = None
    masks: Path | None = None
    tracks: Path | None = None

    @cached_property
    def asked(self) -> Sampled:
        """Boxes and visibility per frame."""
        return sample(self.trajectory)


@dataclass(frozen=True, eq=False)
class BenchSet:
    """Clips in the order of their names; `name` is for people, `checksum` of all documents."""

    name: str
    clips: tuple[BenchClip, ...]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the clips' names and documents in canonical form."""
        lines = [f"{clip.name} {dumps(clip.trajectory)}\n" for clip in self.clips]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_set(folder: Path, *, real: bool = True, limit: int | None = None) -> BenchSet:
    """The set in a folder: a document ``NAME.json`` for each clip, beside it the real clip (see `bench_files.find_clip`), ``NAME_masks/`` and
    ``NAME_tracks.npz``.

    Args:
        folder: the set's.
        real: whether clips beside the documents are the real ones; False in a folder of generated clips with their documents.
        limit: take so many clips, evenly spaced in the order of their names, so that all groups of a sorted set occur.

    Raises:
        ValueError: no folder, no documents, or one that cannot be used.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; check the name.")
    clips = []
    for file, trajectory in _parsed(spread(some_documents(folder), limit)):
        masks, tracks = folder / f"{file.stem}{MASKS}", folder / f"{file.stem}{TRACKS}"
        found = find_clip(folder, file.stem) if real else None
        clips.append(
            BenchClip(
                file.stem, trajectory, found, masks if masks.is_dir() else None, tracks if tracks.is_file() else None
            )
        )
    return BenchSet(_title(folder), tuple(clips))


def _parsed(files: Sequence[Path]) -> list[tuple[Path, Trajectory]]:
    """Documents with their files. Raises ValueError that names all which cannot be used, each with its fault."""
    found, faults = [], []
    for file in files:
        try:
            trajectory = parse(read_text(file))
        except ValueError as error:
            faults.append(f"{file.name}: {error}")
            continue
        if trajectory.objects:
            found.append((file, trajectory))
        else:
            faults.append(f"{file.name} has no objects, so there is nothing to measure; add one or remove the file.")
    if len(faults) == 1:
        raise ValueError(faults[0])
    if faults:
        named = "; ".join(fault.rstrip(".") for fault in faults[:NAMED])
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise ValueError(
            f"{len(faults)} of {len(files)} documents cannot be used ({named}{more}); mend or remove them."
        )
    return found


def _title(folder: Path) -> str:
    """What a set is called: the set that it was made of, as set.json says, else its folder."""
    try:
        made_of = json.loads(read_text(folder / RECORD))["made_of"]["set"]
    except (OSError, ValueError, KeyError, TypeError):
        made_of = None
    return made_of if isinstance(made_of, str) and 0 < len(made_of) <= LONGEST_TITLE else folder.resolve().name


def documents(folder: Path) -> list[Path]:
    """The documents in a folder, by name."""
    return sorted(path for path in folder.glob("[!.]*.json") if path.name not in NOT_DOCUMENTS)


def some_documents(folder: Path) -> list[Path]:
    """The same. Raises ValueError if there are none."""
    files = documents(folder)
    if not files:
        raise ValueError(f"{folder} holds no documents; give each clip one, NAME.json beside NAME.mp4.")
    return files


TRACKS = "_tracks.npz"
"""Ending of the file of a clip's tracks."""
NAMED = 20
"""Broken clips or documents that an error names."""
RECORD, LONGEST_TITLE = "set.json", 60
NOT_DOCUMENTS = (RECORD, "cost.json")
"""JSON files that are not trajectories."""


def spread(files: list[Item], limit: int | None) -> list[Item]:
    """At most `limit` of the files or clips, evenly spaced. Raises ValueError for a limit below 1."""
    if limit is None or limit >= len(files):
        return files
    if limit < 1:
        raise ValueError(f"the limit is {limit}, but at least 1 clip is measured; raise it.")
    return [files[number * len(files) // limit] for number in range(limit)]
