"""The benchmark on a set of real clips for the embedded models and the bounds.

    python bench/build_set.py VIDEOS --out SET --size 128 128 --frames 17 --fps 10     # a folder of real videos, see there
    python bench/real_clips.py SET --out DIR                                           # DIR/clips/ROW, DIR/TRACKER

The embedded models know 17 frames of 128 x 128 of the synthetic world; they never saw a real video. A stopped run continues.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tiny_clips import CODEC
from bench.tiny_models import ADAPTERS, write_clips
from flashmotion_core.benchmark.clip_set import read_set
from flashmotion_core.cli.bench import main as measure
from flashmotion_core.files.named_words import split_word


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, help="the set")
    parser.add_argument("--out", type=Path, default=Path("real_clips"), help="folder to write")
    parser.add_argument("--limit", type=int, help="so many clips, evenly spaced (default: all)")
    parser.add_argument("--models", nargs="+", choices=list(ADAPTERS), default=list(ADAPTERS))
    parser.add_argument(
        "--tracker", default="flow", help="as the benchmark names it (default: flow, which needs OpenCV)"
    )
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    for name in options.models:
        print(f"{name}: clips", flush=True)
        write_clips(options.out / "clips" / name, read_set(options.set, limit=options.limit).clips, ADAPTERS[name])
    rows = [f"{name}={options.out / 'clips' / name}" for name in options.models]
    words = ["--set", str(options.set), "--vae", str(CODEC), "--tracker", options.tracker]
    limit = [] if options.limit is None else ["--limit", str(options.limit)]
    return measure([*rows, *words, *limit, "--out", str(options.out / split_word(options.tracker)[0])])


if __name__ == "__main__":
    sys.exit(main())
