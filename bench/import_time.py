"""What the pack adds to ComfyUI's start: python bench/import_time.py COMFYUI_FOLDER [RUNS]

In a fresh process per run, imports what ComfyUI has imported by the time it loads custom nodes, then the pack, and prints the median of
the pack's time. Run it with the Python of that ComfyUI.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]
PROGRAM = """
import asyncio, gc, importlib.util, sys, time
sys.path.insert(0, sys.argv[1])
from comfy.cli_args import args
args.cpu = True
import nodes, comfy_extras.nodes_model_advanced, comfy_api.latest
gc.collect()  # pay the collection debt of earlier imports: a full collection over torch's objects takes longer than our import
start = time.perf_counter()
spec = importlib.util.spec_from_file_location("pack", sys.argv[2] + "/__init__.py", submodule_search_locations=[sys.argv[2]])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
extension = asyncio.run(module.comfy_entrypoint())
for node in asyncio.run(extension.get_node_list()):
    node.define_schema()
print("MS", 1000 * (time.perf_counter() - start))
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comfyui", type=Path, help="folder of a ComfyUI")
    parser.add_argument("runs", type=int, nargs="?", default=7, help="processes, at least 1 (default: 7)")
    options = parser.parse_args()
    comfyui, runs = options.comfyui.resolve(), options.runs
    times = []
    for _ in range(runs):
        command = [sys.executable, "-c", PROGRAM, str(comfyui), str(PACK)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACK.parent)
        times += [float(line[3:]) for line in done.stdout.splitlines() if line.startswith("MS ")]
    print(
        f"import and schemas: median {statistics.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms ({runs} runs, {platform.machine()})"
    )


if __name__ == "__main__":
    main()
