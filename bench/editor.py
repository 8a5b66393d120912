"""What the trajectory editor costs in the page: python bench/editor.py COMFYUI_FOLDER CHROMIUM [--only drag] [--frontend FOLDER]

`--only drag` (two minutes; on a quiet machine, or its clock means nothing): 16 objects x 121 frames x 20 keyframes; the main thread's time
per frame while a box is dragged (from the pointer event to the end of layout and painting; median, 95th percentile, worst), against the goal
of 16.7 ms, also on the last frame of a photograph with the cut-out preview; and what it draws while idle.

`--only opening`: a workflow with ten such nodes, with ten empty documents, with ten stubs (the page registers the node's own definition
under another name, so that the frontend makes the same inputs and outputs with a text field in place of our editor), and with ten of
each of ComfyUI's own: with one text field and nothing else, with a text field for tracks and 12 inputs, with text fields and 15 inputs,
as many as ours. Each time under new numbers, because a node that comes again takes its old editor. First what hardly depends on the
machine: elements in the page, listeners added, layouts and passes over the styles. Then the time by the clock and the processor time of
the page's main thread, until the second picture and until the page is quiet, because editors in sight are built meanwhile; and the
processor time as a ratio to the stub's.

Measures both renderers. Run it with the Python of that ComfyUI, which needs Playwright. `--frontend` is the folder `static` of another
comfyui_frontend_package.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.editor_scripts import (  # noqa: E402
    CLEAN,
    DRAG,
    ELEMENTS,
    IDLE,
    LISTENERS,
    OPEN,
    PICTURES,
    PLACE,
    REGISTER_STUB,
    STUB,
    VALUE,
)
from bench.processor_time import Processor  # noqa: E402
from tools.comfy.base_folder import link_pack  # noqa: E402 (needs the path above)
from tools.comfy.frontend import BROWSER_ARGUMENTS, open_page, set_settings  # noqa: E402
from tools.comfy.server import Server  # noqa: E402

OBJECTS, FRAMES, KEYFRAMES, NODES = 16, 121, 20, 10
# ComfyUI's own nodes with text fields, by the field's name: without any other input, with 12 inputs, and with 15, as DrawTrajectory has.
TEXT_FIELD, TRACKS, AS_LARGE = "PrimitiveStringMultiline", "WanTrackToVideo", "TextEncodeAceStepAudio1.5"
QUIET_MS = 700
# A frame at 60 Hz.
GOAL_MS = 16.7


def document(full: bool) -> str:
    """A large trajectory, or an empty one."""
    objects = [
        {
            "id": f"o{n}",
            "label": f"object {n}",
            "path": "smooth",
            "keyframes": [
                {
                    "frame": round(k * (FRAMES - 1) / (KEYFRAMES - 1)),
                    "x": 0.5 + 0.35 * math.sin(n + k / 3),
                    "y": 0.5 + 0.35 * math.cos(2 * n + k / 4),
                    "w": 0.12,
                    "h": 0.16,
                    "ease": "in-out",
                }
                for k in range(KEYFRAMES)
            ],
        }
        for n in range(OBJECTS if full else 0)
    ]
    return json.dumps({"version": 1, "size": [1280, 704], "frames": FRAMES, "fps": 24, "objects": objects})


def graph(count: int, full: bool) -> dict[str, Any]:
    """A workflow of `count` editors."""
    return {
        str(index + 1): {"class_type": "DrawTrajectory", "inputs": {"trajectory": document(full)}}
        for index in range(count)
    }


def with_picture(nodes: dict[str, Any]) -> dict[str, Any]:
    """The workflow with a photograph in its first editor."""
    nodes["1"]["inputs"]["start_image"] = ["picture", 0]
    return {**nodes, "picture": {"class_type": "LoadImage", "inputs": {"image": "cat.jpg"}}}


def core_graph(count: int, node: str) -> dict[str, Any]:
    """A workflow of `count` nodes without our editor."""
    name = {TEXT_FIELD: "value", STUB: "trajectory", TRACKS: "tracks", AS_LARGE: "tags"}[node]
    inputs = {name: document(False) if node == STUB else "[]"}
    return {str(index + 1): {"class_type": node, "inputs": inputs} for index in range(count)}


def numbered(nodes: dict[str, Any], first: int) -> dict[str, Any]:
    """The same nodes with numbers from `first` on."""
    return {str(first + index): node for index, node in enumerate(nodes.values())}


def figures(times: list[float]) -> str:
    """Median, 95th percentile and worst in milliseconds."""
    ordered = sorted(times)
    p95 = ordered[int(0.95 * len(ordered))]
    met = f"{'meets' if p95 < GOAL_MS else 'misses'} {GOAL_MS}"
    return f"median {statistics.median(ordered):5.1f}  p95 {p95:5.1f} ({met})  worst {ordered[-1]:5.1f} ms"


def measure(page: Any, name: str) -> None:
    """Print the drag and idle figures of one renderer."""
    page.evaluate(OPEN, graph(1, True))
    page.wait_for_function("() => document.querySelector('.fm-canvas')?.clientWidth > 0")
    page.wait_for_timeout(1000)
    # The first object's box on frame 0.
    place = [*page.evaluate(PLACE, [0.5, 0.85]), 240]
    page.evaluate(DRAG, [*place[:2], 20])  # warms up
    processor = Processor(page)
    times = page.evaluate(DRAG, place)
    busy = processor.lap() / place[2]
    objects = json.loads(page.evaluate(VALUE))["objects"]
    assert len(objects) == OBJECTS, "the drag made no box"
    assert objects[0]["keyframes"][0]["x"] > 0.5 + 10 / 700, "both drags moved the box"
    print(f"{name:<9} drag, {OBJECTS} x {FRAMES} x {KEYFRAMES}      {figures(times)}  processor {busy:4.1f} ms a frame")
    page.wait_for_timeout(500)
    print(f"{name:<9} drawing calls in 2 s while idle         {page.evaluate(IDLE, 2000)}")


def measure_cutouts(page: Any, name: str) -> None:
    """Print the drag figures of one renderer on the last frame, with the cut-out preview over a photograph."""
    page.evaluate(OPEN, with_picture(graph(1, True)))
    page.wait_for_function("() => document.querySelector('.fm-canvas')?.clientWidth > 0")
    page.locator(".fm-sink").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(2000)
    before = page.evaluate(VALUE)
    place = [*page.evaluate(PLACE, [0.5 + 0.35 * math.sin(19 / 3), 0.5 + 0.35 * math.cos(19 / 4)]), 240]
    page.evaluate(DRAG, [*place[:2], 20])  # warms up
    page.evaluate(PICTURES)
    processor = Processor(page)
    times = page.evaluate(DRAG, place)
    busy = processor.lap() / place[2]
    drawn = page.evaluate(PICTURES) / place[2]
    assert page.evaluate(VALUE) != before, "the drag moved a box"
    assert drawn > 2 * OBJECTS, "holes and cut-outs were drawn"
    print(f"{name:<9} drag with cut-outs, {drawn:3.0f} pictures  {figures(times)}  processor {busy:4.1f} ms a frame")


def counts(page: Any, processor: Processor, nodes: dict[str, Any]) -> str:
    """What opening these nodes adds to an empty page, until it is quiet."""
    page.evaluate(CLEAN)
    page.wait_for_timeout(QUIET_MS)
    names = ("LayoutCount", "RecalcStyleCount")
    elements, before = page.evaluate(ELEMENTS), [processor.metric(name) for name in names]
    page.evaluate(LISTENERS)
    page.evaluate(OPEN, numbered(nodes, 5000))
    page.wait_for_timeout(2 * QUIET_MS)
    listeners = page.evaluate(LISTENERS)
    layouts, styles = (processor.metric(name) - value for name, value in zip(names, before, strict=True))
    added = page.evaluate(ELEMENTS) - elements
    return f"{added:5} elements {listeners:5} listeners {layouts:4.0f} layouts {styles:4.0f} styles"


def measure_opening(page: Any, name: str) -> None:
    """Print what opening ten nodes costs in one renderer."""
    page.evaluate(REGISTER_STUB)
    graphs = {
        "full": graph(NODES, True),
        "with empty documents": graph(NODES, False),
        "as stubs": core_graph(NODES, STUB),
        TEXT_FIELD: core_graph(NODES, TEXT_FIELD),
        TRACKS: core_graph(NODES, TRACKS),
        AS_LARGE: core_graph(NODES, AS_LARGE),
    }
    processor = Processor(page)
    opened: dict[str, list[float]] = {what: [] for what in graphs}
    busy: dict[str, list[float]] = {what: [] for what in graphs}
    quiet: dict[str, list[float]] = {what: [] for what in graphs}
    for turn in range(8):
        for what, nodes in graphs.items():
            page.evaluate(CLEAN)
            page.wait_for_timeout(QUIET_MS)
            processor.lap()
            elapsed = page.evaluate(OPEN, numbered(nodes, 100 * turn + 100))
            first = processor.lap()
            page.wait_for_timeout(QUIET_MS)
            if turn == 0:
                continue  # warms up
            opened[what].append(elapsed)
            busy[what].append(first)
            quiet[what].append(first + processor.lap())
    stub = [statistics.median(times["as stubs"]) for times in (busy, quiet)]
    for what, nodes in graphs.items():
        first, whole = (statistics.median(times[what]) for times in (busy, quiet))
        print(
            f"{name:<9} opening {NODES} nodes {what:<25} {counts(page, processor, nodes)}  {statistics.median(opened[what]):4.0f} ms, "
            f"processor {first:4.0f}, until quiet {whole:4.0f}; to the stub's {first / stub[0]:.2f}, {whole / stub[1]:.2f}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comfyui", type=Path, metavar="COMFYUI_FOLDER")
    parser.add_argument("chromium", metavar="CHROMIUM")
    parser.add_argument("--only", choices=["drag", "opening"])
    parser.add_argument("--frontend", type=Path)
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    print(f"{platform.platform()}, {platform.machine()}")
    extra = ["--front-end-root", str(arguments.frontend.resolve())] if arguments.frontend else []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        link_pack(ROOT, base / "custom_nodes")
        (base / "input").mkdir(exist_ok=True)
        shutil.copy(ROOT / "assets/tiny/cat.jpg", base / "input")
        with (
            Server(sys.executable, arguments.comfyui.resolve(), base, extra_args=extra) as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=arguments.chromium, args=list(BROWSER_ARGUMENTS))
            for vue in (False, True):
                set_settings(server.url, {"Comfy.VueNodes.Enabled": vue})
                page = browser.new_page(viewport={"width": 1500, "height": 1000})
                open_page(page, server.url)
                name = "Nodes 2.0" if vue else "classic"
                if arguments.only != "opening":
                    measure(page, name)
                    measure_cutouts(page, name)
                if arguments.only != "drag":
                    measure_opening(page, name)
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
