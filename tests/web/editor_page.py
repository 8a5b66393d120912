"""The trajectory editor in the real ComfyUI page: what the editor's tests do and see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tools.comfy.frontend import open_page, set_settings

T = TypeVar("T")
# Without the shadows of nodes in Nodes 2.0, whose blur takes a third of what such a page costs without a GPU. What else a filter does to
# what is inside of a node stays.
NO_SHADOWS = """(() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync('.lg-node { filter: none !important; will-change: filter !important }')
    document.adoptedStyleSheets.push(sheet)
})()"""
EMPTY = {"version": 1, "size": [384, 256], "frames": 33, "fps": 24, "objects": []}
CAT = {
    "id": "cat",
    "label": "cat",
    "keyframes": [
        {"frame": 0, "x": 0.3, "y": 0.4, "w": 0.2, "h": 0.3},
        {"frame": 32, "x": 0.7, "y": 0.5, "w": 0.2, "h": 0.3},
    ],
}
ONE = {**EMPTY, "objects": [CAT]}
GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "cat.jpg"}},
    "2": {"class_type": "DrawTrajectory", "inputs": {"trajectory": "", "start_image": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
}
PLACE_NODES = """(scale) => {
    const graph = window.app.graph
    const others = graph.nodes.filter((entry) => entry.type !== 'DrawTrajectory')
    others.forEach((node, index) => { node.pos = [node.type === 'PreviewImage' ? 700 : -500, 350 * index] })
    const node = graph.nodes.find((entry) => entry.type === 'DrawTrajectory')
    node.pos = [0, 0]
    // Not less than it needs on a touch screen, to which ComfyUI would bring it with the next graph that it loads.
    node.setSize([480, 870])
    const canvas = window.app.canvas
    canvas.ds.scale = scale
    canvas.ds.offset = [300 / scale, 80 / scale]
    canvas.setDirty(true, true)
}"""
# Frontend 1.39 in Nodes 2.0 does not follow a script that moves nodes: they lie on one another until the workflow is loaded again.
PILED_UP = """() => {
    const lefts = [...document.querySelectorAll('.lg-node')].map((entry) => Math.round(entry.getBoundingClientRect().left))
    return lefts.length > 1 && new Set(lefts).size === 1
}"""
# Waits until the editor stands still (the classic renderer places it in animation frames) and, if asked, the graph stays as it is:
# LoadImage grows when its picture is there, and ComfyUI's undo takes that for a change of the user's. Whether it was so in time.
STILL = """async (graph) => {
    const look = () => {
        const canvas = [...document.querySelectorAll('.fm-canvas')].find((entry) => entry.clientWidth > 0)
        return JSON.stringify([canvas?.getBoundingClientRect(), graph && window.app.graph.serialize()])
    }
    // A picture may come late on a busy machine, or never.
    const awaited = () => graph && !window.LiteGraph.vueNodesMode
        && window.app.graph.nodes.some((node) => node.type === 'LoadImage' && !node.imgs?.length)
    // Time alone would not do: on a busy machine it passes while the page does nothing.
    const [began, looks] = [performance.now(), graph ? 8 : 4]
    for (let before = look(), since = began, same = 0; performance.now() - began < 30_000; ) {
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 10)))
        const now = look()
        same += 1
        if (now !== before) [before, since, same] = [now, performance.now(), 0]
        else if (same >= looks && performance.now() - since > (awaited() ? 2000 : graph ? 250 : 100) && now.startsWith('[{')) return true
    }
    return false
}"""
CANVAS_SHOWN = "() => [...document.querySelectorAll('.fm-canvas')].some((entry) => entry.clientWidth > 0)"
# Where the picture lies on the stage's canvas, by the editor's own geometry, in pixels of the page.
VIEW = """async (size) => {
    const { fitView } = await import('/extensions/flashmotion/editor/model/geometry.js')
    const canvas = [...document.querySelectorAll('.fm-canvas')].find((entry) => entry.clientWidth > 0)
    const { left, top, width, height } = canvas.getBoundingClientRect()
    const view = fitView(canvas.clientWidth, canvas.clientHeight, size)
    const zoom = width / canvas.clientWidth
    return { left: left + view.left * zoom, top: top + view.top * zoom, width: view.width * zoom, height: view.height * zoom }
}"""
IN_SUBGRAPH = "() => window.app.canvas.graph.rootGraph !== window.app.canvas.graph"
LEAVE_SUBGRAPH = """async () => {
    window.app.canvas.setGraph(window.app.canvas.graph.rootGraph)
    await window.app.loadGraphData({ id: crypto.randomUUID(), last_node_id: 0, last_link_id: 0, nodes: [], links: [], version: 0.4 })
}"""
# The editor of a node that comes again keeps its history, for ComfyUI's undo; a document of another clip ends that.
FORGET = """() => {
    document.querySelectorAll(':popover-open').forEach((popup) => popup.hidePopover())
    document.querySelectorAll('dialog.fm-dialog').forEach((dialog) => dialog.close())
    const { graph } = window.app
    const other = '{"version":1,"size":[64,64],"frames":1,"objects":[]}'
    for (const { type, widgets } of graph?.nodes ?? []) if (type === 'DrawTrajectory') widgets[0].value = other
}"""
PIXEL = """([x, y]) => {
    const canvas = [...document.querySelectorAll('.fm-canvas')].find((entry) => entry.clientWidth > 0)
    const rect = canvas.getBoundingClientRect()
    const at = (value, start, side, pixels) => Math.round(((value - start) / side) * pixels)
    const place = [at(x, rect.left, rect.width, canvas.width), at(y, rect.top, rect.height, canvas.height)]
    return [...canvas.getContext('2d').getImageData(...place, 1, 1).data].slice(0, 3)
}"""
NODE = "window.app.graph.nodes.find((node) => node.type === 'DrawTrajectory')"
SAVE_AND_LOAD = """async () => {
    await window.app.loadGraphData(JSON.parse(JSON.stringify(window.app.graph.serialize())))
}"""
# The frontend keeps values of promoted widgets by the workflow's id and the node's for as long as the page lives; graphs in API form all get
# the same id.
AS_ITS_OWN_WORKFLOW = """async () => {
    const graph = window.app.graph.serialize()
    await window.app.loadGraphData(JSON.parse(JSON.stringify({ ...graph, id: crypto.randomUUID() })))
}"""
# What ComfyUI does with every click.
CAPTURE = """() => {
    const { changeTracker } = window.app.extensionManager.workflow.activeWorkflow
    if (changeTracker.captureCanvasState) changeTracker.captureCanvasState()
    else changeTracker.checkState()
}"""
INTO_SUBGRAPH = f"""async (promote) => {{
    const node = {NODE}
    const {{ subgraph, node: host }} = window.app.graph.convertToSubgraph(new Set([node]))
    if (promote) {{
        const inner = subgraph.nodes[0]
        const input = inner.inputs.find((entry) => entry.name === 'trajectory')
        subgraph.addInput('trajectory', 'STRING').connect(input, inner)
        await window.app.loadGraphData(JSON.parse(JSON.stringify(window.app.graph.serialize())))
    }} else window.app.canvas.openSubgraph(subgraph, host)
}}"""
# Frontends before 1.46 show the promoted editor on the subgraph's node itself, and there is no menu entry.
EDIT_PROMOTED = """() => {
    const host = window.app.graph.nodes.find((node) => node.subgraph)
    host.setSize([480, 860])
    window.app.canvas.ds.offset = [300 - host.pos[0], 80 - host.pos[1]]
    window.app.canvas.setDirty(true, true)
    const ours = window.app.extensions.find((extension) => extension.name === 'FlashMotion.TrajectoryEditor')
    ours.getNodeMenuItems(host).find((item) => item.content === 'Edit trajectory')?.callback()
}"""
# Newer frontends bring what a subgraph holds into view themselves, some frames after they open it.
SHOW_INNER = """async () => {
    const { canvas } = window.app
    const [node] = canvas.graph.nodes
    node.pos = [0, 0]
    node.setSize([480, 860])
    const isThere = () => canvas.ds.scale === 1 && canvas.ds.offset[0] === 300 && canvas.ds.offset[1] === 80
    for (let same = 0; same < 8; ) {
        same = isThere() ? same + 1 : 0
        canvas.ds.scale = 1
        canvas.ds.offset = [300, 80]
        canvas.setDirty(true, true)
        await new Promise((resolve) => requestAnimationFrame(resolve))
    }
}"""


def corners(key: dict[str, float]) -> list[float]:
    """left, top, right, bottom of a keyframe."""
    x, y, w, h = (key[name] for name in "xywh")
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


class EditorPage:
    """A page with LoadImage -> DrawTrajectory -> PreviewImage. Places are fractions of the picture."""

    def __init__(self, context: Any, url: str, vue: bool, frontend: str = "newest") -> None:
        self.vue, self.frontend = vue, frontend
        set_settings(url, {"Comfy.VueNodes.Enabled": vue})
        self.page = context.new_page()
        self.page.add_init_script(NO_SHADOWS)
        self.page.set_default_timeout(30_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        open_page(self.page, url)

    def start_over(self) -> None:
        """The renderer of this page, nothing open, and no history: ready for `load`."""
        self.errors.clear()
        if self.page.evaluate(IN_SUBGRAPH):
            self.page.evaluate(LEAVE_SUBGRAPH)
        self.page.evaluate(FORGET)
        self.set_renderer(self.vue)

    def set_renderer(self, vue: bool) -> None:
        """Change the renderer as the settings dialog does."""
        if self.is_vue() == vue:
            return
        self.page.evaluate(
            "async (vue) => { await window.app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue) }", vue
        )
        self.until(lambda: self.is_vue() == vue)

    def set_palette(self, palette: str) -> None:
        """Change the page's colours, "dark" or "light", as the settings dialog does."""
        self.page.evaluate(
            "async (name) => { await window.app.extensionManager.setting.set('Comfy.ColorPalette', name) }", palette
        )
        is_dark = "() => document.documentElement.classList.contains('dark-theme')"
        self.until(lambda: self.page.evaluate(is_dark) == (palette == "dark"))

    def is_vue(self) -> bool:
        """Whether nodes are drawn by Nodes 2.0 now."""
        answer: bool = self.page.evaluate("() => Boolean(window.LiteGraph.vueNodesMode)")
        return answer

    def load(self, document: Any = None, scale: float = 1.0, graph: dict[str, Any] | None = None) -> None:
        """Load the graph (LoadImage -> DrawTrajectory "2" -> PreviewImage) with a document (a text is taken as it is)."""
        text = document if isinstance(document, str) else json.dumps(document or EMPTY)
        graph = json.loads(json.dumps(graph or GRAPH))
        graph["2"]["inputs"]["trajectory"] = text
        self.page.evaluate("async (graph) => { await window.app.loadApiJson(graph, 'editor') }", graph)
        self.page.evaluate(PLACE_NODES, scale)
        self.page.wait_for_function(CANVAS_SHOWN)
        self.settle(graph=True)
        if self.page.evaluate(PILED_UP):
            self.page.evaluate(SAVE_AND_LOAD)
            self.page.evaluate(PLACE_NODES, scale)
            self.page.wait_for_function(CANVAS_SHOWN)
            self.settle(graph=True)

    def settle(self, graph: bool = False) -> None:
        """Wait until the editor stands still, and the graph too if asked."""
        assert self.page.evaluate(STILL, graph)

    def picture(self) -> str:
        """What the stage shows, whether or not it is in sight, once it stays the same: a file may come late."""

        def look() -> str:
            shown: str = self.page.evaluate("() => document.querySelector('.fm-canvas').toDataURL()")
            return shown

        def same() -> str:
            before = look()
            self.page.wait_for_timeout(200)
            return before if look() == before else ""

        return self.until(same)

    def until(self, check: Callable[[], T], seconds: float = 30.0) -> T:
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

    def sent_text(self) -> str:
        """The document that Run would send, letter by letter."""
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        (inputs,) = (entry["inputs"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory")
        text: str = inputs["trajectory"]
        return text

    def sent(self) -> Any:
        """The same, decoded."""
        return json.loads(self.sent_text())

    def objects(self) -> Any:
        """The objects of the document."""
        return self.document()["objects"]

    def frames(self, index: int = 0) -> list[int]:
        """The frames of an object's keyframes."""
        return [key["frame"] for key in self.objects()[index]["keyframes"]]

    def frame(self) -> int:
        """The frame shown."""
        return int(self.page.get_by_role("slider", name="Frame").get_attribute("aria-valuenow"))

    def selected_box(self, size: tuple[int, int] = (384, 256)) -> dict[str, float]:
        """The selected box at the frame shown, as its fields tell: x, y, w, h as fractions of the frame."""
        names = ("Centre x in pixels", "Centre y in pixels", "Width in pixels", "Height in pixels")
        values = [float(self.page.get_by_role("spinbutton", name=name, exact=True).input_value()) for name in names]
        return {side: value / size[index % 2] for index, (side, value) in enumerate(zip("xywh", values, strict=True))}

    def at(self, x: float, y: float, size: tuple[int, int] = (384, 256)) -> tuple[float, float]:
        """A place in the picture (of a clip of this size) in pixels of the page."""
        view = self.page.evaluate(VIEW, list(size))
        return view["left"] + x * view["width"], view["top"] + y * view["height"]

    def pixel(self, x: float, y: float, size: tuple[int, int] = (384, 256)) -> list[int]:
        """What is drawn at a place in the picture, red, green, blue."""
        value: list[int] = self.page.evaluate(PIXEL, list(self.at(x, y, size)))
        return value

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

    def menu(self, button: str, *items: str) -> None:
        """Choose from one of the editor's menus, and from the menus that its entries open."""
        self.click(button)
        for item in items:
            self.page.get_by_role("menuitem", name=item).click()

    def graph_key(self, keys: str) -> None:
        """Press keys while the graph, not the editor, has the focus."""
        self.page.evaluate("() => { document.activeElement?.blur(); window.app.canvas.canvas.focus() }")
        self.page.keyboard.press(keys)
