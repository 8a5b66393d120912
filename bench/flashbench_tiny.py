"""FlashBench-tiny: the benchmark on held-out clips of the synthetic world, for the embedded models.

    python bench/flashbench_tiny.py --out DIR                # all: 6 groups of 100 clips, hours on two cores
    python bench/flashbench_tiny.py --out DIR --limit 24     # 4 clips of each group
    python bench/flashbench_tiny.py --out DIR --guide        # the motion guide's rows instead of the adapters'
    python bench/flashbench_tiny.py --check                  # only whether the set is the one that was published
    python bench/flashbench_tiny.py --long --check           # the same of the long set, 6 groups of 20 clips with 121 frames
    python bench/flashbench_tiny.py --long --models          # the long set and its bounds, for hosts that can

The set is drawn from seeds (split eval_b, which training never sees), 100 clips with 1, 2, ... 6 objects, 17 frames of 128 x 128, as the
embedded models were trained. These saw 1 or 2 objects of 0.32 to 0.42 of the side; more objects are smaller, so that they fit. DIR/set,
DIR/clips/ROW and DIR/report can be measured again with `python -m flashmotion_core.bench`, with any tracker. A stopped run continues.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tiny_clips import CODEC, through_codec
from bench.tiny_models import ADAPTERS, GUIDED, MODELS, write_clips
from bench.tiny_sets import GROUPS, LONG, SHORT, TinySet, checksum, names, tiny_clip, write_set
from flashmotion_core.benchmark.bench_figures import results
from flashmotion_core.benchmark.bench_files import content_digest
from flashmotion_core.benchmark.bench_page import markdown, write_page
from flashmotion_core.benchmark.bench_rows import BenchRow, bound_rows, generated_row
from flashmotion_core.benchmark.clip_set import BenchClip, read_set
from flashmotion_core.benchmark.runner import Measuring, measure_rows
from flashmotion_core.extractors.world_network import WorldExtractor
from flashmotion_core.tracking import ObjectTracker
from train.evaluation.features import DEFAULT
from train.world.clip_tracker import ClipTracker


def measure(out: Path, per_group: int, models: list[str], which: TinySet = SHORT) -> str:
    """Make what is missing, measure it, write the report; the table."""
    write_set(out / "set", per_group, which)
    bench_set = read_set(out / "set")
    bench_set = replace(bench_set, name=which.title, clips=tuple(_first(bench_set.clips, per_group)))
    for name in models:
        print(f"{name}: clips", flush=True)
        write_clips(out / "clips" / name, bench_set.clips, MODELS[name])
    rows = [generated_row(name, out / "clips" / name) for name in models]
    bounds = bound_rows(rows[0] if rows else None, has_real=True, codec=through_codec, codec_mark=content_digest(CODEC))
    extractors = [WorldExtractor(DEFAULT, content_digest(DEFAULT))]

    def tracker_of(row: BenchRow, clip: BenchClip) -> ObjectTracker:
        return ClipTracker(tiny_clip(clip.name, which))

    how = Measuring(
        tracker_of,
        extractors=extractors,
        progress=lambda row, done, count: print(f"{row}: {done} of {count}", flush=True) if done == count else None,
    )
    found = measure_rows(bench_set, [*rows, *bounds], out / "report" / "measured", how)
    written = results(bench_set, found, tracker_of(bounds[0], bench_set.clips[0]).protocol, extractors)
    write_page(out / "report", bench_set, found, written)
    return markdown(written)


def _first(clips: tuple[BenchClip, ...], per_group: int) -> Iterator[BenchClip]:
    """Those of this run, where an earlier one made more."""
    wanted = set(names(per_group))
    return (clip for clip in clips if clip.name in wanted)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("flashbench_tiny"), help="folder to write")
    parser.add_argument("--limit", type=int, help="clips in all, a multiple of 6 (default: 600, long ones 120)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--models", nargs="*", choices=list(MODELS), default=list(ADAPTERS), help="default: the adapters"
    )
    chosen.add_argument("--guide", action="store_true", help="the rows of the motion guide instead")
    parser.add_argument("--check", action="store_true", help="only draw the set and compare its checksum")
    parser.add_argument("--long", action="store_true", help="clips of 121 frames instead of 17")
    options = parser.parse_args()
    which = LONG if options.long else SHORT
    if options.check:
        found = checksum(which.per_group, which)
        print(f"{found}: {'as published' if found == which.checksum else f'not the published {which.checksum}'}")
        return int(found != which.checksum)
    most = GROUPS * which.per_group
    limit = most if options.limit is None else options.limit
    if not GROUPS <= limit <= most or limit % GROUPS:
        print(f"--limit is {limit}, but must be a multiple of 6 from 6 to {most}.", file=sys.stderr)
        return 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(measure(options.out, limit // GROUPS, list(GUIDED) if options.guide else options.models, which))
    return 0


if __name__ == "__main__":
    sys.exit(main())
