"""What the trajectory editor costs in the page: python bench/editor.py COMFYUI_FOLDER CHROMIUM

With 16 objects x 121 frames x 20 keyframes: the main thread's time per frame while a box is dragged (from the pointer event to the end of
layout and painting; median, 95th percentile, worst), also on the last frame of a photograph with the cut-out preview; what it draws
while idle; and the time to open a workflow with ten such nodes, with ten empty documents, with ten of ComfyUI's own nodes with a text field,
and with ten of its own with as many inputs as ours. Each is opened in a page with our script and in one without it, where a text field
replaces the editor. Beside the time by the clock stands the processor time of the page's main thread, which other work on the machine hardly
changes: until the second picture, and until the page is quiet, because editors in sight are built meanwhile. Measures both renderers. Run it
with the Python of that ComfyUI, which needs Playwright.
"""

from __future__ import annotations

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

from tools.comfy.base_folder import link_pack  # noqa: E402 (needs the path above)
from tools.comfy.frontend import BROWSER_ARGUMENTS, open_page, set_settings  # noqa: E402
from tools.comfy.server import Server  # noqa: E402

OBJECTS, FRAMES, KEYFRAMES, NODES = 16, 121, 20, 10
# ComfyUI's own node with a text field, and its node with text fields and 15 inputs, as DrawTrajectory has.
TEXT_FIELD, AS_LARGE = "PrimitiveStringMultiline", "TextEncodeAceStepAudio1.5"
QUIET_MS = 700
DRAG = """async ([x0, y0, steps]) => {
    const canvas = document.querySelector('.fm-canvas')
    const send = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
        bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', isPrimary: true, button: type === 'pointermove' ? -1 : 0,
        buttons: type === 'pointerup' ? 0 : 1, clientX: x, clientY: y }))
    canvas.setPointerCapture = () => {}
    canvas.releasePointerCapture = () => {}
    const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
        const channel = new MessageChannel()
        channel.port1.onmessage = resolve
        channel.port2.postMessage(0)
    }))
    send('pointerdown', x0, y0)
    const times = []
    for (let step = 1; step <= steps; step += 1) {
        await new Promise((resolve) => requestAnimationFrame(resolve))
        const start = performance.now()
        send('pointermove', x0 + 40 * Math.sin(step / 9), y0 + 30 * Math.cos(step / 7))
        const handled = performance.now() - start
        const before = performance.now()
        let began = 0
        requestAnimationFrame(() => { began = performance.now() })
        await painted()
        times.push(handled + performance.now() - Math.max(began, before))
    }
    send('pointerup', x0, y0)
    return times
}"""
PLACE = """async ([x, y]) => {
    const { fitView } = await import('/extensions/flashmotion/editor/model/geometry.js')
    const canvas = document.querySelector('.fm-canvas')
    const { left, top, width } = canvas.getBoundingClientRect()
    const view = fitView(canvas.clientWidth, canvas.clientHeight, [1280, 704])
    const zoom = width / canvas.clientWidth
    return [left + (view.left + x * view.width) * zoom, top + (view.top + y * view.height) * zoom]
}"""
IDLE = """async (milliseconds) => {
    let drawn = 0
    const names = ['clearRect', 'fillRect', 'strokeRect', 'fillText', 'stroke', 'fill', 'drawImage']
    const kept = names.map((name) => CanvasRenderingContext2D.prototype[name])
    names.forEach((name, index) => {
        CanvasRenderingContext2D.prototype[name] = function (...values) {
            if (this.canvas.closest?.('.fm-editor')) drawn += 1
            return kept[index].apply(this, values)
        }
    })
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    names.forEach((name, index) => { CanvasRenderingContext2D.prototype[name] = kept[index] })
    return drawn
}"""
# How often the stage draws a picture, since it was last asked.
PICTURES = """() => {
    const drawImage = CanvasRenderingContext2D.prototype.drawImage
    if (!window.benchPictures) {
        CanvasRenderingContext2D.prototype.drawImage = function (...values) {
            if (this.canvas.matches('.fm-canvas')) window.benchPictures += 1
            return drawImage.apply(this, values)
        }
    }
    const drawn = window.benchPictures ?? 0
    window.benchPictures = 1e-9
    return Math.round(drawn)
}"""
VALUE = "() => window.app.graph.nodes[0].widgets.find((widget) => widget.name === 'trajectory').value"
SCRIPT = "**/extensions/flashmotion/flashmotion.js"
OPEN = """async (graph) => {
    const start = performance.now()
    await window.app.loadApiJson(graph, 'bench')
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    return performance.now() - start
}"""


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
    """A workflow of `count` of ComfyUI's own nodes."""
    inputs = {"value" if node == TEXT_FIELD else "tags": "a cat"}
    return {str(index + 1): {"class_type": node, "inputs": inputs} for index in range(count)}


def figures(times: list[float]) -> str:
    """Median, 95th percentile and worst in milliseconds."""
    ordered = sorted(times)
    return f"median {statistics.median(ordered):5.1f}  p95 {ordered[int(0.95 * len(ordered))]:5.1f}  worst {ordered[-1]:5.1f} ms"


class Processor:
    """The processor time of a page's main thread."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.before = self.now()

    def now(self) -> float:
        """Milliseconds since the page was made."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        (seconds,) = (metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
        return 1000 * float(seconds)

    def lap(self) -> float:
        """Milliseconds since the last call."""
        before, self.before = self.before, self.now()
        return self.before - before


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
    moved = json.loads(page.evaluate(VALUE))["objects"][0]["keyframes"][0]
    assert moved["x"] != 0.5, "the drag moved the box"
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


def measure_opening(pages: dict[str, Any], name: str) -> None:
    """Print the time to open ten nodes in one renderer, in turns in a page with our script and in one without."""
    graphs = {
        "full": graph(NODES, True),
        "with empty documents": graph(NODES, False),
        "of ComfyUI's own": core_graph(NODES, TEXT_FIELD),
        "of its own, as large": core_graph(NODES, AS_LARGE),
    }
    opened: dict[tuple[str, str], list[float]] = {(which, what): [] for which in pages for what in graphs}
    busy: dict[tuple[str, str], list[float]] = {key: [] for key in opened}
    quiet: dict[tuple[str, str], list[float]] = {key: [] for key in opened}
    processors = {which: Processor(page) for which, page in pages.items()}
    for _ in range(8):
        for which, page in pages.items():
            page.bring_to_front()  # a page in the background gets no animation frames
            page.evaluate(OPEN, graphs["of ComfyUI's own"])  # the first one after switching pages is slower
            for what, nodes in graphs.items():
                page.evaluate("async () => { await window.app.clean() }")
                page.wait_for_timeout(QUIET_MS)
                processors[which].lap()
                opened[which, what].append(page.evaluate(OPEN, nodes))
                busy[which, what].append(processors[which].lap())
                page.wait_for_timeout(QUIET_MS)
                quiet[which, what].append(busy[which, what][-1] + processors[which].lap())
    for what in graphs:
        times = ", ".join(
            f"{statistics.median(opened[which, what]):4.0f} ms (processor {statistics.median(busy[which, what]):4.0f}, "
            f"{statistics.median(quiet[which, what]):4.0f} until quiet) {which}"
            for which in pages
        )
        print(f"{name:<9} opening {NODES} nodes {what:<21} {times}")


def main() -> None:
    """Command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: python bench/editor.py COMFYUI_FOLDER CHROMIUM")
    from playwright.sync_api import sync_playwright

    comfyui, chromium = Path(sys.argv[1]).resolve(), sys.argv[2]
    print(f"{platform.platform()}, {platform.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        link_pack(ROOT, base / "custom_nodes")
        (base / "input").mkdir(exist_ok=True)
        shutil.copy(ROOT / "assets/tiny/cat.jpg", base / "input")
        with Server(sys.executable, comfyui, base) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER_ARGUMENTS))
            for vue in (False, True):
                set_settings(server.url, {"Comfy.VueNodes.Enabled": vue})
                page = browser.new_page(viewport={"width": 1500, "height": 1000})
                open_page(page, server.url)
                bare = browser.new_page(viewport={"width": 1500, "height": 1000})
                bare.route(SCRIPT, lambda route: route.fulfill(body="", content_type="text/javascript"))
                open_page(bare, server.url)
                name = "Nodes 2.0" if vue else "classic"
                page.bring_to_front()
                measure(page, name)
                measure_cutouts(page, name)
                measure_opening({"with our script": page, "without": bare}, name)
                page.close()
                bare.close()
            browser.close()


if __name__ == "__main__":
    main()
