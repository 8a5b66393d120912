"""The trajectory editor in the real ComfyUI page: what the editor's tests do and see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tools.frontend import open_page, set_settings

T = TypeVar("T")
EMPTY = {"version": 1, "size": [384, 256], "frames": 33, "fps": 24, "objects": []}
GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "cat.jpg"}},
    "2": {"class_type": "DrawTrajectory", "inputs": {"trajectory": "", "start_image": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
}
PLACE_NODES = """(scale) => {
    const graph = window.app.graph
    const node = (type) => graph.nodes.find((entry) => entry.type === type)
    node('LoadImage').pos = [-500, 0]
    node('PreviewImage').pos = [700, 0]
    node('DrawTrajectory').pos = [0, 0]
    node('DrawTrajectory').setSize([480, 860])
    const canvas = window.app.canvas
    canvas.ds.scale = scale
    canvas.ds.offset = [300 / scale, 80 / scale]
    canvas.setDirty(true, true)
}"""
# Where the picture lies on the stage's canvas, by the editor's own geometry, in pixels of the page.
VIEW = """async (size) => {
    const { fitView } = await import('/extensions/flashmotion/editor/geometry.js')
    const canvas = [...document.querySelectorAll('.fm-canvas')].find((entry) => entry.clientWidth > 0)
    const { left, top, width, height } = canvas.getBoundingClientRect()
    const view = fitView(canvas.clientWidth, canvas.clientHeight, size)
    const zoom = width / canvas.clientWidth
    return { left: left + view.left * zoom, top: top + view.top * zoom, width: view.width * zoom, height: view.height * zoom }
}"""
NODE = "window.app.graph.nodes.find((node) => node.type === 'DrawTrajectory')"


class EditorPage:
    """A page with LoadImage -> DrawTrajectory -> PreviewImage. Places are fractions of the picture."""

    def __init__(self, context: Any, url: str, vue: bool, **settings: Any) -> None:
        set_settings(url, {"Comfy.VueNodes.Enabled": vue, **settings})
        self.page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        open_page(self.page, url)

    def load(self, document: Any = None, scale: float = 1.0) -> None:
        """Load the graph with a document (a text is taken as it is)."""
        text = document if isinstance(document, str) else json.dumps(document or EMPTY)
        graph = json.loads(json.dumps(GRAPH))
        graph["2"]["inputs"]["trajectory"] = text
        self.page.evaluate("async (graph) => { await window.app.loadApiJson(graph, 'editor') }", graph)
        self.page.evaluate(PLACE_NODES, scale)
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.fm-canvas')].some((entry) => entry.clientWidth > 0)"
        )
        self.settle()

    def settle(self) -> None:
        """Wait until the editor stands still (the classic renderer places it in animation frames)."""
        bounds: list[Any] = []

        def still() -> bool:
            bounds.append(self.page.locator(".fm-canvas").locator("visible=true").first.bounding_box())
            return len(bounds) > 3 and bounds[-1] == bounds[-2] == bounds[-3]

        self.until(still)

    def until(self, check: Callable[[], T], seconds: float = 10.0) -> T:
        """Ask until the answer is true; the last answer is what an assertion then shows."""
        deadline = time.monotonic() + seconds
        while not (answer := check()) and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        assert answer
        return answer

    def text(self) -> str:
        """The widget's value."""
        value: str = self.page.evaluate(f"() => {NODE}.widgets.find((widget) => widget.name === 'trajectory').value")
        return value

    def document(self) -> Any:
        """The widget's value, decoded."""
        return json.loads(self.text())

    def objects(self) -> Any:
        """The objects of the document."""
        return self.document()["objects"]

    def frames(self, index: int = 0) -> list[int]:
        """The frames of an object's keyframes."""
        return [key["frame"] for key in self.objects()[index]["keyframes"]]

    def frame(self) -> int:
        """The frame shown."""
        return int(self.page.get_by_role("slider", name="Frame").get_attribute("aria-valuenow"))

    def at(self, x: float, y: float, size: tuple[int, int] = (384, 256)) -> tuple[float, float]:
        """A place in the picture (of a clip of this size) in pixels of the page."""
        view = self.page.evaluate(VIEW, list(size))
        return view["left"] + x * view["width"], view["top"] + y * view["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse from one place in the picture to another."""
        (x0, y0), (x1, y1) = self.at(*start), self.at(*end)
        mouse = self.page.mouse
        mouse.move(x0, y0)
        mouse.down()
        mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
        mouse.move(x1, y1)
        mouse.up()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, name: str) -> None:
        """Click one of the editor's buttons, by the beginning of its name."""
        self.page.locator(f'.fm-editor button[aria-label^="{name}"]').first.click()

    def graph_key(self, keys: str) -> None:
        """Press keys while the graph, not the editor, has the focus."""
        self.page.evaluate("() => { document.activeElement?.blur(); window.app.canvas.canvas.focus() }")
        self.page.keyboard.press(keys)
