"""The picture in the editor is the picture that the node gets, or it says that it is not: before a run, after it, and in subgraphs.

Each test looks at pixels, in both renderers; in the older frontends too where a subgraph or a run takes part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from .conftest import Frontend
from .editor_page import AS_ITS_OWN_WORKFLOW, EDIT_PROMOTED, EMPTY, INTO_SUBGRAPH, NODE, SHOW_INNER, EditorPage
from .test_editor_in_comfyui import show_run

pytestmark = pytest.mark.browser

RED, BLUE, BETWEEN = "red", "blue", "between"
LEFT, RIGHT = (0.05, 0.9), (0.95, 0.9)
UNKNOWN, CHANGED, UNSEEN = (
    "Not the picture this node gets",
    "The picture of an earlier run",
    "The start image appears here",
)
LOADER = {"class_type": "LoadImage", "inputs": {"image": "halves.png"}}
PREVIEW = {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}}
BOX = {
    "version": 1,
    "size": [384, 256],
    "frames": 33,
    "fps": 24,
    "objects": [{"id": "cat", "keyframes": [{"frame": 0, "x": 0.5, "y": 0.3, "w": 0.1, "h": 0.1}]}],
}
# As a user's change, which ComfyUI notices at the end of a gesture.
SET = """([id, name, value]) => {
    const node = window.app.graph.nodes.find((entry) => String(entry.id) === id)
    node.widgets.find((widget) => widget.name === name).value = value
    const tracker = window.app.extensionManager.workflow.activeWorkflow.changeTracker
    if (tracker.captureCanvasState) tracker.captureCanvasState()
    else tracker.checkState()
}"""
# What Run would send for the start image of the first DrawTrajectory, and what our own search finds: a node's id and an output.
SENT_AND_FOUND = """async () => {
    const { output } = await window.app.graphToPrompt()
    const [id, { inputs }] = Object.entries(output).find(([, entry]) => entry.class_type === 'DrawTrajectory')
    const { placesOf } = await import('/extensions/flashmotion/upstream.js')
    const { startOf } = await import('/extensions/flashmotion/start_image.js')
    const find = (graph) => graph.nodes.flatMap((node) => node.subgraph ? find(node.subgraph) : node.type === 'DrawTrajectory' ? [node] : [])
    const [place] = placesOf(find(window.app.rootGraph ?? window.app.graph)[0])
    const idOf = ({ hosts, node }) => [...hosts, node].map((entry) => entry.id).join(':')
    const found = startOf(place)
    return [idOf(place) === id, inputs.start_image ?? null, found ? [idOf(found), found.slot] : null]
}"""


@pytest.fixture(autouse=True)
def files(frontend: Frontend) -> None:
    """A picture and a video whose first half is red and whose second half is blue."""
    halves = np.zeros((256, 384, 3), np.uint8)
    halves[:, :192, 0] = halves[:, 192:, 2] = 230
    Image.fromarray(halves).save(frontend.base / "input/halves.png")
    Image.fromarray(halves[:, 200:]).save(frontend.base / "input/blue.png")
    shape = np.zeros((256, 384, 4), np.uint8)
    shape[..., 0], shape[:, 192:, 3] = 230, 255
    Image.fromarray(shape).save(frontend.base / "input/cut_out.png")
    video = frontend.base / "input/halves.mp4"
    if not video.exists():
        write_video(video)


def write_video(path: Path) -> None:
    """Two seconds at 24 frames per second, 384 x 256: one of red, one of blue."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 384, 256, "yuv420p"
        for index in range(48):
            picture = np.zeros((256, 384, 3), np.uint8)
            picture[..., 0 if index < 24 else 2] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def graph_with(source: list[Any], nodes: dict[str, Any]) -> dict[str, Any]:
    """DrawTrajectory "2" with a start image from other nodes."""
    return {**nodes, "2": {"class_type": "DrawTrajectory", "inputs": {"start_image": source}}, "3": PREVIEW}


def crop(x: int, node: str = "4") -> dict[str, Any]:
    """LoadImage -> ImageCrop of half the picture -> DrawTrajectory. The page remembers what a node of this number returned."""
    half = {"image": ["1", 0], "width": 192, "height": 256, "x": x, "y": 0}
    return graph_with([node, 0], {"1": LOADER, node: {"class_type": "ImageCrop", "inputs": half}})


FLIPPED = graph_with(
    ["4", 0],
    {
        "1": LOADER,
        "4": {"class_type": "ImageFlip", "inputs": {"image": ["1", 0], "flip_method": "y-axis: horizontally"}},
    },
)
SLICED = graph_with(
    ["5", 0],
    {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "halves.mp4"}},
        "4": {
            "class_type": "Video Slice",
            "inputs": {"video": ["1", 0], "start_time": 1.0, "duration": 0.0, "strict_duration": False},
        },
        "5": {"class_type": "GetVideoComponents", "inputs": {"video": ["4", 0]}},
    },
)
DIRECT = graph_with(["1", 0], {"1": LOADER})


# In one step, because the line goes by itself where a picture replaces another.
KEEP = """() => [...document.querySelectorAll('.fm-cut button')]
    .find((entry) => entry.textContent === 'Keep' && entry.checkVisibility())?.click()"""


def colour(editor: EditorPage, place: tuple[float, float]) -> str:
    """What the stage shows at a place."""
    red, _, blue = editor.pixel(*place)
    return RED if red > 180 and blue < 60 else BLUE if blue > 180 and red < 60 else BETWEEN


def notice(editor: EditorPage) -> str:
    """What the editor says about its picture."""
    shown = editor.page.locator(".fm-notice:visible")
    return str(shown.first.inner_text()) if shown.count() else ""


def shows(editor: EditorPage, left: str, right: str, says: str = "") -> None:
    """Wait until the stage has these colours, and check what is said about them; the clip is kept where it cuts the picture."""

    def seen() -> tuple[str, str]:
        editor.page.evaluate(KEEP)
        return colour(editor, LEFT), colour(editor, RIGHT)

    editor.until(lambda: seen() == (left, right))
    editor.until(lambda: notice(editor).startswith(says) if says else not notice(editor))


COUNT_RUNS = """() => { window.ran = []; for (const name of ['execution_success', 'execution_error'])
    window.app.api.addEventListener(name, () => window.ran.push(name)) }"""


def into_subgraph(editor: EditorPage) -> None:
    """Move DrawTrajectory into a subgraph, and look at it there."""
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()


@pytest.mark.parametrize(
    ("graph", "left", "right"),
    [(crop(192), BLUE, BLUE), (FLIPPED, BLUE, RED), (SLICED, BLUE, BLUE)],
    ids=["crop", "flip", "slice"],
)
def test_a_picture_that_other_nodes_change_is_marked_and_right_after_a_run(
    editor: EditorPage, graph: dict[str, Any], left: str, right: str
) -> None:
    editor.load(BOX, graph=graph)
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)
    # The loader's file is there all the same, dimmed.
    editor.until(lambda: editor.pixel(*LEFT)[0] - editor.pixel(*LEFT)[2] > 15)
    show_run(editor)
    shows(editor, left, right)


def test_the_picture_of_a_loader_is_shown_as_it_is(editor: EditorPage) -> None:
    editor.load(EMPTY, graph={"2": {"class_type": "DrawTrajectory", "inputs": {}}, "3": PREVIEW})
    alone = editor.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")
    editor.load(BOX, graph=DIRECT)
    shows(editor, RED, BLUE)
    show_run(editor)
    shows(editor, RED, BLUE)
    # Another graph, whose node has the same number and no picture.
    editor.page.evaluate("async (graph) => { await window.app.loadGraphData(graph, true, true) }", alone)
    shows(editor, BETWEEN, BETWEEN)


@pytest.mark.frontends("default")
def test_a_change_before_the_node_marks_the_picture_of_the_last_run(editor: EditorPage) -> None:
    editor.load(BOX, graph=crop(191, "12"))
    show_run(editor)
    shows(editor, BLUE, BLUE)
    editor.page.evaluate(SET, ["12", "x", 1])
    shows(editor, BETWEEN, BETWEEN, CHANGED)
    show_run(editor)
    shows(editor, RED, RED)
    # What an earlier run returned for the same inputs is right again.
    editor.page.evaluate(SET, ["12", "x", 191])
    shows(editor, BLUE, BLUE)
    editor.page.evaluate(SET, ["1", "image", "cat.jpg"])
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)


def test_a_picture_without_a_file_is_announced(editor: EditorPage) -> None:
    # A number of its own: the page keeps what an earlier run of the same node and document returned.
    size = {"width": 384, "height": 256, "batch_size": 1, "color": 0x0000E6 if editor.vue else 0x0000E7}
    editor.load(BOX, graph=graph_with(["17", 0], {"17": {"class_type": "EmptyImage", "inputs": size}}))
    shows(editor, BETWEEN, BETWEEN, UNSEEN)
    show_run(editor)
    shows(editor, BLUE, BLUE)


def test_a_picture_with_transparent_parts_is_marked_because_loaders_drop_them(editor: EditorPage) -> None:
    loader = {"class_type": "LoadImage", "inputs": {"image": "cut_out.png"}}
    editor.load(BOX, graph=graph_with(["1", 0], {"1": loader}))
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)
    show_run(editor)
    shows(editor, RED, RED)


def test_the_picture_is_shown_on_request_before_anything_is_drawn(editor: EditorPage) -> None:
    # A run of this workflow would refuse: it has no objects.
    editor.load(EMPTY, graph=crop(189, "8"))
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)
    editor.page.evaluate(COUNT_RUNS)
    editor.page.get_by_role("button", name="Show it").click()
    shows(editor, BLUE, BLUE)
    assert editor.page.evaluate("() => window.ran") == ["execution_success"]
    editor.page.evaluate(SET, ["8", "x", 2])
    shows(editor, BETWEEN, BETWEEN, CHANGED)


@pytest.mark.frontends("default")
def test_the_picture_is_shown_on_request_inside_a_subgraph(editor: EditorPage) -> None:
    editor.load(EMPTY, graph=crop(188, "9"))
    into_subgraph(editor)
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)
    editor.page.get_by_role("button", name="Show it").click()
    shows(editor, BLUE, BLUE)


NEST = """() => {
    const graph = window.app.canvas.graph.rootGraph ?? window.app.graph
    graph.convertToSubgraph(new Set([graph.nodes.find((node) => node.subgraph)]))
}"""
# Open the subgraphs down to DrawTrajectory.
OPEN_INNERMOST = """async () => {
    for (let graph = window.app.rootGraph ?? window.app.graph; ; ) {
        const host = graph.nodes.find((node) => node.subgraph)
        if (!host) return
        window.app.canvas.openSubgraph(host.subgraph, host)
        graph = host.subgraph
        await new Promise((resolve) => setTimeout(resolve, 100))
    }
}"""
# The newest frontend itself promotes the loader's widget.
LOADER_INTO_SUBGRAPH = """async () => {
    const graph = window.app.graph
    const { subgraph } = graph.convertToSubgraph(new Set([graph.nodes.find((node) => node.type === 'LoadImage')]))
    const loader = subgraph.nodes[0]
    const input = loader.inputs.find((entry) => entry.name === 'image')
    if (input.link !== null && input.link !== undefined) return
    subgraph.addInput('image', 'COMBO').connect(input, loader)
    await window.app.loadGraphData(JSON.parse(JSON.stringify(graph.serialize())))
}"""


@pytest.mark.frontends("default")
@pytest.mark.parametrize("deep", [1, 2])
def test_the_picture_stays_inside_a_subgraph_with_the_loader_outside(editor: EditorPage, deep: int) -> None:
    editor.load(BOX, graph=DIRECT)
    shows(editor, RED, BLUE)
    if deep == 1:
        editor.page.evaluate(INTO_SUBGRAPH, False)
    else:
        editor.page.evaluate(f"() => {{ window.app.graph.convertToSubgraph(new Set([{NODE}])) }}")
        editor.page.evaluate(NEST)
        editor.page.evaluate(OPEN_INNERMOST)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    shows(editor, RED, BLUE)
    show_run(editor)
    shows(editor, RED, BLUE)


# The subgraph once more, with another loader.
USE_AGAIN = """() => {
    const graph = window.app.rootGraph ?? window.app.graph
    const host = graph.nodes.find((node) => node.subgraph)
    const again = window.LiteGraph.createNode(host.subgraph.id)
    graph.add(again)
    const [loader, preview] = ['5', '6'].map((id) => graph.nodes.find((node) => String(node.id) === id))
    loader.connect(0, again, again.inputs.findIndex(({ name }) => name === 'start_image'))
    again.connect(0, preview, 0)
    window.dispatchEvent(new MouseEvent('mouseup'))
}"""


def test_a_subgraph_that_is_used_twice_shows_the_picture_of_either_use(editor: EditorPage) -> None:
    other = {"class_type": "LoadImage", "inputs": {"image": "blue.png"}}
    seen = {"class_type": "PreviewImage", "inputs": {"images": ["5", 0]}}
    editor.load(BOX, graph={**DIRECT, "5": other, "6": seen})
    editor.page.evaluate(f"() => {{ window.app.graph.convertToSubgraph(new Set([{NODE}])) }}")
    editor.page.evaluate(USE_AGAIN)
    editor.page.evaluate(OPEN_INNERMOST)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    for _ in range(2):
        shows(editor, RED, BLUE, "The picture of")
        editor.page.get_by_role("button", name="Next use").click()
        shows(editor, BLUE, BLUE, "The picture of")
        editor.page.get_by_role("button", name="Next use").click()
        show_run(editor)


def test_a_crop_outside_a_subgraph_marks_the_picture_inside(editor: EditorPage) -> None:
    editor.load(BOX, graph=crop(190, "11"))
    into_subgraph(editor)
    shows(editor, BETWEEN, BETWEEN, UNKNOWN)
    show_run(editor)
    shows(editor, BLUE, BLUE)


@pytest.mark.frontends("default")
def test_the_picture_is_behind_a_promoted_trajectory(editor: EditorPage) -> None:
    editor.load(BOX, graph=DIRECT)
    editor.page.evaluate(AS_ITS_OWN_WORKFLOW)
    editor.settle()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    shows(editor, RED, BLUE)


@pytest.mark.frontends("default")
def test_a_promoted_loaders_file_is_the_one_that_the_subgraphs_node_names(editor: EditorPage) -> None:
    editor.load(BOX, graph=DIRECT)
    editor.page.evaluate(LOADER_INTO_SUBGRAPH)
    editor.settle()
    shows(editor, RED, BLUE)
    host = editor.page.evaluate("() => String(window.app.graph.nodes.find((node) => node.subgraph).id)")
    editor.page.evaluate(SET, [host, "image", "blue.png"])
    shows(editor, BLUE, BLUE)


BYPASS, MUTE = 4, 2
SET_MODE = "([id, mode]) => { window.app.graph.nodes.find((node) => String(node.id) === id).mode = mode }"
ADD_REROUTE = """() => {
    const { graph } = window.app
    const [loader, node] = ['LoadImage', 'DrawTrajectory'].map((type) => graph.nodes.find((entry) => entry.type === type))
    const reroute = window.LiteGraph.createNode('Reroute')
    graph.add(reroute)
    loader.connect(0, reroute, 0)
    reroute.connect(0, node, node.inputs.findIndex((entry) => entry.name === 'start_image'))
}"""


CHANGES = {
    "direct": (DIRECT, None),
    "reroute": (DIRECT, (ADD_REROUTE, None)),
    "muted": (DIRECT, (SET_MODE, ["1", MUTE])),
    "crop": (crop(10), None),
    "bypassed": (crop(10), (SET_MODE, ["4", BYPASS])),
    "muted crop": (crop(10), (SET_MODE, ["4", MUTE])),
    "bypassed slice": (SLICED, (SET_MODE, ["4", BYPASS])),
    "subgraph": (crop(10), (INTO_SUBGRAPH, False)),
    "loader inside": (DIRECT, (LOADER_INTO_SUBGRAPH, None)),
}


@pytest.mark.frontends("default")
def test_the_search_finds_what_run_sends(editor: EditorPage) -> None:
    seen = {}
    for name, (graph, change) in CHANGES.items():
        editor.start_over()
        editor.load(BOX, graph=graph)
        if change:
            editor.page.evaluate(*change)
        same_place, sent, found = editor.page.evaluate(SENT_AND_FOUND)
        seen[name] = (same_place, found == sent)
    assert seen == dict.fromkeys(CHANGES, (True, True))
