"""FlashBench-tiny: the benchmark on held-out clips of the synthetic world, for the embedded models.

    python bench/flashbench_tiny.py --out DIR                # all: 6 groups of 100 clips, hours on two cores
    python bench/flashbench_tiny.py --out DIR --limit 24     # 4 clips of each group
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
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flashmotion_core.adapters import build_adapter, read_adapter
from flashmotion_core.benchmark.bench_figures import results
from flashmotion_core.benchmark.bench_files import MASKS, content_digest
from flashmotion_core.benchmark.bench_page import markdown, write_page
from flashmotion_core.benchmark.bench_rows import BenchRow, bound_rows, generated_row
from flashmotion_core.benchmark.clip_set import BenchClip, read_set
from flashmotion_core.benchmark.runner import Measuring, measure_rows
from flashmotion_core.extractors.world_network import WorldExtractor
from flashmotion_core.pipeline import Control, load_generator, load_vae, no_text, sample_latent
from flashmotion_core.tracking import ObjectTracker
from flashmotion_core.trajectory import dumps, render, sample
from flashmotion_core.video import Frames
from flashmotion_core.wan.conditioning import latent_shape
from flashmotion_core.whole_file import write_whole
from train.evaluation.features import DEFAULT
from train.world import synthetic
from train.world.clip_tracker import ClipTracker
from train.world.difficulty import PRESETS, Difficulty
from train.world.synthetic import Clip

TINY = Path(__file__).resolve().parents[1] / "assets" / "tiny"
SEED, SPLIT, SIZE, FRAMES = 1801, "eval_b", (128, 128), 17
GROUPS, PER_GROUP = 6, 100
SMALLER = (1.0, 1.0, 0.9, 0.8, 0.72, 0.66)
"""Factor of the objects' sides in each group."""
CHECKSUM = "3d3b1731414967cdff7c7a9db993fc555b858912fee89e053681237e34a3e2bb"
"""SHA-256 of all documents and frames, by `checksum`."""


@dataclass(frozen=True)
class TinyModel:
    """A generator with an adapter, by their files in `TINY`."""

    generator: str
    adapter: str


MODELS = {
    "FastAdapter-ResNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_resnet"),
    "FastAdapter-ControlNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_controlnet"),
    "SlowAdapter-ResNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_slow_resnet"),
    "SlowAdapter-ControlNet": TinyModel("flashmotion_tiny_generator", "flashmotion_tiny_slow_controlnet"),
}
"""All on the FastGenerator, with its own four steps."""


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


def write_clips(folder: Path, clips: tuple[BenchClip, ...], model: TinyModel) -> None:
    """Generate the clips of a model that are not there yet, and note what they cost."""
    missing = [clip for clip in clips if not (folder / f"{clip.name}.npy").is_file()]
    if not missing:
        return
    generator = load_generator(
        TINY / "diffusion_models" / f"{model.generator}.safetensors", "cpu", torch.float32, "core"
    )
    file = read_adapter(TINY / "model_patches" / f"{model.adapter}.safetensors", torch.float32)
    adapter = build_adapter(file, generator.info.config, device="cpu", dtype=torch.float32)
    vae = load_vae(TINY / "vae" / "flashmotion_tiny_vae.safetensors", "cpu", torch.float32)
    schedule = generator.info.schedule or file.schedule
    spent = {"encode": 0.0, "denoise": 0.0, "decode": 0.0}
    for clip in missing:
        started = time.perf_counter()
        control_map = render(sample(clip.trajectory), **asdict(file.map_style))
        control = Control(adapter, vae.encode(control_map))
        assert clip.real is not None
        clean = vae.encode(np.load(clip.real)[:1])
        encoded = time.perf_counter()
        seed = int(hashlib.sha256(clip.name.encode()).hexdigest()[:8], 16)  # the same noise for every model
        shape = latent_shape(*clip.trajectory.size, clip.trajectory.frames)
        text = no_text(generator.info.config)
        latent = sample_latent(generator, text, shape, [control], clean_BCFHW=clean, schedule=schedule, seed=seed)
        denoised = time.perf_counter()
        frames_THWC = np.stack(list(vae.decode(latent)))
        for stage, seconds in zip(
            spent, (encoded - started, denoised - encoded, time.perf_counter() - denoised), strict=True
        ):
            spent[stage] += seconds
        write_whole(folder / f"{clip.name}.npy", _array(frames_THWC))
    cost = {f"{stage} s": round(seconds / len(missing), 3) for stage, seconds in spent.items()}
    write_whole(folder / "cost.json", json.dumps(cost) + "\n")


def measure(out: Path, per_group: int, models: list[str]) -> str:
    """Make what is missing, measure it, write the report; the table."""
    write_set(out / "set", per_group)
    bench_set = read_set(out / "set")
    bench_set = replace(bench_set, name="FlashBench-tiny", clips=tuple(_first(bench_set.clips, per_group)))
    for name in models:
        print(f"{name}: clips", flush=True)
        write_clips(out / "clips" / name, bench_set.clips, MODELS[name])
    rows = [generated_row(name, out / "clips" / name) for name in models]
    vae_file = TINY / "vae" / "flashmotion_tiny_vae.safetensors"
    vae = load_vae(vae_file, "cpu", torch.float32)

    def through(frames_THWC: Frames) -> Frames:
        return np.stack(list(vae.decode(vae.encode(frames_THWC))))

    bounds = bound_rows(rows[0], has_real=True, codec=through, codec_mark=content_digest(vae_file))
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
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--check", action="store_true", help="only draw the set and compare its checksum")
    options = parser.parse_args()
    if options.check:
        found = checksum()
        print(f"{found}: {'as published' if found == CHECKSUM else f'not the published {CHECKSUM}'}")
        return int(found != CHECKSUM)
    if not GROUPS <= options.limit <= GROUPS * PER_GROUP or options.limit % GROUPS or not options.models:
        print(
            f"--limit is {options.limit}, but must be a multiple of 6 from 6 to 600, with at least one model.",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(measure(options.out, options.limit // GROUPS, options.models))
    return 0


if __name__ == "__main__":
    sys.exit(main())
