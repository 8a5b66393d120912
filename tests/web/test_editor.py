"""What a user does in the trajectory editor: shape, time, select and record motions, with a mouse and a pen.

These tests look at our own DOM, which no frontend changes: they run in the newest frontend alone, in both renderers. Where the page
around the editor takes part, they run in the oldest, the pinned and the newest frontend: see test_editor_smoke.py (mounting, drawing,
keyframes, undo, keys, touch, the graph's zoom, menus, the large view, clipboard, files) and test_editor_in_comfyui.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flashmotion_core.trajectory import parse, sample

from .editor_page import CAT, ONE, EditorPage, corners

pytestmark = pytest.mark.browser

DOG = {"id": "dog", "label": "dog", "keyframes": [{"frame": 0, "x": 0.6, "y": 0.7, "w": 0.1, "h": 0.1}]}


def test_a_pen_draws(editor: EditorPage) -> None:
    editor.load()
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


def test_copy_and_paste_need_no_keyboard(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    editor.menu("Object: ", "Copy")
    editor.load()
    editor.menu("Document", "Paste")
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
    editor.load({**ONE, "fps": 4, "objects": [{**CAT, "keyframes": CAT["keyframes"][:1]}]})
    editor.page.locator(".fm-sink").focus()
    editor.press("r")
    mouse = editor.page.mouse
    mouse.move(*editor.at(0.3, 0.4))
    mouse.down()
    editor.until(lambda: editor.frame() >= 2)
    mouse.move(*editor.at(0.5, 0.6), steps=3)
    nearly = editor.frame()  # asked before the last place: the clip plays on while one asks
    mouse.move(*editor.at(0.6, 0.7))
    editor.until(lambda: editor.frame() >= nearly + 4)
    mouse.up()
    keys = editor.objects()[0]["keyframes"]
    assert (keys[0]["x"], keys[0]["y"]) == pytest.approx((0.3, 0.4), abs=0.01)
    assert (keys[-1]["x"], keys[-1]["y"]) == pytest.approx((0.6, 0.7), abs=0.02)
    assert keys[-1]["frame"] >= nearly
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
    editor.menu("Object: ", "Align and distribute", "Align left")
    lefts = [entry["keyframes"][0]["x"] - entry["keyframes"][0]["w"] / 2 for entry in editor.objects()]
    assert lefts == pytest.approx([0.2, 0.2])
    editor.press("Control+z")
    assert editor.objects()[1]["keyframes"][0]["x"] == 0.6


def test_the_ghosts_are_as_many_as_one_wishes(editor: EditorPage) -> None:
    editor.load(ONE)
    editor.page.get_by_role("option", name="cat").click()
    before = editor.picture()
    editor.menu("Document", "Ghosts")
    editor.page.get_by_label("On each side").fill("8")
    editor.page.get_by_label("Frames between").fill("4")
    editor.press("Enter")
    editor.until(lambda: editor.picture() != before)


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
    editor.menu("Motion", "Camera move (all objects)")
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
    editor.menu("Motion", "Flip horizontally")
    assert places() == [(0, 0.3, 0.5), (32, 0.7, 0.4)]
    editor.menu("Motion", "Flip vertically")
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
