"""What ComfyUI does with the trajectory editor and its document: undo, save, reload, copy, subgraphs, the other renderer, a run.

In the newest frontend in both renderers, and in the oldest and the pinned one in the renderer that those open with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from .conftest import Frontend
from .editor_page import (
    AS_ITS_OWN_WORKFLOW,
    CAPTURE,
    EDIT_PROMOTED,
    INTO_SUBGRAPH,
    NODE,
    ONE,
    SAVE_AND_LOAD,
    SHOW_INNER,
    EditorPage,
    corners,
)

pytestmark = [pytest.mark.browser, pytest.mark.frontends("default")]
# Whether a draft holds this document: a text in a workflow, which is a text in the browser's storage.
STORED = """(text) => Object.values({ ...localStorage, ...sessionStorage })
    .some((entry) => entry.replaceAll('\\\\', '').includes(text))"""

SET_PERSIST = "async (on) => { await window.app.extensionManager.setting.set('Comfy.Workflow.Persist', on) }"
READY = "() => window.app.extensionManager?.workflow && !document.querySelector('#splash-loader')"
# What the stage shows, whether or not it is in sight.
PICTURE = "() => document.querySelector('.fm-canvas').toDataURL()"
SCROLL = """(y) => {
    const { canvas } = window.app
    canvas.ds.offset[1] = y / canvas.ds.scale
    canvas.setDirty(true, true)
}"""


def test_the_graphs_own_undo_takes_back_a_gesture_and_keeps_the_view(editor: EditorPage) -> None:
    editor.load()
    # ComfyUI itself writes an API graph differently once it has loaded it again.
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.settle(graph=True)
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.press(".", ".", ".")
    editor.drag((0.2, 0.25), (0.5, 0.5))
    moved = editor.text()
    editor.graph_key("Control+z")
    editor.until(lambda: editor.text() == drawn)
    # The undo loads the graph again: its picture, come late, would be a change of its own, after which there is nothing to redo.
    editor.settle(graph=True)
    # What ComfyUI does with every click. We must not have changed anything.
    editor.page.evaluate(CAPTURE)
    assert editor.frame() == 3
    assert editor.page.locator(".fm-option[aria-selected=true]").count() == 1
    editor.graph_key("Control+y")
    editor.until(lambda: editor.text() == moved)


def test_a_saved_workflow_opens_unchanged(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.page.evaluate(SAVE_AND_LOAD)
    editor.settle()
    assert editor.text() == drawn
    assert editor.page.get_by_role("option", name="object 1").count() == 1


@pytest.fixture
def persistent(editor: EditorPage) -> Iterator[EditorPage]:
    """The page while it keeps drafts, as every user's does."""
    editor.page.evaluate(SET_PERSIST, True)
    editor.load()
    yield editor
    # A page that is opened later would keep drafts too, and the next reload would find those.
    editor.page.evaluate(SET_PERSIST, False)
    editor.page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")


def test_the_page_is_reloaded(persistent: EditorPage) -> None:
    persistent.drag((0.1, 0.1), (0.3, 0.4))
    (drawn,) = persistent.objects()
    persistent.until(lambda: persistent.page.evaluate(STORED, persistent.text()), seconds=20)
    persistent.page.reload()
    persistent.page.wait_for_function(f"() => window.app?.rootGraph && {NODE}", timeout=120_000)
    persistent.until(lambda: persistent.objects() == [drawn])
    persistent.page.get_by_role("option", name=drawn["label"]).wait_for()
    # The page is new: it shall be complete before another test takes it.
    persistent.page.wait_for_function(READY, timeout=60_000)
    assert persistent.is_vue() == persistent.vue


def test_an_editor_out_of_sight_is_painted_when_it_is_seen(editor: EditorPage) -> None:
    editor.load()
    before = editor.picture()
    editor.page.evaluate(SCROLL, -4000)
    editor.page.wait_for_timeout(500)
    editor.page.evaluate(f"(text) => {{ {NODE}.widgets[0].value = text }}", json.dumps(ONE))
    editor.page.wait_for_timeout(500)
    assert editor.page.evaluate(PICTURE) == before
    editor.page.evaluate(SCROLL, 80)
    editor.until(lambda: editor.page.evaluate(PICTURE) != before)
    assert editor.text() == json.dumps(ONE)


def test_what_run_sends_is_the_document(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    assert editor.sent_text() == editor.text()
    editor.load(json.dumps(ONE, indent=2))
    assert editor.sent_text() == json.dumps(ONE, indent=2)


def test_the_renderer_changes_while_editing(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.set_renderer(not editor.vue)
    editor.page.wait_for_function("() => document.querySelector('.fm-canvas')?.getBoundingClientRect().width > 0")
    editor.settle()
    assert editor.text() == drawn
    editor.drag((0.6, 0.5), (0.8, 0.9))
    assert corners(editor.objects()[1]["keyframes"][0]) == pytest.approx([0.6, 0.5, 0.8, 0.9], abs=0.02)
    editor.press("Control+z")
    assert editor.text() == drawn


def test_a_copied_node_is_a_node_of_its_own(editor: EditorPage) -> None:
    editor.load(ONE)
    original = editor.text()
    editor.page.evaluate(
        f"""() => {{ const canvas = window.app.canvas; canvas.selectNode({NODE})
        canvas.copyToClipboard(); canvas.pasteFromClipboard({{ position: [0, 1000] }}) }}"""
    )
    values = "() => window.app.graph.nodes.filter((node) => node.type === 'DrawTrajectory').map((node) => node.widgets[0].value)"
    editor.until(lambda: len(editor.page.evaluate(values)) == 2)
    assert editor.page.evaluate(values) == [original, original]
    editor.page.get_by_role("option", name="cat").first.click()
    editor.page.locator(".fm-sink").first.focus()
    editor.press("ArrowRight")
    changed = editor.page.evaluate(values)
    assert sorted(value == original for value in changed) == [False, True]


def test_a_new_node_in_an_old_ones_place_has_its_own_document(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.evaluate(
        f"""async () => {{
        const old = {NODE}
        window.app.graph.remove(old)
        for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame)
        const node = window.LiteGraph.createNode('DrawTrajectory')
        node.id = old.id
        window.app.graph.add(node)
        node.pos = [0, 0]
        node.setSize([480, 860])
    }}"""
    )
    editor.settle()
    assert editor.objects() == []
    editor.drag((0.6, 0.6), (0.8, 0.9))
    (drawn,) = editor.sent()["objects"]
    assert drawn["label"] != "cat"


def test_editing_goes_on_inside_a_subgraph(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    assert editor.sent() == document
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2


def test_a_node_comes_out_of_a_subgraph_as_it_went_in(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(
        f"""() => {{
        const graph = window.app.graph
        const {{ node }} = graph.convertToSubgraph(new Set([{NODE}]))
        graph.unpackSubgraph(node)
        {NODE}.pos = [0, 0]
        {NODE}.setSize([480, 860])
    }}"""
    )
    editor.settle()
    assert editor.document() == document
    assert editor.sent() == document
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2


def test_a_promoted_trajectory_can_be_edited(editor: EditorPage) -> None:
    editor.load()
    editor.page.evaluate(AS_ITS_OWN_WORKFLOW)
    editor.settle()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    assert editor.sent() == document
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2
    editor.page.evaluate(SAVE_AND_LOAD)
    assert len(editor.sent()["objects"]) == 2


PROMOTE_AGAIN = """async () => {
    const graph = window.app.graph
    const host = graph.nodes.find((node) => node.subgraph)
    const { subgraph } = graph.convertToSubgraph(new Set([host]))
    const inner = subgraph.nodes.find((node) => node.subgraph)
    const input = inner.inputs.find((entry) => entry.name === 'trajectory')
    subgraph.addInput('trajectory', 'STRING').connect(input, inner)
    await window.app.loadGraphData(JSON.parse(JSON.stringify(graph.serialize())))
}"""


def test_a_trajectory_promoted_twice_can_be_edited(editor: EditorPage) -> None:
    editor.load()
    editor.page.evaluate(AS_ITS_OWN_WORKFLOW)
    editor.settle()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    editor.page.evaluate(PROMOTE_AGAIN)
    assert editor.sent() == document
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(editor.sent()["objects"]) == 2
    editor.page.evaluate(SAVE_AND_LOAD)
    assert len(editor.sent()["objects"]) == 2


def show_run(editor: EditorPage) -> None:
    """Run, and wait until it is through."""
    editor.page.evaluate(
        """() => { window.ended = undefined; for (const name of ['execution_success', 'execution_error'])
        window.app.api.addEventListener(name, () => { window.ended = name }, { once: true }) }"""
    )
    editor.page.get_by_test_id("queue-button").first.click()
    assert editor.until(lambda: editor.page.evaluate("() => window.ended"), seconds=60) == "execution_success"


def test_without_a_loader_the_picture_comes_with_the_run(editor: EditorPage) -> None:
    # Another one in each renderer: of a result that it still has, ComfyUI 0.16 tells output nodes alone.
    red, green, blue = colour = (0x20, 0xA0, 0xE0 if editor.vue else 0xC0)
    size = {"width": 384, "height": 256, "batch_size": 1}
    graph = {
        "7": {"class_type": "EmptyImage", "inputs": {**size, "color": red << 16 | green << 8 | blue}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"start_image": ["7", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    editor.load(ONE, graph=graph)
    assert editor.pixel(0.05, 0.9) != pytest.approx(colour, abs=6)
    names = f"() => {NODE}.widgets.map((widget) => widget.name)"
    widgets = editor.page.evaluate(names)
    show_run(editor)
    editor.until(lambda: editor.pixel(0.05, 0.9) == pytest.approx(colour, abs=6))
    # And nowhere else in the node.
    assert editor.page.evaluate(names) == widgets
    # Of the boxes of that run nothing is left behind the boxes of now.
    editor.page.get_by_role("option", name="cat").click()
    editor.page.locator(".fm-sink").focus()
    editor.press("Delete")
    editor.until(lambda: editor.pixel(0.2, 0.45) == pytest.approx(colour, abs=6))


def test_a_video_is_shown_at_the_frame_of_the_clip(editor: EditorPage, frontend: Frontend) -> None:
    # Once for all pages of a server: a browser may have kept a part of it, and x264 makes other bytes of the same pictures.
    if not (video := frontend.base / "input/two_colours.mp4").exists():
        write_video(video)
    graph = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "two_colours.mp4"}},
        "4": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"start_image": ["4", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    editor.load(ONE, graph=graph)
    editor.until(lambda: editor.pixel(0.05, 0.9)[0] > 180)
    editor.page.locator(".fm-sink").focus()
    editor.press("End")
    editor.until(lambda: editor.pixel(0.05, 0.9)[2] > 180)


def write_video(path: Path) -> None:
    """33 frames of 384 x 256 at 24 per second: red, from the middle on blue."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 384, 256, "yuv420p"
        for index in range(33):
            picture = np.zeros((256, 384, 3), np.uint8)
            picture[..., 0 if index < 16 else 2] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def connected_as_keyframes(editor: EditorPage, graph: dict[str, Any]) -> Any:
    """Run a graph, and let the objects that it connects become the document's own; what Run then sends."""
    editor.load(graph=graph)
    show_run(editor)
    assert editor.objects() == []
    editor.menu("Document", "Use connected objects as keyframes")
    editor.page.get_by_label("Tolerance in pixels").fill("2")
    editor.press("Enter")
    return editor.sent()["objects"]


def test_what_a_mask_brings_becomes_keyframes(editor: EditorPage) -> None:
    whole, part = ({"width": w, "height": h, "value": v} for w, h, v in ((384, 256, 0.0), (96, 64, 1.0)))
    graph = {
        "4": {"class_type": "SolidMask", "inputs": whole},
        "5": {"class_type": "SolidMask", "inputs": part},
        "1": {
            "class_type": "MaskComposite",
            "inputs": {"destination": ["4", 0], "source": ["5", 0], "x": 96, "y": 64, "operation": "add"},
        },
        "2": {"class_type": "DrawTrajectory", "inputs": {"masks": ["1", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    (found,) = connected_as_keyframes(editor, graph)
    assert corners(found["keyframes"][0]) == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.01)
    assert len(found["keyframes"]) == 1


def test_what_a_run_decided_about_connected_objects_is_said(editor: EditorPage) -> None:
    # Another one in each renderer: of a result that it still has, ComfyUI 0.16 tells output nodes alone.
    pictures = {"width": 384, "height": 256, "batch_size": 33, "color": 0xFF0000 + editor.vue}
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": pictures},
        "4": {"class_type": "ImageToMask", "inputs": {"image": ["1", 0], "channel": "red"}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"masks": ["4", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    editor.load(graph=graph)
    show_run(editor)
    said = "33 masks for 33 frames count as one object that moves"
    assert editor.until(lambda: said in editor.page.locator(".fm-message").first.inner_text())


def test_a_document_may_stand_in_the_widget_as_an_object(editor: EditorPage) -> None:
    editor.load()
    editor.page.evaluate(f"(document) => {{ {NODE}.widgets[0].value = document }}", ONE)
    assert [entry["id"] for entry in editor.sent()["objects"]] == ["cat"]


def test_what_boxes_bring_becomes_keyframes(editor: EditorPage) -> None:
    graph = {
        "1": {"class_type": "PrimitiveBoundingBox", "inputs": {"x": 192, "y": 64, "width": 96, "height": 128}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"boxes": ["1", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    (found,) = connected_as_keyframes(editor, graph)
    (key,) = found["keyframes"]
    assert corners(key) == pytest.approx([0.5, 0.25, 0.75, 0.75], abs=0.01)


def test_what_tracks_bring_becomes_keyframes(editor: EditorPage) -> None:
    way = {"start_x": 0.25, "start_y": 0.4, "end_x": 0.75, "end_y": 0.6, "interpolation": "linear"}
    shape = {"width": 384, "height": 256, "num_frames": 33, "num_tracks": 2, "track_spread": 0.2}
    curve = {"bezier": False, "mid_x": 0.5, "mid_y": 0.5}
    graph = {
        "1": {"class_type": "GenerateTracks", "inputs": {**way, **shape, **curve}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"tracks": ["1", 0], "track_size": 0.25}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    found = connected_as_keyframes(editor, graph)
    assert len(found) == 2
    for track in found:
        first, last = track["keyframes"]
        assert (first["frame"], last["frame"]) == (0, 32)
        assert (last["x"] - first["x"], last["y"] - first["y"]) == pytest.approx((0.5, 0.2), abs=0.02)
        assert (first["w"] * 384, first["h"] * 256) == pytest.approx((64, 64), abs=2)
    # The two are on both sides of the way.
    assert sum(track["keyframes"][0]["x"] for track in found) / 2 == pytest.approx(0.25, abs=0.01)
    assert sum(track["keyframes"][0]["y"] for track in found) / 2 == pytest.approx(0.4, abs=0.01)
