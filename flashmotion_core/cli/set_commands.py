"""``python -m flashmotion_core.bench check-set`` and ``import-set``: sets of clips to measure on.

    python -m flashmotion_core.bench check-set DAVIS                                    # every broken clip with its fault
    python -m flashmotion_core.bench import-set DAVIS --part 2017/val --out sets/davis  # as --set reads it
    python -m flashmotion_core.bench import-set MoveBench --part en/multi --size 832 480 --frames 81 --out sets/move

Sets that you downloaded, by path; nothing is fetched. Layouts, recognised by their folders:

    magicdata   MagicData, FlashBench: a .csv (path, text, num_frames), videos/, masks/, boxs/
    movebench   MoveBench: en/single_track.txt, track/, video/, first_frame_mask/; parts en/single (default), en/multi, zh/single, zh/multi
    davis       DAVIS: JPEGImages/, Annotations/, ImageSets/; parts such as 2017/val (default) or Full-Resolution/2016/train
    own         NAME.json with NAME.mp4, NAME_masks/, NAME.txt and NAME_tracks.npz, as import-set writes it

From your own videos, `python bench/build_set.py` makes a set. A broken clip has missing or damaged frames, another size or length than its masks,
tracks or document, a mask outside of its box, an empty object, or one colour only. Above --allow-broken, both commands end with an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ..sets.go_through import Said

LAYOUTS = ("auto", "magicdata", "movebench", "davis", "own")


class SentenceParser(argparse.ArgumentParser):
    """Says one sentence instead of argparse's usage text."""

    def error(self, message: str) -> NoReturn:
        """Raise it as a ValueError."""
        raise ValueError(f"{message}; see --help")


def add_allow_broken(parser: argparse.ArgumentParser) -> None:
    """Add the option of every command that continues past broken clips."""
    parser.add_argument(
        "--allow-broken",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="end with an error above this share (default: 0.01)",
    )


def check_allow_broken(options: argparse.Namespace) -> None:
    """Raises ValueError unless it is a share."""
    if not 0 <= options.allow_broken <= 1:
        raise ValueError(f"--allow-broken is {options.allow_broken}, but must be a share from 0 to 1.")


def read_set_options(command: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line of `COMMANDS`. Raises ValueError for an unknown, missing or malformed option."""
    parser = SentenceParser(
        prog=f"python -m flashmotion_core.bench {command}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("set", type=Path, help="folder of the set")
    parser.add_argument("--layout", choices=LAYOUTS, default="auto", help="default: auto, by its folders")
    parser.add_argument("--part", help="of MoveBench or DAVIS, see above")
    parser.add_argument(
        "--frames", type=int, help="only the first so many frames of each clip; shorter ones are broken"
    )
    parser.add_argument("--limit", type=int, help="so many clips, evenly spaced (default: all)")
    add_allow_broken(parser)
    if command == "import-set":
        parser.add_argument("--out", type=Path, required=True, help="folder to write; a stopped run continues there")
        parser.add_argument(
            "--size",
            type=int,
            nargs=2,
            metavar=("WIDTH", "HEIGHT"),
            help="scale and crop clips to this, and write them again (default: link them as they are)",
        )
    options = parser.parse_args(arguments)
    check_allow_broken(options)
    for name, least in (("limit", 1), ("frames", 2)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name} is {value}, but must be at least {least}.")
    size = getattr(options, "size", None)
    if size is not None and (min(size) < 32 or max(size) > 4096):
        raise ValueError(f"--size is {size[0]} {size[1]}, but sides must be from 32 to 4096 pixels.")
    return options


def check_set(options: argparse.Namespace) -> None:
    """Name every broken clip. Raises ValueError: too many, or the set cannot be read."""
    from ..sets.go_through import OWN, ClipShape, check_clips
    from ..sets.own_form import changed, read_record

    clips, layout = _clips(options)
    with _progress() as said:
        broken = check_clips(clips, ClipShape(None, options.frames), options.allow_broken, said)
    record = read_record(options.set) if layout == OWN else None
    difference = "" if record is None else changed(options.set, record)
    if difference:
        raise ValueError(f"{options.set}: {difference}; import or build it again, or remove its set.json.")
    as_recorded = "" if record is None else ", all files as set.json says"
    print(f"{options.set} ({layout}): {len(clips) - len(broken)} of {len(clips)} clips are whole{as_recorded}.")


def import_set(options: argparse.Namespace) -> None:
    """Write a set in our form. Raises ValueError: too many broken clips, or the set cannot be read or written."""
    from ..sets.go_through import ClipShape, import_clips

    clips, layout = _clips(options)
    size = None if options.size is None else (int(options.size[0]), int(options.size[1]))
    made_of: dict[str, Any] = {"set": options.set.resolve().name, "layout": layout, "part": options.part}
    made_of |= {"size": None if size is None else list(size), "frames": options.frames}
    with _progress() as said:
        record = import_clips(clips, options.out, made_of, ClipShape(size, options.frames), options.allow_broken, said)
    print(set_line(options.out, record))


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {"check-set": check_set, "import-set": import_set}
"""By the first word of the command line."""


def set_line(folder: Path, record: dict[str, Any]) -> str:
    """What set.json says, in one line."""
    groups = ", ".join(f"{len(names)} with {group}" for group, names in record["groups"].items())
    left_out = f"; {len(record['left_out'])} left out" if record["left_out"] else ""
    return f"{folder}: {record['clips']} clips ({groups} objects){left_out}; documents {record['documents'][:12]}, files {record['files'][:12]}."


def _clips(options: argparse.Namespace) -> tuple[Any, str]:
    from ..sets.go_through import given_clips, layout_of

    layout = layout_of(options.set) if options.layout == "auto" else options.layout
    return given_clips(options.set, layout, options.part, options.limit), layout


@contextmanager
def _progress() -> Iterator[Said]:
    """A bar, and a line for each broken clip."""
    from tqdm import tqdm

    bar: tqdm[NoReturn] = tqdm(unit="clip", delay=0.1)

    def said(done: int, count: int, name: str, fault: str) -> None:
        bar.total = count
        if fault:
            bar.write(f"{name}: {fault}")
        bar.update(done - bar.n)

    try:
        yield said
    finally:
        bar.close()
