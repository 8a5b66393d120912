"""The trajectory of ``python -m flashmotion_core.generate``: a document, or tracks of a tool, on the video's clip."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ..files.file_kinds import existing_file
from ..files.texts import read_text

if TYPE_CHECKING:
    from ..trajectory import Trajectory

_SIZE = re.compile(r"([0-9]{1,5}) *[xX*] *([0-9]{1,5})")


def read_trajectory(options: argparse.Namespace) -> tuple[Trajectory, list[str]]:
    """The trajectory that the options ask for, and a note for each thing that was recognised, cut or left out.

    Raises:
        ValueError: the file or an option does not work; the message is one sentence.
    """
    from ..trajectory import cover, read_tracks, trim

    path = existing_file(options.trajectory)
    size = _size(options.size, "--size")
    source = _size(options.tracks_size, "--tracks-size") or size
    try:
        trajectory, notices = read_tracks(
            read_text(path),
            size=source,
            frames=options.frames,
            fps=24.0 if options.fps is None else options.fps,
            tolerance=options.tolerance,
            objects=options.objects,
            counted_from=options.first_frame,
            fractions=None if options.units is None else options.units == "fractions",
        )
    except UnicodeError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {_with_option(str(error))}") from error
    notes = [f"{path.name}: {notice}" for notice in notices]
    if size is not None and size != trajectory.size:
        notes.append(
            f"{path.name}: Its {trajectory.size[0]} x {trajectory.size[1]} are fitted to the video's {size[0]} x {size[1]}, "
            "as a start image is: scaled to cover it and cut around the centre."
        )
        trajectory = cover(trajectory, size)
    if options.frames is not None and options.frames != trajectory.frames:
        notes.append(f"{path.name}: Its {trajectory.frames} frames become {options.frames}.")
        trajectory = trim(trajectory, options.frames)
    if options.fps is not None:
        if not 0 < options.fps <= 240:
            raise ValueError(f"--fps is {options.fps:g}, but must be above 0 and at most 240.")
        trajectory = replace(trajectory, fps=options.fps)
    return trajectory, notes


def _size(value: str | None, option: str) -> tuple[int, int] | None:
    found = None if value is None else _SIZE.fullmatch(value.strip())
    if value is not None and found is None:
        raise ValueError(f"{option} is {value!r}, but must be a width and a height in pixels, such as 1280x704.")
    return (int(found[1]), int(found[2])) if found else None


def _with_option(problem: str) -> str:
    """The core's sentence with the option that answers it."""
    for words, option in (
        ("give its width and height in pixels.", "--size 1280x704 or --tracks-size 1920x1080"),
        ("of them by their ids.", "--objects ID,ID"),
        ("by raising tolerance", "--tolerance 2"),
    ):
        if words in problem:
            return f"{problem.rstrip('.')}, with {option}."
    return problem
