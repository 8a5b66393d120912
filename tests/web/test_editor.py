"""What a user does in the trajectory editor: draw, time, select, shape motions; with mouse, finger, pen and keys, in files and views.

In the oldest, the pinned and the newest frontend, in both renderers each.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import parse, sample

from .editor_page import CAT, NODE, ONE, EditorPage, corners

pytestmark = pytest.mark.browser

DOG = {"id": "dog", "label": "dog", "keyframes": [{"frame": 0, "x": 0.6, "y": 0.7, "w": 0.1, "h": 0.1}]}


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


def test_a_pen_draws(editor: EditorPage) -> None:
    session = editor.page.context.new_cdp_session(editor.page)
    editor.page.evaluate(
        "() => document.addEventListener('pointerdown', (event) => { window.drewWith = event.pointerType }, { capture: true, once: true })"
    )

    def pen(kind: str, place: tuple[float, float], buttons: int) -> None:
        x, y = editor.at(*place)
        held = {"button": "left", "buttons": buttons, "clickCount": 1, "pointerType": "pen"}
        session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **held})

    pen("mousePressed", (0.2, 0.2), 1)
    pen("mouseMoved", (0.3, 0.4), 1)
    pen("mouseMoved", (0.4, 0.6), 1)
    pen("mouseReleased", (0.4, 0.6), 0)
    assert editor.page.evaluate("() => window.drewWith") == "pen"
    (drawn,) = editor.objects()
    assert corners(drawn["keyframes"][0]) == pytest.approx([0.2, 0.2, 0.4, 0.6], abs=0.02)


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


def test_copy_and_paste_need_no_keyboard(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.menu("Object and document", "Copy")
    editor.load()
    editor.menu("Object and document", "Paste")
    editor.until(lambda: len(editor.objects()) == 1)
    assert editor.frames() == [0, 32]


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


def test_several_boxes_are_selected_and_aligned(editor: EditorPage) -> None:
    editor.load({**ONE, "objects": [CAT, DOG]})
    editor.page.locator(".fm-sink").focus()
    editor.press("m")
    editor.drag((0.05, 0.05), (0.95, 0.95))
    editor.menu("Object and document", "Align left")
    lefts = [entry["keyframes"][0]["x"] - entry["keyframes"][0]["w"] / 2 for entry in editor.objects()]
    assert lefts == pytest.approx([0.2, 0.2])
    editor.press("Control+z")
    assert editor.objects()[1]["keyframes"][0]["x"] == 0.6


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


# A preset, and how far its keyframes are from the straight way that the object went before, right and down, in fractions of the frame.
PRESETS = {
    "Arc": [(0, 0), (0, -0.1875), (0, -0.25), (0, -0.1875), (0, 0)],
    "Bounce": [(0, 0), (0, -0.3), (0, 0), (0, -0.15), (0, 0), (0, -0.075), (0, 0)],
    "Orbit": [
        (0.15 * (1 - np.cos(angle)), -0.15 * 384 / 256 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 9)
    ],
}


def offsets(keys: list[dict[str, float]]) -> Any:
    """How far keyframes are from the straight way between the first and the last one, right and down [K, 2]."""
    places = np.array([(key["x"], key["y"]) for key in keys])
    shares = np.array([[key["frame"] / 32] for key in keys])
    return places - places[0] - (places[-1] - places[0]) * shares


@pytest.mark.parametrize("preset", [*PRESETS, "Shake"])
def test_a_preset_swings_about_the_way_and_stays_in_the_picture(editor: EditorPage, preset: str) -> None:
    way = [{**key, "y": 0.6} for key in CAT["keyframes"]]
    editor.load({**ONE, "objects": [{**CAT, "keyframes": way}]})
    editor.page.get_by_role("option", name="cat").click()
    editor.menu("Motion", preset)
    editor.page.get_by_role("button", name="Apply").click()
    (cat,) = editor.sent()["objects"]
    first, *_, last = cat["keyframes"]
    for key, before in zip((first, last), way, strict=True):
        assert [key[name] for name in ("frame", *"xywh")] == pytest.approx(
            [before[name] for name in ("frame", *"xywh")]
        )
    if preset == "Shake":
        aside = np.hypot(*(offsets(cat["keyframes"]) * (1, 256 / 384)).T)
        assert aside == pytest.approx([0, *[0.01] * 12, 0], abs=1e-5)
    else:
        assert offsets(cat["keyframes"]) == pytest.approx(np.array(PRESETS[preset]), abs=1e-5)
    boxes_TN4 = sample(parse(editor.sent_text())).boxes_TN4
    assert (boxes_TN4[..., :2] >= 0).all()
    assert (boxes_TN4[..., :2] + boxes_TN4[..., 2:] <= (384, 256)).all()
    editor.page.locator(".fm-sink").focus()
    editor.press("Control+z")
    assert editor.frames() == [0, 32]


def test_a_camera_move_moves_all_objects(editor: EditorPage) -> None:
    editor.load({**ONE, "objects": [CAT, DOG]})
    editor.menu("Motion", "Camera move")
    editor.page.get_by_label("Pan right").fill("10")
    editor.page.get_by_label("Zoom, %").fill("200")
    editor.page.get_by_role("button", name="Apply").click()
    boxes_TN4 = sample(parse(editor.sent_text())).boxes_TN4 / (384, 256, 384, 256)
    centres_TN2 = boxes_TN4[..., :2] + boxes_TN4[..., 2:] / 2
    assert centres_TN2[0] == pytest.approx(np.array([(0.3, 0.4), (0.6, 0.7)]), abs=0.005)
    assert centres_TN2[-1] == pytest.approx(np.array([(0.7, 0.5), (0.5, 0.9)]), abs=0.005)
    assert boxes_TN4[-1, :, 2:] == pytest.approx(2 * boxes_TN4[0, :, 2:], abs=0.005)
    # Half way the camera, slow at both ends, has gone half of its way.
    assert boxes_TN4[16, 1, 2] == pytest.approx(0.15, abs=0.005)


def test_flip_and_reverse(editor: EditorPage) -> None:
    editor.load({**ONE, "objects": [CAT, DOG]})
    editor.page.get_by_role("option", name="cat").click()

    def places(index: int = 0) -> list[tuple[int, float, float]]:
        return [
            (key["frame"], round(key["x"], 6), round(key["y"], 6))
            for key in editor.sent()["objects"][index]["keyframes"]
        ]

    editor.menu("Motion", "Reverse in time")
    assert places() == [(0, 0.7, 0.5), (32, 0.3, 0.4)]
    editor.menu("Motion", "Flip left and right")
    assert places() == [(0, 0.3, 0.5), (32, 0.7, 0.4)]
    editor.menu("Motion", "Flip up and down")
    assert places() == [(0, 0.3, 0.5), (32, 0.7, 0.6)]
    assert places(1) == [(0, 0.6, 0.7)]


def test_a_box_snaps_to_the_middle_unless_alt_is_held(editor: EditorPage) -> None:
    editor.load(ONE)
    mouse = editor.page.mouse

    def guide() -> bool:
        """Whether a line is drawn in the middle, away from the box."""
        colours = [editor.pixel(0.5 + step / 500, 0.9) for step in range(-3, 4)]
        return any(red - green > 80 and blue - green > 40 for red, green, blue in colours)

    def drag() -> bool:
        mouse.move(*editor.at(0.3, 0.4))
        mouse.down()
        mouse.move(*editor.at(0.36, 0.31))
        assert not guide()
        mouse.move(*editor.at(0.508, 0.31))
        editor.page.evaluate("async () => { await new Promise(requestAnimationFrame) }")
        shown = guide()
        mouse.up()
        return shown

    assert drag()
    assert editor.objects()[0]["keyframes"][0]["x"] == pytest.approx(0.5, abs=1e-9)
    editor.until(lambda: not guide())
    editor.press("Control+z")
    editor.page.keyboard.down("Alt")
    assert not drag()
    editor.page.keyboard.up("Alt")
    assert editor.objects()[0]["keyframes"][0]["x"] == pytest.approx(0.508, abs=0.004)
    assert editor.objects()[0]["keyframes"][0]["x"] != pytest.approx(0.5, abs=0.003)


def test_who_asks_for_less_motion_sees_no_transitions_but_may_play(editor: EditorPage) -> None:
    editor.load(ONE)
    lasts = "() => getComputedStyle(document.querySelector('.fm-button')).transitionDuration"
    assert editor.page.evaluate(lasts) == "0.1s"
    editor.page.emulate_media(reduced_motion="reduce")
    try:
        assert editor.page.evaluate(lasts) == "0s"
        editor.click("Play")
        editor.until(lambda: editor.frame() > 2)
        editor.click("Play")
    finally:
        editor.page.emulate_media(reduced_motion="no-preference")
