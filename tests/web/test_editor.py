"""The rest of the trajectory editor in the pinned frontend, in both renderers: what test_editor_core.py leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ..conftest import RunningServer
from .editor_page import (
    CAT,
    EDIT_PROMOTED,
    INTO_SUBGRAPH,
    NODE,
    ONE,
    SAVE_AND_LOAD,
    EditorPage,
    corners,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_graphs_zoom_does_not_shift_the_pointer(editor: EditorPage, scale: float) -> None:
    editor.load(scale=scale)
    editor.page.evaluate(
        f"(scale) => {{ window.app.canvas.ds.offset = [100, -{NODE}.pos[1] - 190 + 40 / scale] }}", scale
    )
    editor.settle()
    editor.drag((0.2, 0.3), (0.5, 0.7))
    assert corners(editor.objects()[0]["keyframes"][0]) == pytest.approx([0.2, 0.3, 0.5, 0.7], abs=0.03)


def test_a_finger_draws_and_two_fingers_zoom(editor: EditorPage) -> None:
    session = editor.page.context.new_cdp_session(editor.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", editor.at(*point), strict=True), id=index) for index, point in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.4, 0.5))
    touch("touchMove", (0.5, 0.6))
    touch("touchEnd")
    assert corners(editor.objects()[0]["keyframes"][0]) == pytest.approx([0.2, 0.2, 0.5, 0.6], abs=0.02)
    drawn = editor.text()
    touch("touchStart", (0.7, 0.7))
    touch("touchStart", (0.7, 0.7), (0.8, 0.8))
    touch("touchMove", (0.6, 0.6), (0.9, 0.9))
    touch("touchEnd")
    assert editor.text() == drawn


def test_the_keyboard_alone_suffices(editor: EditorPage) -> None:
    editor.page.locator(".fm-sink").focus()
    editor.press("n", "End", "Shift+ArrowRight", "ArrowDown", "Alt+ArrowRight")
    first, last = editor.objects()[0]["keyframes"]
    assert (first["x"], first["y"]) == (0.5, 0.5)
    assert (last["frame"], last["x"]) == (32, pytest.approx(0.5 + 10 / 384))
    assert last["y"] == pytest.approx(0.5 + 1 / 256)
    assert last["w"] == pytest.approx(first["w"] + 1 / 384)
    editor.press(",", ",", "k")
    assert editor.frames() == [0, 30, 32]
    editor.press("Control+d")
    assert len(editor.objects()) == 2
    editor.press("Delete")
    assert len(editor.objects()) == 1
    editor.press("Home", "Space")
    editor.until(lambda: editor.frame() > 2)
    editor.press("Space")
    stopped = editor.frame()
    assert editor.page.get_by_role("button", name="Play (Space)").get_attribute("aria-pressed") == "false"
    assert editor.frame() == stopped


def test_keyframes_are_dragged_and_deleted_on_the_timeline(editor: EditorPage) -> None:
    editor.load(ONE)
    tracks = editor.page.locator(".fm-tracks").bounding_box()
    ruler = editor.page.get_by_role("slider", name="Frame").bounding_box()
    x = {frame: ruler["x"] + 12 + frame * (ruler["width"] - 24) / 32 for frame in (0, 16, 32)}
    y = tracks["y"] + 12
    mouse = editor.page.mouse
    mouse.move(x[32], y)
    mouse.down()
    mouse.move(x[16] + 20, y)
    mouse.move(x[16], y)
    mouse.up()
    assert editor.frames() == [0, 16]
    assert editor.frame() == 16
    editor.press("Delete")
    assert editor.frames() == [0]
    editor.press("Control+z", "Control+z")
    assert editor.frames() == [0, 32]


def test_the_length_of_the_clip_asks_what_becomes_of_the_motion(editor: EditorPage) -> None:
    for choice, frames in (("Stretch it over the clip", [0, 64]), ("Keep its speed", [0, 32])):
        editor.load(ONE)
        editor.page.get_by_role("spinbutton", name="Frames", exact=True).fill("65")
        editor.press("Enter")
        assert editor.document()["frames"] == 33
        editor.page.get_by_role("menuitem", name=choice).click()
        assert editor.document()["frames"] == 65
        assert editor.frames() == frames


def test_the_large_view_is_the_same_editor(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    editor.click("Large view")
    dialog = editor.page.get_by_role("dialog", name="Trajectory editor")
    editor.until(lambda: dialog.locator(".fm-canvas").bounding_box()["width"] > 1000)
    editor.settle()
    editor.drag((0.6, 0.6), (0.8, 0.8))
    assert [corners(entry["keyframes"][0]) for entry in editor.objects()] == [
        pytest.approx([0.1, 0.1, 0.3, 0.4], abs=0.02),
        pytest.approx([0.6, 0.6, 0.8, 0.8], abs=0.02),
    ]
    editor.press("Control+z")
    assert len(editor.objects()) == 1
    editor.press("f")
    editor.until(lambda: dialog.count() == 0)
    editor.settle()
    assert editor.page.locator(".fm-canvas").bounding_box()["width"] < 600
    editor.drag((0.6, 0.6), (0.8, 0.8))
    assert len(editor.objects()) == 2


def test_a_broken_document_keeps_its_text(editor: EditorPage) -> None:
    broken = json.dumps(ONE)[:-3]
    editor.load(broken)
    alert = editor.page.locator(".fm-banner").get_by_role("alert")
    assert "not valid JSON" in alert.inner_text()
    assert editor.text() == broken
    assert editor.sent_text() == broken
    editor.page.get_by_label("Text of the trajectory").fill(json.dumps(ONE))
    editor.page.get_by_role("button", name="Use this text").click()
    assert not alert.is_visible()
    assert [entry["id"] for entry in editor.objects()] == ["cat"]


def test_objects_travel_between_nodes_through_the_clipboard(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.page.locator(".fm-sink").focus()
    editor.press("Control+c")
    editor.load()
    editor.page.locator(".fm-sink").focus()
    editor.press("Control+v")
    editor.until(lambda: len(editor.objects()) == 1)
    assert editor.frames() == [0, 32]
    assert editor.page.evaluate("() => window.app.graph.nodes.length") == 3


def test_time_runs_at_the_clips_own_speed(editor: EditorPage) -> None:
    editor.load({**ONE, "fps": 4})
    editor.page.locator(".fm-sink").focus()
    editor.page.evaluate("() => { window.pressed = performance.now() }")
    editor.press("Space")
    seen = editor.page.wait_for_function(
        """() => {
            const frame = Number(document.querySelector('.fm-ruler').getAttribute('aria-valuenow'))
            return frame >= 5 && [frame, performance.now() - window.pressed]
        }"""
    )
    frame, passed = seen.json_value()
    editor.press("Space")
    assert passed >= frame / 4 * 1000 - 50
    assert editor.frame() >= frame


def test_a_speed_of_ones_own(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.page.get_by_label("Speed to the next keyframe").select_option("custom")
    fields = editor.page.locator(".fm-curve-fields input")
    for index, value in enumerate(("0.9", "0", "1", "0.1")):
        fields.nth(index).fill(value)
        fields.nth(index).press("Tab")
    editor.press("Escape")
    assert editor.objects()[0]["keyframes"][0]["ease"] == [0.9, 0, 1, 0.1]
    assert editor.page.get_by_label("Speed to the next keyframe").input_value() == "custom"


def test_the_speed_of_the_hand_is_recorded(editor: EditorPage) -> None:
    editor.load({**ONE, "fps": 8, "objects": [{**CAT, "keyframes": CAT["keyframes"][:1]}]})
    editor.page.locator(".fm-sink").focus()
    editor.press("r")
    mouse = editor.page.mouse
    mouse.move(*editor.at(0.3, 0.4))
    mouse.down()
    editor.until(lambda: editor.frame() >= 2)
    mouse.move(*editor.at(0.6, 0.7), steps=4)
    arrived = editor.frame()
    editor.until(lambda: editor.frame() >= arrived + 3)
    mouse.up()
    keys = editor.objects()[0]["keyframes"]
    assert (keys[0]["x"], keys[0]["y"]) == pytest.approx((0.3, 0.4), abs=0.01)
    assert (keys[-1]["x"], keys[-1]["y"]) == pytest.approx((0.6, 0.7), abs=0.02)
    assert keys[-1]["frame"] >= arrived
    editor.press("Control+z")
    assert editor.frames() == [0]


def test_several_boxes_are_selected_and_aligned(editor: EditorPage) -> None:
    dog = {**CAT, "id": "dog", "keyframes": [{"frame": 0, "x": 0.6, "y": 0.7, "w": 0.1, "h": 0.1}]}
    editor.load({**ONE, "objects": [CAT, dog]})
    editor.page.locator(".fm-sink").focus()
    editor.press("m")
    editor.drag((0.05, 0.05), (0.95, 0.95))
    editor.menu("Object and document", "Align left")
    lefts = [entry["keyframes"][0]["x"] - entry["keyframes"][0]["w"] / 2 for entry in editor.objects()]
    assert lefts == pytest.approx([0.2, 0.2])
    editor.press("Control+z")
    assert editor.objects()[1]["keyframes"][0]["x"] == 0.6


def test_copy_and_paste_need_no_keyboard(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.menu("Object and document", "Copy")
    editor.load()
    editor.menu("Object and document", "Paste")
    editor.until(lambda: len(editor.objects()) == 1)
    assert editor.frames() == [0, 32]


DROP = """([name, text]) => {
    const data = new DataTransfer()
    data.items.add(new File([text], name))
    document.querySelector('.fm-canvas').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }))
}"""


def test_files_are_saved_and_dropped(editor: EditorPage) -> None:
    editor.load(ONE)
    saved = {}
    for kind in ("JSON", "CSV"):
        with editor.page.expect_download() as download:
            editor.menu("Object and document", f"Save as {kind}")
        saved[kind] = download.value.path().read_text(encoding="utf-8")
    assert json.loads(saved["JSON"])["objects"][0]["id"] == "cat"
    assert len(saved["CSV"].splitlines()) == 1 + 33
    editor.load()
    for kind in ("JSON", "CSV"):
        editor.page.evaluate(DROP, [f"motion.{kind.lower()}", saved[kind]])
        editor.until(lambda: len(editor.objects()) == 1)
        assert editor.frames() == [0, 32]
        editor.page.locator(".fm-sink").focus()
        editor.press("Control+z")
        assert editor.objects() == []
    editor.page.evaluate(DROP, ["motion.json", '{"version": 2}'])
    editor.until(lambda: editor.page.locator(".fm-message.fm-alarm").count() == 1)
    assert editor.objects() == []


def test_the_page_is_reloaded(context: Any, newest_server: RunningServer, opened: EditorPage) -> None:
    editor = EditorPage(context, newest_server.url, opened.vue, **{"Comfy.Workflow.Persist": True})
    editor.load()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    stored = "(text) => Object.values({ ...localStorage, ...sessionStorage }).some((entry) => entry.includes(text))"
    editor.until(lambda: editor.page.evaluate(stored, "object 1"), seconds=20)
    editor.page.reload()
    editor.page.wait_for_function(f"() => window.app?.rootGraph && {NODE}", timeout=120_000)
    editor.until(lambda: editor.text() == drawn)
    assert editor.page.get_by_role("option", name="object 1").count() == 1
    editor.page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
    editor.page.close()


def show_run(editor: EditorPage) -> None:
    """Run, and wait until it is through."""
    editor.page.evaluate(
        """() => { window.ended = undefined; for (const name of ['execution_success', 'execution_error'])
        window.app.api.addEventListener(name, () => { window.ended = name }, { once: true }) }"""
    )
    editor.page.get_by_test_id("queue-button").first.click()
    assert editor.until(lambda: editor.page.evaluate("() => window.ended"), seconds=60) == "execution_success"


def test_without_a_loader_the_picture_comes_with_the_run(editor: EditorPage) -> None:
    graph = {
        "7": {"class_type": "EmptyImage", "inputs": {"width": 384, "height": 256, "batch_size": 1, "color": 0x20A0E0}},
        "2": {"class_type": "DrawTrajectory", "inputs": {"start_image": ["7", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
    }
    editor.load(ONE, graph=graph)
    assert editor.pixel(0.05, 0.9) != pytest.approx([0x20, 0xA0, 0xE0], abs=6)
    show_run(editor)
    editor.until(lambda: editor.pixel(0.05, 0.9) == pytest.approx([0x20, 0xA0, 0xE0], abs=6))
    # Of the boxes of that run nothing is left behind the boxes of now.
    editor.page.get_by_role("option", name="cat").click()
    editor.page.locator(".fm-sink").focus()
    editor.press("Delete")
    editor.until(lambda: editor.pixel(0.2, 0.45) == pytest.approx([0x20, 0xA0, 0xE0], abs=6))


def test_a_video_is_shown_at_the_frame_of_the_clip(editor: EditorPage, newest_server: RunningServer) -> None:
    write_video(newest_server.base / "input/two_colours.mp4")
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
    editor.load(graph=graph)
    show_run(editor)
    editor.menu("Object and document", "Use connected objects as keyframes")
    editor.page.get_by_label("Tolerance in pixels").fill("2")
    editor.press("Enter")
    (found,) = editor.objects()
    assert corners(found["keyframes"][0]) == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.01)
    assert len(found["keyframes"]) == 1


def test_the_ghosts_are_as_many_as_one_wishes(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    before = editor.page.evaluate("() => document.querySelector('.fm-canvas').toDataURL()")
    editor.menu("Object and document", "Ghosts")
    editor.page.get_by_label("On each side").fill("8")
    editor.page.get_by_label("Frames between").fill("4")
    editor.press("Enter")
    editor.until(lambda: editor.page.evaluate("() => document.querySelector('.fm-canvas').toDataURL()") != before)


def test_the_control_map_is_what_the_model_sees(editor: EditorPage) -> None:
    editor.load(ONE)
    assert editor.pixel(0.05, 0.9) != [0, 0, 0]
    editor.page.locator(".fm-sink").focus()
    editor.press("c")
    editor.until(lambda: editor.pixel(0.05, 0.9) == [0, 0, 0])
    editor.press("c")
    editor.until(lambda: editor.pixel(0.05, 0.9) != [0, 0, 0])


def test_size_speed_and_a_pause(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.press("End")
    editor.drag((0.8, 0.65), (0.9, 0.77))
    last = editor.objects()[0]["keyframes"][1]
    assert corners(last) == pytest.approx([0.6, 0.35, 0.9, 0.77], abs=0.02)
    editor.press("Home")
    editor.page.get_by_label("Speed to the next keyframe").select_option("hold")
    editor.click("Hide from here")
    (cat,) = editor.objects()
    assert [key["ease"] for key in cat["keyframes"]] == ["hold", "linear"]
    assert cat["hidden"] == [[0, 31]]
    editor.page.get_by_label("Width in pixels", exact=True).fill("96")
    editor.press("Enter")
    assert editor.objects()[0]["keyframes"][0]["w"] == 0.25


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


def test_a_node_comes_out_of_a_subgraph_as_it_went_in(editor: EditorPage) -> None:
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


PROMOTE_AGAIN = """async () => {
    const graph = window.app.graph
    const host = graph.nodes.find((node) => node.subgraph)
    const { subgraph } = graph.convertToSubgraph(new Set([host]))
    const inner = subgraph.nodes.find((node) => node.subgraph)
    const input = inner.inputs.find((entry) => entry.name === 'trajectory')
    subgraph.addInput('trajectory', 'STRING').connect(input, inner)
    await window.app.loadGraphData(JSON.parse(JSON.stringify(graph.serialize())))
}"""


# The frontend keeps values of promoted widgets by the workflow's id and the node's; graphs in API form all get the same id.
AS_ITS_OWN_WORKFLOW = """async () => {
    const graph = window.app.graph.serialize()
    await window.app.loadGraphData(JSON.parse(JSON.stringify({ ...graph, id: crypto.randomUUID() })))
}"""


def test_a_trajectory_promoted_twice_can_be_edited(editor: EditorPage) -> None:
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
