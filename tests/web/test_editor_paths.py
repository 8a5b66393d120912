"""An object's box, path and speed under a mouse, in the newest frontend in both renderers. What a pointer finds is in
unit/targets.test.js, what becomes of a stroke in unit/pen.test.js.
"""

from __future__ import annotations

import math
import random

import pytest

from .editor_page import CAT, EMPTY, ONE, EditorPage

pytestmark = pytest.mark.browser

TOOLTIPS = "() => document.querySelectorAll('.p-tooltip, [role=tooltip]').length"


def test_the_readmes_pause_stays_wherever_the_box_is_grabbed(editor: EditorPage) -> None:
    """README, "Draw a motion", steps 2 to 4, with the aim of a human."""
    aim = random.Random(16)
    for run in range(2):
        editor.start_over()
        editor.load({**EMPTY, "frames": 121})
        editor.drag((0.1, 0.2), (0.4, 0.7))
        for frame, by in ((50, (0.06, 0.08)), (80, None), (120, (0.3, 0.1))):
            editor.page.get_by_role("spinbutton", name="Frame", exact=True).fill(str(frame))
            editor.press("Enter")
            if by is None:
                editor.press("k")
                continue
            if run % 2 and frame == 120:
                editor.click("Smooth path")
            box = editor.selected_box()
            x, y = (box[at] + aim.uniform(-0.3, 0.3) * box[side] for at, side in ("xw", "yh"))
            editor.drag((x, y), (x + by[0], y + by[1]))
        assert editor.frames() == [0, 50, 80, 120]
        start, pause, on, end = ([key[side] for side in "xywh"] for key in editor.objects()[0]["keyframes"])
        assert pause == on
        assert pause[0] - start[0] == pytest.approx(0.06, abs=0.02)
        assert end[0] - on[0] == pytest.approx(0.3, abs=0.03)
        assert [len(str(value)) <= len("0.123456") for value in (*start, *pause, *end)] == [True] * 12


def test_the_inspector_offers_what_has_an_effect(editor: EditorPage) -> None:
    """The clip stays in reach, the speed is off where nothing moves, and no tooltip of the node covers the picture."""
    editor.load(ONE)
    # Slowly over the picture from outside, as a hand comes.
    editor.page.mouse.move(*editor.at(1.6, 0.5))
    editor.page.mouse.move(*editor.at(0.9, 0.9), steps=15)
    editor.page.wait_for_timeout(1000)
    assert editor.page.evaluate(TOOLTIPS) == 0
    editor.page.get_by_role("option", name=CAT["label"]).click()
    speed = editor.page.get_by_label("Speed to the next keyframe")
    assert speed.is_enabled()
    editor.page.locator(".fm-sink").focus()
    editor.press("End")
    assert speed.is_disabled()
    assert "after its last keyframe" in speed.get_attribute("title")
    fps = editor.page.get_by_role("spinbutton", name="Frames per second")
    assert not fps.is_visible()
    editor.click("Clip")
    fps.fill("12")
    editor.press("Enter")
    assert editor.document()["fps"] == 12
    editor.click("Clip")
    assert not fps.is_visible()
    # A double click on its row names it.
    editor.page.get_by_role("option", name=CAT["label"]).dblclick()
    editor.press("Control+a", "t", "o", "m", "Enter")
    assert editor.objects()[0]["label"] == "tom"


def test_a_pen_draws_a_path_and_clicks_change_it(editor: EditorPage) -> None:
    editor.load({**EMPTY, "frames": 121})
    mouse = editor.page.mouse
    wave = [(0.2 + 0.6 * t / 30, 0.5 + 0.25 * math.sin(math.tau * t / 30)) for t in range(31)]

    def stroke(points: list[tuple[float, float]]) -> None:
        mouse.move(*editor.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*editor.at(*point))

    editor.page.locator(".fm-sink").focus()
    before = editor.text()
    editor.press("p")
    stroke(wave)
    editor.press("Escape")
    mouse.up()
    assert editor.text() == before
    stroke(wave)
    mouse.up()
    # A new object, evenly over the clip, and the first tool again.
    (drawn,) = editor.objects()
    keys = drawn["keyframes"]
    assert (drawn["path"], keys[0]["frame"], keys[-1]["frame"]) == ("smooth", 0, 120)
    assert 4 <= len(keys) <= 12
    assert (keys[0]["x"], keys[-1]["x"]) == pytest.approx((0.2, 0.8), abs=0.02)
    # Another stroke, from within its box, replaces the path and keeps box and beginning.
    editor.press("p")
    stroke([(0.25, 0.45), (0.5, 0.3), (0.9, 0.3)])
    mouse.up()
    (again,) = editor.objects()
    assert [again["keyframes"][0][side] for side in "xywh"] == [keys[0][side] for side in "xywh"]
    assert again["keyframes"][-1]["x"] == pytest.approx(keys[0]["x"] + 0.65, abs=0.02)
    editor.press("Control+z")
    assert editor.objects() == [drawn]
    editor.press("Control+z")
    assert editor.objects() == []
    # Two points of a path, added, deleted and made a pause, all at frame 0.
    editor.load({**EMPTY, "objects": [{**CAT, "keyframes": [{**CAT["keyframes"][0], "y": 0.3}, CAT["keyframes"][1]]}]})
    mouse.dblclick(*editor.at(0.5, 0.4))
    assert editor.frames() == [0, 16, 32]
    assert editor.frame() == 0
    mouse.click(*editor.at(0.5, 0.4), button="right")
    editor.page.get_by_role("menuitem", name="Pause here").click()
    assert editor.frames() == [0, 16, 24, 32]
    _, stop, on, _ = editor.objects()[0]["keyframes"]
    assert {**on, "frame": 16} == stop
    mouse.click(*editor.at(0.5, 0.4), button="right")
    editor.page.get_by_role("menuitem", name="Delete this keyframe").click()
    assert editor.frames() == [0, 24, 32]
    # The speed of the whole path.
    editor.click("Speed along the whole path")
    editor.page.get_by_role("dialog").get_by_label("Speed").select_option("slow end")
    first, middle, last = editor.objects()[0]["keyframes"]
    assert (first["frame"], last["frame"]) == (0, 32)
    assert middle["frame"] < 16
    assert first["ease"] != "linear"
    assert (middle["x"], middle["y"]) == (on["x"], on["y"])


def test_a_finger_draws_a_path(editor: EditorPage) -> None:
    editor.load(ONE)
    session = editor.page.context.new_cdp_session(editor.page)
    editor.click("Pen")
    for kind, points in (
        ("touchStart", [(0.3, 0.4)]),
        ("touchMove", [(0.4, 0.7)]),
        ("touchMove", [(0.6, 0.7)]),
        ("touchEnd", []),
    ):
        places = [dict(zip("xy", editor.at(*point), strict=True)) for point in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    (cat,) = editor.objects()
    assert cat["path"] == "smooth"
    assert max(key["y"] for key in cat["keyframes"]) == pytest.approx(0.7, abs=0.03)
    assert cat["keyframes"][-1]["frame"] == 32
