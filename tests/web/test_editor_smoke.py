"""The editor where ComfyUI's page takes part, in the oldest, the pinned and the newest frontend, in both renderers each.

Mounting, drawing and keyframes: test_a_box_that_is_drawn_moves_where_it_is_dragged_at_another_frame, and on the timeline
test_keyframes_are_dragged_and_deleted_on_the_timeline. Undo, whose keys the graph hears too: test_one_step_of_undo_for_each_gesture.
The keyboard: test_the_keyboard_alone_suffices. Touch: test_a_finger_draws_and_two_fingers_zoom. The graph's zoom:
test_the_graphs_zoom_does_not_shift_the_pointer. Menus above the graph: test_the_length_of_the_clip_asks_what_becomes_of_the_motion. The
dialog: test_the_large_view_is_the_same_editor. What is loaded and what Run sends: test_a_broken_document_keeps_its_text. Clipboard and
dropped files, which the page takes too where it can: test_objects_travel_between_nodes_through_the_clipboard and
test_files_are_saved_and_dropped. Saving, reloading, copies, subgraphs and runs are in test_editor_in_comfyui.py; what only our own DOM
decides is in test_editor.py.
"""

from __future__ import annotations

import json

import pytest

from .editor_page import NODE, ONE, EditorPage, corners

TOOLTIPS = "() => [...document.querySelectorAll('.p-tooltip')].filter((tip) => tip.checkVisibility({ visibilityProperty: true })).length"
pytestmark = [pytest.mark.browser, pytest.mark.frontends("all")]


def test_a_box_that_is_drawn_moves_where_it_is_dragged_at_another_frame(editor: EditorPage) -> None:
    editor.load()
    editor.drag((0.2, 0.2), (0.4, 0.6))
    (drawn,) = editor.objects()
    assert corners(drawn["keyframes"][0]) == pytest.approx([0.2, 0.2, 0.4, 0.6], abs=0.02)
    editor.press("End")
    assert editor.frame() == 32
    editor.drag((0.3, 0.4), (0.63, 0.44))  # away from the middle, where edges snap
    first, last = editor.objects()[0]["keyframes"]
    assert (first["frame"], last["frame"]) == (0, 32)
    assert (last["x"] - first["x"], last["y"] - first["y"]) == pytest.approx((0.33, 0.04), abs=0.02)
    assert (last["w"], last["h"]) == (first["w"], first["h"])
    if editor.frontend == "oldest" and editor.vue:  # it shows the input's tooltip, whatever the widget's is
        editor.page.mouse.move(*editor.at(0.9, 0.9), steps=5)
        editor.page.wait_for_timeout(1500)
        assert editor.page.evaluate(TOOLTIPS) == 0


def test_one_step_of_undo_for_each_gesture(editor: EditorPage) -> None:
    editor.load()
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


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_graphs_zoom_does_not_shift_the_pointer(editor: EditorPage, scale: float) -> None:
    editor.load(scale=scale)
    editor.page.evaluate(
        f"""(scale) => {{
            window.app.canvas.ds.offset = [100, -{NODE}.pos[1] - 190 + 40 / scale]
            window.app.canvas.setDirty(true, true)
        }}""",
        scale,
    )
    editor.settle()
    editor.drag((0.2, 0.3), (0.5, 0.7))
    assert corners(editor.objects()[0]["keyframes"][0]) == pytest.approx([0.2, 0.3, 0.5, 0.7], abs=0.03)


def test_a_finger_draws_and_two_fingers_zoom(editor: EditorPage) -> None:
    editor.load()
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
    editor.load()
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
    editor.load()
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
    editor.page.get_by_role("button", name="Use this text").press(
        "Enter"
    )  # in frontend 1.39 it may lie below the window
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
            editor.menu("Document", f"Save as {kind}")
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
