"""``python -m flashmotion_core.bench``: FlashBench on folders of clips.

    python -m flashmotion_core.bench out/mine                              # NAME.mp4 beside NAME.json
    python -m flashmotion_core.bench mine=out/mine other=out/other --set sets/my_set --out report

A set is a folder with a trajectory document NAME.json for each clip and, if there are any, the real clips (NAME.mp4, NAME.npy or a folder
NAME of PNG or JPEG files) and masks of their objects (NAME_masks/, label pictures). A row is a folder of generated clips of the same names.

`check-set` names the broken clips of a set, `import-set` makes one of FlashBench, MagicData, MoveBench or DAVIS; each has its own --help.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .endings import finish
from .set_commands import COMMANDS, SentenceParser, read_set_options

if TYPE_CHECKING:
    from ..benchmark.bounds import Codec
    from ..benchmark.runner import TrackerOf

TRACKERS = ("template", "flow", "masks")


def read_bench_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises ValueError for an unknown, missing or malformed option."""
    parser = SentenceParser(
        prog="python -m flashmotion_core.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "rows", nargs="+", metavar="[NAME=]FOLDER", help="generated clips; the first is compared with the rest"
    )
    parser.add_argument(
        "--set", type=Path, help="documents and real clips (default: documents beside the first row's clips)"
    )
    parser.add_argument("--out", type=Path, default=Path("flashbench"), help="folder to write (default: flashbench)")
    parser.add_argument(
        "--tracker",
        choices=TRACKERS,
        default="template",
        help="template: colour and pattern; flow: optical flow (needs OpenCV); masks: NAME_masks/ beside the clips (default: template)",
    )
    parser.add_argument("--vae", type=Path, help="codec for the row of real clips through it")
    parser.add_argument("--limit", type=int, help="measure so many clips, evenly spaced by name (default: all)")
    parser.add_argument(
        "--allow-broken", type=float, default=0.01, metavar="SHARE", help="stop above this share (default: 0.01)"
    )
    parser.add_argument(
        "--shard", default="0/1", metavar="I/N", help="only measure part I of N, from 0, and write no report"
    )
    options = parser.parse_args(arguments)
    options.rows = [_row(value) for value in options.rows]
    options.shard = _shard(options.shard)
    if not 0 <= options.allow_broken <= 1:
        raise ValueError(f"--allow-broken is {options.allow_broken}, but must be a share from 0 to 1.")
    if options.limit is not None and options.limit < 1:
        raise ValueError(f"--limit is {options.limit}, but must be at least 1.")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every error that a user can cause is one sentence on stderr.

    Returns:
        the exit code: 0, 2 for wrong input, 130 after Ctrl+C, 128 plus its number after another signal.
    """
    remedy = "measure smaller clips, or close other programs"
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = COMMANDS.get(words[0]) if words else None

    def work() -> None:
        if command is None:
            run(read_bench_options(words))
        else:
            command(read_set_options(words[0], words[1:]))

    return finish(work, {"GPU": remedy, "computer": remedy})


def run(options: argparse.Namespace) -> None:
    """Measure and write. Raises ValueError: an input does not work; the message is one sentence."""
    from tqdm import tqdm

    from ..benchmark.bench_figures import results
    from ..benchmark.bench_files import content_digest
    from ..benchmark.bench_page import markdown, write_page
    from ..benchmark.bench_rows import bound_rows, generated_row
    from ..benchmark.clip_set import read_set
    from ..benchmark.runner import Measuring, measure_rows

    given = options.set or options.rows[0][1]
    _check_form(given)
    generated = {folder.resolve() for _, folder in options.rows}
    bench_set = read_set(given, real=given.resolve() not in generated, limit=options.limit)
    models = [generated_row(name, folder) for name, folder in options.rows]
    has_real = any(clip.real is not None for clip in bench_set.clips)
    if options.vae is not None and not has_real:
        raise ValueError(
            "--vae is given, but the set has no real clips to put through it; leave it out, or name them with --set."
        )
    codec, codec_mark = (None, "") if options.vae is None else (_codec(options.vae), content_digest(options.vae))
    # Masks of files exist for the models' clips only.
    bounds = (
        []
        if options.tracker == "masks"
        else bound_rows(models[0], has_real=has_real, codec=codec, codec_mark=codec_mark)
    )
    rows = [*models, *bounds]
    bars: dict[str, tqdm[NoReturn]] = {}

    def progress(row: str, done: int, count: int) -> None:
        bar = bars.setdefault(row, tqdm(total=count, desc=row, unit="clip"))
        bar.update(done - bar.n)
        if done == count:
            bar.close()

    tracker_of = _tracker_of(options.tracker)
    how = Measuring(tracker_of, allowed=options.allow_broken, shard=options.shard, progress=progress)
    try:
        found = measure_rows(bench_set, rows, options.out / "measured", how)
    finally:
        for bar in bars.values():
            bar.close()
    if options.shard[1] > 1:
        print(
            f"part {options.shard[0]} of {options.shard[1]} is measured; when all are, run without --shard for the report."
        )
        return
    tracker = tracker_of(rows[0], bench_set.clips[0]).protocol
    written = results(bench_set, found, tracker, "")
    page = write_page(options.out, bench_set, found, written)
    print(markdown(written))
    print(f"{page}: the report, with results.json and table.md beside it.")


def _check_form(folder: Path) -> None:
    """Raise ValueError for a set of a public layout."""
    from ..sets.go_through import OWN, layout_of

    layout = layout_of(folder)
    if layout != OWN:
        raise ValueError(
            f"{folder} is a set in the layout {layout}; make it one of documents first, with `python -m flashmotion_core.bench import-set`."
        )


def _row(value: str) -> tuple[str, Path]:
    name, equals, folder = value.partition("=")
    if not equals:
        name, folder = Path(value).resolve().name, value
    if not name or name in (".", "..") or any(character in name for character in '/\\:*?"<>|'):
        raise ValueError(f"the row {value!r} has no name that a file may have; write NAME=FOLDER.")
    return name, Path(folder)


def _shard(value: str) -> tuple[int, int]:
    number, slash, count = value.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or int(number) >= int(count):
        raise ValueError(f"--shard is {value!r}, but must be I/N with I from 0 to N - 1, such as 0/4.")
    return int(number), int(count)


def _tracker_of(name: str) -> TrackerOf:
    if name == "masks":
        from ..benchmark.bench_files import MASKS
        from ..tracking.label_masks import LabelMasks

        return lambda row, clip: LabelMasks((row.folder or Path()) / f"{clip.name}{MASKS}")
    if name == "flow":
        from ..tracking.optical_flow import FlowTracker

        flow = FlowTracker()
        return lambda row, clip: flow
    from ..tracking.appearance import AppearanceTracker

    template = AppearanceTracker()
    return lambda row, clip: template


def _codec(path: Path) -> Codec:
    """Encode and decode clips on the CPU."""
    import numpy as np

    from ..codec.vae import load_vae

    if not path.exists():
        raise ValueError(f"there is no file or folder {path}; check the name.")
    import torch

    vae = load_vae(path, "cpu", torch.float32)
    return lambda frames_THWC: np.stack(list(vae.decode(vae.encode(frames_THWC))))
