"""Read, check and write the clips of a set one by one. A broken clip is named; too many stop it at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..benchmark.clip_set import documents, spread
from ..files.whole_file import write_whole
from .clip_faults import check_clip
from .davis import davis_clips, is_davis
from .listed_names import check_names
from .magic_data import is_magic, magic_clips
from .move_bench import is_move_bench, move_bench_clips
from .own_form import describe_set, own_clips, read_record, remove_clip, write_clip, write_record
from .read_clip import GivenClip, ReadClip, covered

OWN = "own"
MADE_OF = ".made_of"
"""Folder within a set, with a file for each clip: what it was made of."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
"""MoveBench comes as ``en.tar.gz``, DAVIS as .zip."""
LAYOUTS = ("magicdata", "movebench", "davis", OWN)
"""MagicData's is FlashBench's too, as far as is known."""

Said = Callable[[int, int, str, str], None]
"""Called with clips done, clips, a clip's name, and its fault or ""."""


@dataclass(frozen=True)
class ClipShape:
    """What clips are brought to: (width, height) and number of frames; None as they are."""

    size: tuple[int, int] | None = None
    frames: int | None = None


def layout_of(folder: Path) -> str:
    """The layout of a folder. Raises ValueError if there is no such folder, or it has none."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; check the name.")
    known = {"davis": is_davis, "movebench": is_move_bench, "magicdata": is_magic}
    found = next((name for name, fits in known.items() if fits(folder)), None)
    if found is None and not any(folder.glob("*.json")):
        packed = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(ARCHIVES))
        raise ValueError(
            f"{folder} has neither documents (NAME.json) nor the folders of MagicData (videos, masks), MoveBench (en/single_track.txt) or DAVIS "
            f"(JPEGImages, Annotations); {f'unpack {packed[0]} there' if packed else 'check the name'}."
        )
    return found or OWN


def given_clips(folder: Path, layout: str, part: str | None, limit: int | None = None) -> list[GivenClip]:
    """The clips that a set names, or so many of them, evenly spaced. Raises ValueError if it cannot be listed, or has no such part."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; check the name.")
    if part is not None and layout not in ("movebench", "davis"):
        raise ValueError(f"the part {part} is given, but a set of the layout {layout} has no parts; leave it out.")
    if layout == "davis":
        found = davis_clips(folder, part)
    elif layout == "movebench":
        found = move_bench_clips(folder, part)
    else:
        found = magic_clips(folder) if layout == "magicdata" else own_clips(folder)
    if not found:
        raise ValueError(f"{folder} names no clips; check its list.")
    check_names([clip.name for clip in found], folder)
    return spread(found, limit)


def check_clips(clips: Sequence[GivenClip], shape: ClipShape, allowed: float, said: Said) -> dict[str, str]:
    """The faults of broken clips by name. Raises ValueError if more than the share `allowed` is broken."""
    return _go(clips, shape, allowed, said, None)


def import_clips(
    clips: Sequence[GivenClip], out: Path, made_of: dict[str, Any], shape: ClipShape, allowed: float, said: Said
) -> dict[str, Any]:
    """Write the whole clips into a folder in our form; those that are there from the same files are kept, so that a stopped run continues.

    Args:
        clips: of the set.
        out: the folder.
        made_of: for set.json; plain JSON values.
        shape: what they are brought to.
        allowed: share of clips that may be broken.
        said: told of each clip.

    Returns:
        what set.json says.

    Raises:
        ValueError: the folder holds something else, names do not fit files, or more than the share `allowed` is broken.
    """
    check_names([clip.name for clip in clips], out)
    record = read_record(out) if out.is_dir() else None
    if record is None and out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty and has no set.json; choose another folder.")
    if record is not None and record.get("made_of") != made_of:
        raise ValueError(
            f"{out} holds a set made of {record.get('made_of')}; choose another folder, or remove that one."
        )
    others = (
        sorted({path.stem for path in documents(out)} - {clip.name for clip in clips}) if record is not None else []
    )
    if others:
        raise ValueError(
            f"{out} holds {len(others)} clips that this set does not name, such as {others[0]}; choose another folder, or remove that one."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_record(out, {"format": 1, "made_of": made_of, "clips": None})
    broken = _go(clips, shape, allowed, said, out)
    made = describe_set(out, made_of, broken)
    write_record(out, made)
    return made


def _go(clips: Sequence[GivenClip], shape: ClipShape, allowed: float, said: Said, out: Path | None) -> dict[str, str]:
    broken: dict[str, str] = {}
    for done, clip in enumerate(clips, start=1):
        fault = ""
        try:
            if out is None:
                _checked(clip, shape)
            else:
                _write(clip, shape, out)
        except (ValueError, OSError) as error:
            fault = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            broken[clip.name] = fault
        said(done, len(clips), clip.name, fault)
    if len(broken) > allowed * len(clips):
        first, why = next(iter(broken.items()))
        raise ValueError(
            f"{len(broken)} of {len(clips)} clips are broken, more than {allowed:.0%}, such as {first}: {why}; mend or remove them, or allow a "
            "larger share."
        )
    return broken


def _write(clip: GivenClip, shape: ClipShape, out: Path) -> None:
    """Write a clip, unless it is there and made of the same files; a broken one leaves none behind."""
    made_of, mark = out / MADE_OF / clip.name, _mark(clip)
    if (out / f"{clip.name}.json").is_file() and made_of.is_file() and made_of.read_text(encoding="ascii") == mark:
        return
    remove_clip(out, clip.name)
    write_clip(out, clip.name, clip.prompt, _checked(clip, shape))
    write_whole(made_of, mark)


def _checked(clip: GivenClip, shape: ClipShape) -> ReadClip:
    found = clip.read(shape.frames)
    found = found if shape.size is None else covered(found, shape.size)
    check_clip(found)
    return found


def _mark(clip: GivenClip) -> str:
    """A digest of the prompt and of the files' names, sizes and times."""
    stats = [(str(path.absolute()), path.stat()) for path in clip.files()]
    told = [clip.prompt, *([name, stat.st_size, stat.st_mtime_ns] for name, stat in stats)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
