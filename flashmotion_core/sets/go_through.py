"""Read, check and write the clips of a set one by one. A broken clip is named; too many stop it at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..benchmark.clip_set import NOT_DOCUMENTS, spread
from .clip_faults import check_clip
from .davis import davis_clips, is_davis
from .magic_data import is_magic, magic_clips
from .move_bench import is_move_bench, move_bench_clips
from .own_form import describe_set, own_clips, read_record, write_clip, write_record
from .read_clip import GivenClip, covered

OWN = "own"
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
        raise ValueError(
            f"{folder} has neither documents (NAME.json) nor the folders of MagicData (videos, masks), MoveBench (en/single_track.txt) or DAVIS "
            "(JPEGImages, Annotations); check the name."
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
    _check_names(folder, [clip.name for clip in found])
    return spread(found, limit)


def _check_names(folder: Path, names: Sequence[str]) -> None:
    """Raise ValueError for a name that is none of a file in a folder, such as "..", or is taken by a file of our form."""
    wrong = [name for name in names if name[:1] in ("", ".") or Path(name).name != name]
    wrong += [name for name in names if f"{name}.json".lower() in NOT_DOCUMENTS]
    if wrong:
        raise ValueError(
            f"{folder} names a clip {wrong[0]!r}, which cannot be the name of its files; rename its files and correct its list."
        )


def check_clips(clips: Sequence[GivenClip], shape: ClipShape, allowed: float, said: Said) -> dict[str, str]:
    """The faults of broken clips by name. Raises ValueError if more than the share `allowed` is broken."""
    return _go(clips, shape, allowed, said, None)


def import_clips(
    clips: Sequence[GivenClip], out: Path, made_of: dict[str, Any], shape: ClipShape, allowed: float, said: Said
) -> dict[str, Any]:
    """Write the whole clips into a folder in our form; those with a document there are kept, so that a stopped run continues.

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
        ValueError: the folder holds something else, or more than the share `allowed` is broken.
    """
    record = read_record(out) if out.is_dir() else None
    if record is None and out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty and has no set.json; choose another folder.")
    if record is not None and record.get("made_of") != made_of:
        raise ValueError(
            f"{out} holds a set made of {record.get('made_of')}; choose another folder, or remove that one."
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
        if out is None or not (out / f"{clip.name}.json").is_file():
            try:
                found = clip.read(shape.frames)
                found = found if shape.size is None else covered(found, shape.size)
                check_clip(found)
                if out is not None:
                    write_clip(out, clip.name, clip.prompt, found)
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
