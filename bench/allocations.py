"""Large tensors that a step writes inside ComfyUI, counted on the meta device at full size, where nothing is computed.

    python bench/allocations.py --comfyui FOLDER [--size 1280x704] [--frames 121] [--out FILE.md]

Counts every new tensor of 100 MB and more: for one transformer block (ComfyUI's own, ours with ComfyUI's kernels, ours alone), for one
injection of a residual, and for one step with no adapter, a ResNet and a ControlNet; then the most bytes that are alive at once, and what
the nodes add to ComfyUI's own estimate of that. Attention is left out on all sides: its kernels write their result alone. Takes seconds
on a CPU. Run it with the Python of that ComfyUI.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .counted_writes import Bench

ROOT = Path(__file__).resolve().parents[1]
TITLE = "# Large tensors of a step in ComfyUI\n\n"
COLUMNS = (
    "tensors of 100 MB or more",
    "written, GB",
    "calls of attention",
    "peak, MB",
    "over no adapter, MB",
    "added to ComfyUI's estimate, MB",
)
STEPS: dict[str, tuple[tuple[str, int], ...]] = {
    "no adapter": (),
    "ResNet": (("resnet", 1),),
    "ControlNet": (("controlnet", 1),),
    "ControlNet, `compute_every` 2": (("controlnet", 2),),
    "ResNet and ControlNet": (("resnet", 1), ("controlnet", 1)),
    "two ControlNets": (("controlnet", 1), ("controlnet", 1)),
}


def table(bench: Bench) -> str:
    """All counts as Markdown."""
    lines = ["| what | tensors of 100 MB or more | written, GB |", "| --- | --- | --- |"]
    parts = {
        "a block of ComfyUI's generator": bench.host_block(),
        "a block of the ControlNet in ComfyUI": bench.our_block(as_guest=True),
        "the same block with its own kernels": bench.our_block(as_guest=False),
        "an injection of the ControlNet": bench.injection("controlnet"),
        "an injection of the ResNet": bench.injection("resnet"),
    }
    lines += [f"| {name} | {count.tensors} | {count.written / 1e9:.2f} |" for name, count in parts.items()]
    lines += [
        "",
        f"| a step with | {' | '.join(COLUMNS)} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    plain = 0
    for name, adapters in STEPS.items():
        count, added = bench.step(*adapters)
        plain = plain or count.peak
        numbers = (count.peak / 1e6, (count.peak - plain) / 1e6, added / 1e6)
        sizes = " | ".join(f"{number:,.0f}" for number in numbers)
        lines.append(f"| {name} | {count.tensors} | {count.written / 1e9:.1f} | {count.calls} | {sizes} |")
    return "\n".join(lines)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--comfyui", type=Path, required=True, metavar="FOLDER", help="a ComfyUI, the folder with main.py"
    )
    parser.add_argument("--size", default="1280x704", metavar="WxH", help="pixels (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=121, metavar="N", help="frames, 4k + 1 (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables here as well")
    options = parser.parse_args()
    comfyui = options.comfyui.resolve()
    if not (comfyui / "comfy").is_dir():
        parser.error(
            f"{options.comfyui} is not a ComfyUI folder, because it lacks the subfolder comfy; give the folder with main.py."
        )
    width, _, height = options.size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        parser.error(f"--size is {options.size!r}, but must be width x height in pixels, such as 1280x704.")
    sys.argv[1:] = []  # ComfyUI would parse them as its own
    sys.path.append(str(ROOT))  # at the end: the top-level name `nodes` is ComfyUI's
    from bench.counted_writes import Bench
    from bench.inside_comfyui import load_pack, start_comfyui

    start_comfyui(comfyui, cpu=True)
    import torch

    text = table(Bench(load_pack(), int(width), int(height), options.frames))
    print(text)
    if options.out is not None:
        head = (
            f"{TITLE}`python bench/allocations.py --comfyui FOLDER`: {options.size}, {options.frames} frames, bf16, "
            f"{date.today():%d %B %Y}, torch {torch.__version__}, {comfyui.name}.\n\n"
        )
        options.out.write_text(head + text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
