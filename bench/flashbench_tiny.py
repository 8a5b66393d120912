"""FlashBench-tiny: the benchmark on held-out clips of the synthetic world, for the embedded models.

    python bench/flashbench_tiny.py --out DIR                # all: 6 groups of 100 clips, hours on two cores
    python bench/flashbench_tiny.py --out DIR --limit 24     # 4 clips of each group
    python bench/flashbench_tiny.py --out DIR --guide        # the motion guide's rows instead of the adapters'
    python bench/flashbench_tiny.py --check                  # only whether the set is the one that was published

The set is drawn from seeds (split eval_b, which training never sees), 100 clips with 1, 2, ... 6 objects, 17 frames of 128 x 128, as the
embedded models were trained. These saw 1 or 2 objects of 0.32 to 0.42 of the side; more objects are smaller, so that they fit. DIR/set,
DIR/clips/ROW and DIR/report can be measured again with `python -m flashmotion_core.bench`, with any tracker. A stopped run continues.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.tiny_clips import CODEC, FAST, SLOW, Recipe, make_clip, through_codec
from flashmotion_core.adapters import MapStyle
from flashmotion_core.benchmark.bench_figures import results
from flashmotion_core.benchmark.bench_files import MASKS, content_digest
from flashmotion_core.benchmark.bench_page import markdown, write_page
from flashmotion_core.benchmark.bench_rows import BenchRow, bound_rows, generated_row
from flashmotion_core.benchmark.clip_set import BenchClip, read_set
from flashmotion_core.benchmark.runner import Measuring, measure_rows
from flashmotion_core.extractors.world_network import WorldExtractor
from flashmotion_core.tracking import ObjectTracker
from flashmotion_core.trajectory import Sampled, dumps, render
from flashmotion_core.video import Frames
from flashmotion_core.whole_file import write_whole
from train.evaluation.features import DEFAULT
from train.world import synthetic
from train.world.clip_tracker import ClipTracker
from train.world.difficulty import PRESETS, Difficulty
from train.world.synthetic import Clip

SEED, SPLIT, SIZE, FRAMES = 1801, "eval_b", (128, 128), 17
GROUPS, PER_GROUP = 6, 100
SMALLER = (1.0, 1.0, 0.9, 0.8, 0.72, 0.66)
"""Factor of the objects' sides in each group."""
CHECKSUM = "3d3b1731414967cdff7c7a9db993fc555b858912fee89e053681237e34a3e2bb"
"""SHA-256 of all documents and frames, by `checksum`."""


RESNET, CONTROLNET = "flashmotion_tiny_resnet", "flashmotion_tiny_controlnet"
SLOW_RESNET, SLOW_CONTROLNET = "flashmotion_tiny_slow_resnet", "flashmotion_tiny_slow_controlnet"
FOLLOWS, MANY = (0.25, 0.5, 0.75, 1.0), 50
ADAPTERS = {
    "FastAdapter-ResNet": Recipe(FAST, RESNET),
    "FastAdapter-ControlNet": Recipe(FAST, CONTROLNET),
    "SlowAdapter-ResNet": Recipe(FAST, SLOW_RESNET),
    "SlowAdapter-ControlNet": Recipe(FAST, SLOW_CONTROLNET),
}
"""All on the FastGenerator, with its own four steps."""
GUIDED = {
    "FastAdapter-ResNet": Recipe(FAST, RESNET),
    "FastGenerator": Recipe(FAST),
    **{f"FastGenerator-guide-{follow:g}": Recipe(FAST, follow=follow) for follow in FOLLOWS},
    "FastAdapter-ResNet-guide-0.5": Recipe(FAST, RESNET, follow=0.5),
    "SlowGenerator-50": Recipe(SLOW, steps=MANY),
    **{f"SlowGenerator-50-guide-{follow:g}": Recipe(SLOW, follow=follow, steps=MANY) for follow in FOLLOWS},
    "SlowAdapter-ResNet-50": Recipe(SLOW, SLOW_RESNET, steps=MANY),
    "SlowAdapter-ResNet-50-guide-0.5": Recipe(SLOW, SLOW_RESNET, follow=0.5, steps=MANY),
}
"""The motion guide, which is given the boxes alone as the adapters are: four steps, and 50 Euler steps of the SlowGenerator."""
MODELS = {**ADAPTERS, **GUIDED}


def world_of(group: int) -> Difficulty:
    """The world of a group, by its number of objects, 1 to 6."""
    simple, factor = PRESETS["simple"], SMALLER[group - 1]
    low, high = simple.side
    return replace(
        simple, sprites=(group, group), side=(low * factor, high * factor), overlap=0.0 if group < 3 else 0.3
    )


def tiny_clip(name: str) -> Clip:
    """A clip by its name, such as `objects3_017`."""
    group, index = int(name[7]), int(name[9:])
    return synthetic.clip(SEED + group, index, world_of(group), SIZE, FRAMES, SPLIT)


def names(per_group: int) -> list[str]:
    """Names of the first so many clips of each group."""
    return [f"objects{group}_{index:03d}" for group in range(1, GROUPS + 1) for index in range(per_group)]


def checksum(per_group: int = PER_GROUP) -> str:
    """SHA-256 over names, documents and frames."""
    total = hashlib.sha256()
    for name in names(per_group):
        clip = tiny_clip(name)
        total.update(f"{name} {dumps(clip.document)}\n".encode())
        total.update(clip.frames_THWC.tobytes())
    return total.hexdigest()


def write_set(folder: Path, per_group: int) -> None:
    """Documents, real clips and masks of the first clips of each group; what is there is kept."""
    for name in names(per_group):
        if not (folder / f"{name}.json").is_file():
            clip = tiny_clip(name)
            for t, owner_HW in enumerate(clip.owner_THW):
                picture = Image.fromarray(owner_HW)
                write_whole(folder / f"{name}{MASKS}" / f"{t:05d}.png", partial(picture.save, format="PNG"))
            write_whole(folder / f"{name}.npy", _array(clip.frames_THWC))
            write_whole(folder / f"{name}.json", dumps(clip.document))


def _array(frames_THWC: Frames) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, frames_THWC)
    return buffer.getvalue()


def write_clips(folder: Path, clips: tuple[BenchClip, ...], recipe: Recipe) -> None:
    """Generate the clips that are not there yet, and note what all cost: processor seconds."""
    cost = _read_cost(folder / COST)
    for clip in clips:
        if (folder / f"{clip.name}.npy").is_file():
            continue
        assert clip.real is not None
        seed = int(hashlib.sha256(clip.name.encode()).hexdigest()[:8], 16)  # the same noise for every model
        draw = partial(_control_map, clip.asked)
        made = make_clip(recipe, np.load(clip.real)[0], clip.asked, draw, seed=seed)
        write_whole(folder / f"{clip.name}.npy", _array(made.frames_THWC))
        count = cost.get(TIMED, 0) + 1
        for stage, seconds in made.seconds.items():
            before = cost.get(f"{stage} s", 0.0)
            cost[f"{stage} s"] = round(before + (seconds - before) / count, 4)
        cost[TIMED] = count
        write_whole(folder / COST, json.dumps(cost) + "\n")


COST, TIMED = "cost.json", "clips timed"


def _read_cost(file: Path) -> dict[str, float]:
    """What earlier runs noted."""
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def _control_map(asked: Sampled, style: MapStyle) -> Frames:
    return render(asked, **asdict(style))


def measure(out: Path, per_group: int, models: list[str]) -> str:
    """Make what is missing, measure it, write the report; the table."""
    write_set(out / "set", per_group)
    bench_set = read_set(out / "set")
    bench_set = replace(bench_set, name="FlashBench-tiny", clips=tuple(_first(bench_set.clips, per_group)))
    for name in models:
        print(f"{name}: clips", flush=True)
        write_clips(out / "clips" / name, bench_set.clips, MODELS[name])
    rows = [generated_row(name, out / "clips" / name) for name in models]
    bounds = bound_rows(rows[0], has_real=True, codec=through_codec, codec_mark=content_digest(CODEC))
    extractors = [WorldExtractor(DEFAULT, content_digest(DEFAULT))]

    def tracker_of(row: BenchRow, clip: BenchClip) -> ObjectTracker:
        return ClipTracker(tiny_clip(clip.name))

    how = Measuring(
        tracker_of,
        extractors=extractors,
        progress=lambda row, done, count: print(f"{row}: {done} of {count}", flush=True) if done == count else None,
    )
    found = measure_rows(bench_set, [*rows, *bounds], out / "report" / "measured", how)
    written = results(bench_set, found, tracker_of(rows[0], bench_set.clips[0]).protocol, extractors)
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
    parser.add_argument(
        "--limit", type=int, default=GROUPS * PER_GROUP, help="clips in all, a multiple of 6 (default: 600)"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--models", nargs="+", choices=list(MODELS), default=list(ADAPTERS), help="default: the adapters"
    )
    chosen.add_argument("--guide", action="store_true", help="the rows of the motion guide instead")
    parser.add_argument("--check", action="store_true", help="only draw the set and compare its checksum")
    options = parser.parse_args()
    if options.check:
        found = checksum()
        print(f"{found}: {'as published' if found == CHECKSUM else f'not the published {CHECKSUM}'}")
        return int(found != CHECKSUM)
    if not GROUPS <= options.limit <= GROUPS * PER_GROUP or options.limit % GROUPS:
        print(f"--limit is {options.limit}, but must be a multiple of 6 from 6 to 600.", file=sys.stderr)
        return 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(measure(options.out, options.limit // GROUPS, list(GUIDED) if options.guide else options.models))
    return 0


if __name__ == "__main__":
    sys.exit(main())
