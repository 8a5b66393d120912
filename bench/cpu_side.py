"""The work of the CPU beside the GPU, each against its alternative in the same run, as one table of ratios.

    python bench/cpu_side.py [--comfyui FOLDER] [--runs 7] [--only WORD]      (the map needs opencv-python-headless)

    control map        rendering 121 frames of 704 x 1280 with 6 boxes / the OpenCV loop (bench/control_map.py; the same pixels)
    boxes              JSON to boxes, 64 objects with 512 keys each in 512 frames / reading that JSON alone
    sampling           FewStepSampler / ComfyUI's KSampler with lcm, four steps of the tiny model at 128 x 96 x 17 (needs --comfyui)
    ResNet             FewStepSampler with a ResNet of the 5B's width on a generator of half its width and 2 blocks / without (needs --comfyui)
    start              ComfyUI's imports and ours / ComfyUI's imports alone (needs --comfyui)

Times are process time (all threads), not wall-clock time, so other work on the machine matters little. Both sides take turns, and the
median of the runs counts (of start, the minimum). A ratio is ours / the alternative. Run it with the Python of that ComfyUI.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.terminal import last_line

ROOT = Path(__file__).resolve().parents[1]

Pair = tuple[float, float]
"""Seconds of ours and of the alternative."""
OBJECTS, KEYS = 64, 512


def typical(ours: Callable[[], object], other: Callable[[], object], runs: int) -> Pair:
    """The median processor time of each, after one unmeasured run of each; who goes first changes from round to round."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for work, times in list(zip((ours, other), found, strict=True))[:: -1 if number % 2 else 1]:
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
    return median(found[0][1:]), median(found[1][1:])


def control_map(runs: int) -> Pair:
    """Rendering against the OpenCV loop."""
    from bench.control_map import THICKNESS, opencv_loop, scene
    from flashmotion_core.trajectory import render

    sampled = scene()
    return typical(lambda: render(sampled, thickness=THICKNESS), lambda: opencv_loop(sampled), runs)


def dense_document(objects: int = OBJECTS, keys: int = KEYS) -> str:
    """A trajectory with a key of every object in every frame."""
    from flashmotion_core.trajectory import Keyframe, TrackedObject, Trajectory, dumps

    tracked = tuple(
        TrackedObject(
            f"object {n}",
            tuple(Keyframe(k, (0.13 * n + 0.01 * k) % 1, (0.29 * n + 0.02 * k) % 1, 0.1, 0.1) for k in range(keys)),
        )
        for n in range(objects)
    )
    return dumps(Trajectory((1280, 704), keys, tracked))


def boxes(runs: int) -> Pair:
    """Parsing, checking and sampling against reading the same JSON."""
    from flashmotion_core.trajectory import parse, sample

    text = dense_document()
    return typical(lambda: sample(parse(text)), lambda: json.loads(text), runs)


START = """
import sys, time
sys.path.insert(0, sys.argv[1])
from comfy.cli_args import args
args.cpu = True
import nodes, comfy_extras.nodes_model_advanced, comfy_api.latest
import asyncio, importlib.util
before = time.process_time()
spec = importlib.util.spec_from_file_location("pack", sys.argv[2] + "/__init__.py", submodule_search_locations=[sys.argv[2]])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
for node in asyncio.run(asyncio.run(module.comfy_entrypoint()).get_node_list()):
    node.define_schema()
print("S", before, time.process_time() - before)
"""


def start(comfyui: Path, runs: int) -> Pair:
    """Processor time of a fresh process until ComfyUI's imports and then the pack's are done, over ComfyUI's alone.

    Both come from the same processes, because ComfyUI's own part differs between two processes by more than the pack takes.
    """
    command = [sys.executable, "-c", START, str(comfyui), str(ROOT)]
    taken = []
    for _ in range(runs):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
        taken.append(next(tuple(map(float, line.split()[1:])) for line in done.stdout.splitlines() if line[:2] == "S "))
    without, pack = (min(times) for times in zip(*taken, strict=True))
    return without + pack, without


SAMPLING = """
import sys
from pathlib import Path
root = Path(sys.argv[2])
sys.path.append(str(root / "bench/full_size"))
from comfyui_worker import Graphs, start
comfyui, runs, what = sys.argv[1], int(sys.argv[3]), sys.argv[4]
sys.argv[1:] = []
pack = start(comfyui)
import torch
from bench.cpu_side import typical
from bench.full_size.clip_job import ClipSize
from bench.full_size.models import HALF, TINY
torch.set_num_threads(1)
with torch.inference_mode():
    if what == "sampler":
        graphs = Graphs(pack, TINY, ClipSize(96, 128, 17))
        latent = graphs.latent()
        pair = (lambda: graphs.ours(latent), lambda: graphs.stock(latent))
    else:
        graphs = Graphs(pack, HALF, ClipSize(160, 160, 33))
        latent, controlled = graphs.latent(), graphs.controlled()
        pair = (lambda: graphs.ours(latent, controlled), lambda: graphs.ours(latent))
    print("S", *typical(*pair, runs))
"""


def sampling(comfyui: Path, runs: int, what: str) -> Pair:
    """In one ComfyUI, on one thread.

    Args:
        comfyui: its folder.
        runs: of each.
        what: ``sampler`` for FewStepSampler against KSampler, ``resnet`` for FewStepSampler with a ResNet against itself without.
    """
    command = [sys.executable, "-c", SAMPLING, str(comfyui), str(ROOT), str(runs), what]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    ours, stock = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("S "))
    return float(ours), float(stock)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, metavar="FOLDER", help="a ComfyUI, the folder with main.py")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="measured runs of each (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="only rows whose name contains one of these words, such as start"
    )
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs is {options.runs}, but must be at least 1.")
    measures: dict[str, Callable[[], Pair]] = {
        "control map / OpenCV loop": lambda: control_map(options.runs),
        f"boxes of {OBJECTS} x {KEYS} keys / its JSON": lambda: boxes(options.runs),
    }
    if options.comfyui is not None:
        comfyui = options.comfyui.resolve()
        if not (comfyui / "comfy").is_dir():
            parser.error(
                f"{options.comfyui} is not a ComfyUI folder, because it lacks the subfolder comfy; give the folder with main.py."
            )
        measures["FewStepSampler / KSampler"] = lambda: sampling(comfyui, options.runs, "sampler")
        measures["FewStepSampler with a ResNet / without"] = lambda: sampling(comfyui, options.runs, "resnet")
        measures["start with / without the pack"] = lambda: start(comfyui, options.runs)
    if options.only:
        chosen = {name: work for name, work in measures.items() if any(word in name for word in options.only)}
        if not chosen:
            parser.error(
                f"--only is {' '.join(options.only)}, but no row's name contains that; choose words from: {', '.join(measures)}."
            )
        measures = chosen
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.runs} runs\n")
    print("| what | ours, s | alternative, s | ratio |\n| --- | --- | --- | --- |")
    for name, measure in measures.items():
        try:
            ours, other = measure()
        except ModuleNotFoundError as error:
            print(f"| {name} | {error.name} is not installed | | |", flush=True)
        except subprocess.CalledProcessError as error:
            print(f"| {name} | the other process ended with: {last_line(error.stderr)} | | |", flush=True)
        else:
            print(f"| {name} | {ours:.4f} | {other:.4f} | {ours / other:.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
