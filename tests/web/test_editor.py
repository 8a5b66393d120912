"""The trajectory editor in the real frontend, in both renderers: drawn, undone, saved, copied, enlarged, broken."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import RunningServer
from .editor_page import NODE, EditorPage

pytestmark = pytest.mark.browser

CAT = {
    "id": "cat",
    "label": "cat",
    "keyframes": [
        {"frame": 0, "x": 0.3, "y": 0.4, "w": 0.2, "h": 0.3},
        {"frame": 32, "x": 0.7, "y": 0.5, "w": 0.2, "h": 0.3},
    ],
}
ONE = {"version": 1, "size": [384, 256], "frames": 33, "fps": 24, "objects": [CAT]}


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    from tools.frontend import BROWSER_ARGUMENTS

    playwright_api = pytest.importorskip("playwright.sync_api")
    browser = os.environ.get("FLASHMOTION_BROWSER")
    if not browser:
        pytest.skip("needs FLASHMOTION_BROWSER, the path of a Chromium: run python run_tests.py")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
        yield chromium.new_context(viewport={"width": 1500, "height": 1000}, has_touch=True)
        chromium.close()


@pytest.fixture(params=[False, True], ids=["classic", "vue"])
def editor(request: pytest.FixtureRequest, context: Any, newest_server: RunningServer) -> Iterator[EditorPage]:
    opened = EditorPage(context, newest_server.url, request.param)
    opened.load()
    yield opened
    assert [error for error in opened.errors if "flashmotion" in error.lower()] == []
    opened.page.close()


def corners(key: dict[str, float]) -> list[float]:
    """left, top, right, bottom of a keyframe."""
    x, y, w, h = (key[name] for name in "xywh")
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def sent_text(editor: EditorPage) -> str:
    """The document that Run would send, letter by letter."""
    prompt = editor.page.evaluate("async () => (await window.app.graphToPrompt()).output")
    (inputs,) = (entry["inputs"] for entry in prompt.values() if entry["class_type"] == "DrawTrajectory")
    text: str = inputs["trajectory"]
    return text


def sent(editor: EditorPage) -> Any:
    """The same, decoded."""
    return json.loads(sent_text(editor))


def test_a_box_that_is_drawn_moves_where_it_is_dragged_at_another_frame(editor: EditorPage) -> None:
    editor.drag((0.2, 0.2), (0.4, 0.6))
    (drawn,) = editor.objects()
    assert corners(drawn["keyframes"][0]) == pytest.approx([0.2, 0.2, 0.4, 0.6], abs=0.02)
    editor.press("End")
    assert editor.frame() == 32
    editor.drag((0.3, 0.4), (0.62, 0.44))
    first, last = editor.objects()[0]["keyframes"]
    assert (first["frame"], last["frame"]) == (0, 32)
    assert (last["x"] - first["x"], last["y"] - first["y"]) == pytest.approx((0.32, 0.04), abs=0.02)
    assert (last["w"], last["h"]) == (first["w"], first["h"])


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


def test_one_step_of_undo_for_each_gesture(editor: EditorPage) -> None:
    before = editor.text()
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.drag((0.2, 0.2), (0.5, 0.5))
    moved = editor.text()
    assert len({before, drawn, moved}) == 3
    editor.press("Control+z")
    assert editor.text() == drawn
    editor.press("Control+z")
    assert editor.document() == json.loads(before)
    editor.press("Control+y", "Control+y")
    assert editor.text() == moved


def test_the_graphs_own_undo_takes_back_a_gesture_and_keeps_the_view(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.press(".", ".", ".")
    editor.drag((0.2, 0.25), (0.5, 0.5))
    moved = editor.text()
    editor.graph_key("Control+z")
    editor.until(lambda: editor.text() == drawn)
    editor.settle()
    assert editor.frame() == 3
    assert editor.page.locator(".fm-option[aria-selected=true]").count() == 1
    editor.graph_key("Control+y")
    editor.until(lambda: editor.text() == moved)


def test_a_saved_workflow_opens_unchanged(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    editor.page.evaluate(
        "async () => { await window.app.loadGraphData(JSON.parse(JSON.stringify(window.app.graph.serialize()))) }"
    )
    editor.settle()
    assert editor.text() == drawn
    assert editor.page.get_by_role("option", name="object 1").count() == 1


def test_what_run_sends_is_the_document(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    assert sent_text(editor) == editor.text()
    editor.load(json.dumps(ONE, indent=2))
    assert sent_text(editor) == json.dumps(ONE, indent=2)


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


def test_the_renderer_changes_while_editing(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    drawn = editor.text()
    now = editor.page.evaluate("() => Boolean(window.LiteGraph.vueNodesMode)")
    editor.page.evaluate(
        "async (vue) => { await window.app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue) }", not now
    )
    editor.until(lambda: editor.page.evaluate("() => Boolean(window.LiteGraph.vueNodesMode)") != now)
    editor.page.wait_for_function("() => document.querySelector('.fm-canvas')?.getBoundingClientRect().width > 0")
    editor.settle()
    assert editor.text() == drawn
    editor.drag((0.6, 0.5), (0.8, 0.9))
    assert corners(editor.objects()[1]["keyframes"][0]) == pytest.approx([0.6, 0.5, 0.8, 0.9], abs=0.02)
    editor.press("Control+z")
    assert editor.text() == drawn


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
    assert sent_text(editor) == broken
    editor.page.get_by_label("Text of the trajectory").fill(json.dumps(ONE))
    editor.page.get_by_role("button", name="Use this text").click()
    assert not alert.is_visible()
    assert [entry["id"] for entry in editor.objects()] == ["cat"]


def test_objects_travel_between_nodes_through_the_clipboard(editor: EditorPage, context: Any) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
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
    host.pos = [0, 0]
    host.setSize([480, 860])
    const ours = window.app.extensions.find((extension) => extension.name === 'FlashMotion.TrajectoryEditor')
    ours.getNodeMenuItems(host).find((item) => item.content === 'Edit trajectory')?.callback()
}"""
SHOW_INNER = """() => {
    const [node] = window.app.canvas.graph.nodes
    node.pos = [0, 0]
    node.setSize([480, 860])
    window.app.canvas.ds.scale = 1
    window.app.canvas.ds.offset = [300, 80]
    window.app.canvas.setDirty(true, true)
}"""


def test_editing_goes_on_inside_a_subgraph(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, False)
    editor.page.wait_for_function("() => window.app.canvas.graph.nodes[0]?.type === 'DrawTrajectory'")
    editor.page.evaluate(SHOW_INNER)
    editor.settle()
    assert sent(editor) == document
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(sent(editor)["objects"]) == 2


def test_a_promoted_trajectory_can_be_edited(editor: EditorPage) -> None:
    editor.drag((0.1, 0.1), (0.3, 0.4))
    document = editor.document()
    editor.page.evaluate(INTO_SUBGRAPH, True)
    assert sent(editor) == document
    editor.page.evaluate(EDIT_PROMOTED)
    editor.settle()
    editor.drag((0.6, 0.6), (0.8, 0.9))
    assert len(sent(editor)["objects"]) == 2
    editor.page.evaluate(
        "async () => { await window.app.loadGraphData(JSON.parse(JSON.stringify(window.app.graph.serialize()))) }"
    )
    assert len(sent(editor)["objects"]) == 2
